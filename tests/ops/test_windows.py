"""Windows: geometry at the limits of what torch accepts, help that is right or absent, exact reach."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlang.laws.calling import called, shape_of, tensors
from archlang.laws.cases import Case, rejection
from archlang.laws.seeing import influence
from archlang.ops.adaptive_pooling import AdaptiveAvgPool, GlobalAvgPool
from archlang.ops.base import Operator, Reach, Slide
from archlang.ops.convolution import Conv
from archlang.ops.pooling import AvgPool, MaxPool
from archlang.shapes import input_type
from tests.cases import more

# ---- help is right or absent -----------------------------------------------------------------------------------------

sizes = st.integers(1, 5)
WINDOWS: list[tuple[type[Operator], dict[str, st.SearchStrategy[Any]]]] = [
    (
        Conv,
        {
            "out": st.just(2),
            "padding_mode": st.sampled_from(("zeros", "zeros", "reflect", "circular", "replicate")),
            "dilation": st.integers(1, 3),
        },
    ),
    (MaxPool, {"dilation": st.integers(1, 3), "ceil": st.booleans()}),
    (AvgPool, {"ceil": st.booleans(), "count_include_pad": st.booleans()}),
]


@st.composite
def too_large(draw: st.DrawFn, op: type[Operator], others: dict[str, st.SearchStrategy[Any]]) -> Case:
    """Return windows over inputs that most are too large for."""
    rank = draw(st.integers(1, 3))
    x = input_type((2, *draw(st.tuples(*[sizes] * rank))))
    sides = draw(st.tuples(*[st.integers(1, 12)] * rank))
    fields: dict[str, Any] = {name: draw(values) for name, values in others.items()}
    pad = draw(st.tuples(*[st.integers(0, 2)] * rank))
    fields |= {"kernel": sides, "stride": draw(st.integers(1, 3)), "pad": pad}
    return Case(op(**fields), (x,))


@pytest.mark.parametrize("op, others", WINDOWS, ids=lambda value: getattr(value, "word", ""))
def test_the_proposals_of_the_help_fit(op: type[Operator], others: dict[str, st.SearchStrategy[Any]]) -> None:
    proposed: set[str] = set()

    @more
    @given(too_large(op, others).filter(lambda case: getattr(case.rejection(), "code", "") == "kernel-too-large"))
    def follow_the_help(case: Case) -> None:
        help = rejection(case.op, *case.types).help or ""
        for name, value in proposals(help):
            changed = case.op.model_copy(update={name: value})
            assert Case(changed, case.types).rejection() is None, f"{help}: {changed!r}"
            proposed.add(name)

    follow_the_help()
    assert proposed == {"kernel", "pad"}


def proposals(help: str) -> list[tuple[str, Any]]:
    """Return the arguments that the help proposes."""
    found: list[tuple[str, Any]] = []
    if match := re.search(r"a kernel of (\S+) fits", help):
        found.append(("kernel", numbers(match[1])))
    if match := re.search(r"pad=(\[.*?\]|\d+) makes room", help):
        found.append(("pad", numbers(match[1]) if match[1].startswith("[") else int(match[1])))
    return found


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def test_help_of_a_large_kernel() -> None:
    said = rejection(Conv(kernel=(7, 7), out=8, pad=1), input_type((3, 4, 9)))
    assert (said.message, said.about) == (
        "the kernel covers 7 positions along h, but the input 3x4x9 has 4 + 2 of padding",
        "kernel",
    )
    assert said.help == "a kernel of 6x7 fits this input; pad=[2, 1] makes room for this one"
    # reflected values are those next to the edge: of 2 values there is 1
    reflect = Conv(kernel=(7, 7), out=8, padding_mode="reflect")
    assert rejection(reflect, input_type((3, 2, 2))).help == "a kernel of 2x2 fits this input"
    # half of 2 is 1: no padding that a pool takes makes room for 2 values 8 apart, and none is proposed
    assert rejection(MaxPool(kernel=(2, 2), dilation=8, pad=1), input_type((3, 2, 2))).help is None


@pytest.mark.parametrize("kernel, dilation, pad", [((4, 4), 1, "2"), ((3, 2), 1, "1"), ((5, 4), 3, "[6, 5]")])
def test_same_padding_of_an_even_kernel(kernel: tuple[int, ...], dilation: int, pad: str) -> None:
    x = input_type((3, 24, 24))
    said = rejection(Conv(kernel=kernel, out=8, pad="same", dilation=dilation), x)
    assert (said.code, said.about) == ("same-needs-odd", "pad")
    assert said.help == f"write an odd kernel, or pad={pad}, which pads by one value more than `same` would"


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 12))
def test_same_padding_keeps_the_size_at_stride_1(half: int, dilation: int, size: int) -> None:
    op = Conv(kernel=(2 * half - 1,), out=3, pad="same", dilation=dilation)
    assert op.outputs(input_type((2, size)))[0].shape == (1, 3, size)


# ---- the edge of what torch takes ------------------------------------------------------------------------------------

CONV = Conv(kernel=(1, 1), out=2)
EDGES = [
    (CONV.model_copy(update={"pad": 3, "padding_mode": "reflect"}), (3, 4, 5), True),
    (CONV.model_copy(update={"pad": 4, "padding_mode": "reflect"}), (3, 4, 5), False),
    (CONV.model_copy(update={"pad": 4, "padding_mode": "circular"}), (3, 4, 5), True),
    (CONV.model_copy(update={"pad": 5, "padding_mode": "circular"}), (3, 4, 5), False),
    (CONV.model_copy(update={"pad": 9, "padding_mode": "replicate"}), (3, 4, 5), True),
    (MaxPool(kernel=(3, 3), pad=1), (3, 4, 5), True),
    (MaxPool(kernel=(3, 3), pad=2), (3, 4, 5), False),
    (MaxPool(kernel=(3, 3), pad=2, dilation=2), (3, 4, 5), False),
    (MaxPool(kernel=(3, 3), stride=2), (3, 2, 2), False),
    (MaxPool(kernel=(3, 3), stride=2, ceil=True), (3, 2, 2), True),  # the window extends beyond the end
    (MaxPool(kernel=(4, 4), stride=2, ceil=True), (3, 2, 2), False),
    (AvgPool(kernel=(3, 3), pad=1), (3, 1, 1), True),
    (AvgPool(kernel=(3, 3, 3), pad=1), (3, 1, 1, 1), False),
    (AvgPool(kernel=(3, 3, 3), pad=1), (3, 3, 3, 3), True),
]


@pytest.mark.parametrize("op, shape, fits", EDGES)
def test_the_edge_lies_where_torchs_does(op: Operator, shape: tuple[int, ...], fits: bool) -> None:
    case = Case(op, (input_type(shape),))
    assert (case.rejection() is None) == fits
    if fits:
        assert called(case)(*tensors(case.types)).shape == shape_of(op.outputs(*case.types)[0])
    else:
        with pytest.raises(RuntimeError):
            called(case)(*tensors(case.types))


# ---- reach -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, wanted, slide",
    [
        (14, 7, Slide(2, 2)),
        (7, 7, Slide(1, 1)),
        (7, 1, Slide(7, 0)),  # one position, which sees all
        (3, 2, Slide(2, 1)),  # 0..1 and 1..2
        (1, 4, Slide(1, 0)),  # one position, seen from everywhere
        (6, 4, Slide(Fraction(5, 2), Fraction(3, 2), Fraction(1, 2))),  # 0..1, 1..2, 3..4, 4..5
        (2, 3, Slide(2, Fraction(2, 3), Fraction(2, 3))),  # 0, 0..1, 1
    ],
)
def test_an_adaptive_pool_says_how_it_slides(size: int, wanted: int, slide: Slide) -> None:
    op, x = AdaptiveAvgPool(size=(wanted,)), input_type((2, size))
    assert op.reach(x) == Reach({"t": slide})


@given(st.integers(1, 12), st.integers(1, 12))
def test_the_windows_of_an_adaptive_pool_are_torchs(size: int, wanted: int) -> None:
    """What each position sees in torch: the work counts just that, and the reach holds it, tightly where it is even."""
    op, x = AdaptiveAvgPool(size=(wanted,)), input_type((3, size))
    seen = influence(Case(op, (x,)), 0, "t")
    assert op.work(x).elementwise == 3 * sum(map(len, seen))
    starts, extents = [min(one) for one in seen], {len(one) for one in seen}
    even = len(extents) == 1 and len({b - a for a, b in pairwise(starts)}) < 2
    slide = op.reach(x).slides["t"]
    reached = [
        (at * slide.step - slide.before, at * slide.step - slide.before + slide.extent - 1) for at in range(wanted)
    ]
    assert all(first <= min(one) and max(one) <= end for one, (first, end) in zip(seen, reached, strict=True))
    assert not even or [(min(one), max(one)) for one in seen] == reached


def test_each_axis_slides_by_itself() -> None:
    slides = AdaptiveAvgPool(size=(2, 4)).reach(input_type((3, 6, 6))).slides
    assert slides == {"h": Slide(3, 3), "w": Slide(Fraction(5, 2), Fraction(3, 2), Fraction(1, 2))}
    assert GlobalAvgPool().reach(input_type((3, 6, 5))) == Reach({"h": Slide(6, 0), "w": Slide(5, 0)})
