"""Receptive fields against torch's gradients: random nets with branches, skips and joins, and those of tests/nets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archlang.compiler import Net, check
from archlang.facts.receptive import Interval, receptive_fields
from archlang.ir import Graph
from tests.cases import more
from tests.specs import graph_of, net_of

NETS = Path(__file__).parents[1] / "nets"

windows = st.sampled_from([
    "conv [1] 2", "conv [3] 2 pad=1", "conv [3]/2 2 pad=1", "conv [4]/3 2 pad=1", "conv [3] 2 pad=2 dilation=2",
    "conv [2] 2", "conv [5]/2 2 pad=2", "avgpool [2]", "avgpool [3]/2 pad=1", "relu", "pad before=3", "pad 1",
    'permute "n t c" -> linear 2 -> permute "n c t"',
])  # fmt: skip
phases = st.sampled_from([
    "upsample 2", "upsample 3 mode=linear", "upsample 2 mode=linear align_corners=true", "resize [33]", "resize [70]",
    "resize [50] mode=linear", "deconv [2]/2 2", "deconv [4]/2 2 pad=1", "deconv [3]/3 2", "adaptive_avgpool [9]",
])  # fmt: skip
cuts = st.sampled_from([
    "slice 2 -1 axis=2", "slice 1 axis=2 step=2", "take [0, 2, 4] axis=2", "take [5, 2, 9] axis=2",
    "split 2 axis=2 -> (front, back): it\n(back, front) -> concat axis=2",
    "mul { | it | globalavgpool -> conv [1] 2 -> sigmoid }", "maxpool [3]/2 pad=1 ceil=true",
    "mean axis=2 keep=true", "rearrange \"n c (t k=2) -> n (k c) t\" -> conv [1] 2",
])  # fmt: skip
keeping = st.sampled_from(["conv [3] 2 pad=1", "conv [5] 2 pad=2", "conv [1] 2", "avgpool [3]/1 pad=1", "relu"])


@st.composite
def steps(draw: st.DrawFn, among: st.SearchStrategy[str]) -> str:
    """Return lines of a net of two channels; branches of one size are joined by an addition or a concatenation."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["step", "step", "residual", "concat"]))
        if kind == "step":
            lines.append(draw(among))
        elif kind == "residual":
            lines.append(f"residual {{ {draw(keeping)} -> {draw(keeping)} }}")
        else:
            branches = " | ".join(draw(st.lists(keeping, min_size=1, max_size=3)))
            lines.append(f"concat {{ | {branches} | it }} -> conv [1] 2")
    return "\n".join(lines)


def seen_by_gradient(graph: Graph, axis: str, output: int = 0) -> list[set[int]]:
    """Return for each position of an output along an axis the positions of the first input with a gradient from it.

    Weights and values are positive, so that no gradient cancels another.
    """
    module = Net(graph).module(seed=0).double().eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.fill_(0 if name.endswith("bias") else weight.shape[0] / weight.numel() if weight.dim() > 1 else 1)
    given, made = graph.root.types[0], graph.root.types[graph.root.outputs[output].value]
    x = torch.rand(made[axis], *given.shape[1:], dtype=torch.float64, requires_grad=True)
    y = module(x)
    y = y[output] if isinstance(y, tuple) else y
    torch.stack([one.select(made.axes.index(axis) - 1, at).sum() for at, one in enumerate(y)]).sum().backward()
    assert x.grad is not None
    seen = x.grad.movedim(given.axes.index(axis), 1).flatten(2).abs().sum(2)
    return [set(row.nonzero().flatten().tolist()) for row in seen]


def told(paths: tuple[Interval, ...], position: int, size: int) -> set[int]:
    """Return the positions of the input within the intervals of a position."""
    found: set[int] = set()
    for path in paths:
        span = path.listed and path.listed.at(position)
        if span:
            first, last = max(span[0], 0), min(span[1], size - 1)
            found |= set(range(int(first), int(last) + 1))
    return found


def ends(graph: Graph) -> dict[str, tuple[Interval, ...]]:
    """Return the intervals of the net's first output."""
    *_, layer = graph.flat()
    return dict(receptive_fields(graph)[layer.outputs[-1]].paths)


def tried(text: str) -> Graph | None:
    """Return the net of these lines, None if it has too many positions at its end for a run."""
    from archlang.elaborate import elaborate
    from archlang.parse import parse
    from archlang.source import Source

    graph, wrong = elaborate(parse(Source("spec.arch", net_of(text, "2x48")))[0], "tried")
    return graph if graph and not wrong and graph.root.types[-1].shape[-1] <= 300 else None


@more
@given(steps(windows))
def test_windows_see_exactly_their_receptive_field(text: str) -> None:
    graph = tried(text)
    if graph is None:
        return
    (path,) = ends(graph)["t"]
    for position, seen in enumerate(seen_by_gradient(graph, "t")):
        window = told((path,), position, 48)
        assert seen <= window
        start = position * path.stride - path.pad
        if start >= 0 and start + path.extent <= 48:  # inside, so that padding removes no value
            assert (min(seen), max(seen)) == (min(window), max(window))
            assert len(window) == path.size == path.extent


@more
@given(steps(st.one_of(windows, phases, cuts)))
def test_everything_that_is_seen_is_in_the_receptive_field(text: str) -> None:
    graph = tried(text)
    if graph is None:
        return
    paths = ends(graph)["t"]
    for position, seen in enumerate(seen_by_gradient(graph, "t")):
        window = told(paths, position, 48)
        assert seen <= window
        assert len(window) <= sum(path.size for path in paths)


@pytest.mark.parametrize("text", ["upsample 2", "upsample 3 mode=linear", "deconv [4]/2 2 pad=1", "resize [72]"])
def test_the_interval_is_the_smallest_that_holds_each_phase(text: str) -> None:
    """Some phase touches its start, and some phase its end."""
    graph = graph_of(net_of(f"conv [3]/2 2 pad=1\n{text}\nconv [3] 2 pad=1", "2x96"))
    (path,) = ends(graph)["t"]
    inside = list(enumerate(seen_by_gradient(graph, "t")))[12:-12]
    starts = [position * path.stride - path.pad for position, _ in inside]
    assert min(min(seen) - start for (_, seen), start in zip(inside, starts, strict=True)) == 0
    assert min(start + path.extent - 1 - max(seen) for (_, seen), start in zip(inside, starts, strict=True)) == 0


def checked(name: str) -> Graph:
    found = check(str(NETS / name))
    assert not found.diagnostics
    return found.graphs[0]


@pytest.mark.parametrize(
    ("name", "axis", "output"),
    [
        ("unet.arch:small", "w", 0), ("unet.arch:small", "h", 0), ("wavenet.arch:wavenet", "t", 0),
        *(("fpn.arch:fpn", "w", output) for output in range(4)),
    ],
)  # fmt: skip
def test_the_nets(name: str, axis: str, output: int) -> None:
    graph = checked(name)
    number = _number_of_output(graph, output)
    field = receptive_fields(graph)[number]
    size = graph.root.types[0][axis]
    seen = seen_by_gradient(graph, axis, output)
    windows = [told(field.paths[axis], position, size) for position in range(len(seen))]
    assert all(one <= window for one, window in zip(seen, windows, strict=True))
    assert max(map(len, windows)) <= 2 * max(map(len, seen))  # pools see the greatest alone


def _number_of_output(graph: Graph, output: int) -> int:
    """Return the number, in the whole net, of an output of an operator that is in no block."""
    value = graph.root.outputs[output].value
    return next(
        number
        for layer in graph.flat()
        if layer.block is graph.root
        for own, number in zip(layer.node.outputs, layer.outputs, strict=True)
        if own == value
    )


def test_wavenet_by_hand() -> None:
    """Two stacks of dilations 1, 2, ..., 16 and the first convolution: that many samples of the past, none ahead."""
    (path,) = ends(checked("wavenet.arch:wavenet"))["t"]
    assert (path.size, path.stride, path.pad) == (1 + 2 * 31 + 1, 1, 2 * 31 + 1)
