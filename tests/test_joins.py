"""Joins: what they say where their inputs differ, and what they propose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlang.ops.base import Operator
from archlang.ops.arithmetic import Add, Mul
from archlang.ops.joining import Concat
from archlang.shapes import TensorType, input_type
from tests.cases import Case, read, rejection
from tests.laws import called, shape_of, tensors


def test_joins_say_what_differs() -> None:
    wide, narrow, small = input_type((256, 56, 56)), input_type((64, 56, 56)), input_type((256, 28, 28))
    said = rejection(Add(), wide, narrow)
    assert (said.code, said.message, said.help) == (
        "unequal-shapes",
        "add needs equal shapes, and these differ: 256x56x56 and 64x56x56",
        "project one side: `conv 1x1 256` brings 64x56x56 to 256x56x56",
    )
    assert rejection(Add(), small, narrow).help == (
        "one side has a stride more: `conv 1x1/2 256` brings 64x56x56 to 256x28x28"
    )
    assert rejection(Add(), input_type((9,)), input_type((5,))).help == "project one side: `linear 9` brings 5 to 9"
    assert rejection(Add(), wide, narrow, small).help is None
    said = rejection(Mul(), wide, narrow)
    assert (said.code, said.message) == (
        "unequal-shapes",
        "mul needs equal sizes, or 1, along each axis, and these differ: 256x56x56 and 64x56x56",
    )
    said = rejection(Concat(), narrow, small)
    assert said.code == "unequal-sizes"
    assert said.message == (
        "concat along c (the channels) needs equal sizes elsewhere, and these differ along h (the height): "
        "64x56x56 and 256x28x28"
    )
    said = rejection(Add(), input_type((9,)), narrow)
    assert (said.code, said.message) == (
        "unequal-shapes",
        "add needs equal axes, and these differ: 9 (n c) and 64x56x56 (n c h w)",
    )


@given(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(1, 9)] * 3), st.integers(0, 3))
def test_the_layer_that_add_proposes_brings_one_shape_to_the_other(
    one: tuple[int, ...], other: tuple[int, ...], rank: int
) -> None:
    x, y = input_type((7, *one[:rank])), input_type((5, *other[:rank]))
    help = rejection(Add(), x, y).help
    if help is None:
        assert one[:rank] != other[:rank]
        return
    found = re.fullmatch(r".*: `(.*)` brings (\S+) to (\S+)", help)
    assert found is not None
    case = read(found[1], found[2])
    assert str(case.op.outputs(*case.types)[0]) == found[3]
    assert {found[2], found[3]} == {str(x), str(y)}


@pytest.mark.parametrize("op", [Add(), Mul(), Concat()], ids=lambda op: op.word)
def test_joins_of_other_kinds(op: Operator) -> None:
    x = input_type((4, 5, 6))
    assert rejection(op).message == f"{op.word} takes two values or more, and none flows into it"
    assert rejection(op, x).code == "too-few-inputs"
    assert rejection(op, x, TensorType(x.shape, ("n", "h", "w", "c"))).code == "unequal-axes"
    assert rejection(op, x, TensorType(x.shape, x.axes, "int64")).code == "unequal-dtypes"
    assert rejection(op, x, x.resized(n=2)).code in ("unequal-shapes", "unequal-sizes")


def test_join_templates_keep_the_order() -> None:
    x = input_type((4, 5, 6))
    assert Add().torch(x, x).template == "{0} + {1}"
    assert Mul().torch(x, x, x).template == "{0} * {1} * {2}"
    assert Concat(axis=-1).torch(x, x).template == "torch.cat([{0}, {1}], -1)"


@given(st.lists(st.tuples(*[st.sampled_from((1, 1, 2, 3))] * 3), min_size=2, max_size=3))
def test_mul_repeats_what_torch_repeats(shapes: list[tuple[int, ...]]) -> None:
    case = Case(Mul(), tuple(map(input_type, shapes)))
    if case.rejection() is None:
        assert called(case)(*tensors(case.types)).shape == shape_of(case.op.outputs(*case.types)[0])
    else:
        with pytest.raises(RuntimeError, match="must match the size"):
            called(case)(*tensors(case.types))
