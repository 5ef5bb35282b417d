"""Joins: what they say where their inputs differ, and what they propose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlang.laws import LAWS
from archlang.laws.calling import called, shape_of, tensors
from archlang.laws.cases import Case, read, rejection
from archlang.ops.alike import Add, Average, Maximum
from archlang.ops.arithmetic import Div, Mul, Sub
from archlang.ops.base import Operator
from archlang.ops.joining import Concat, Stack
from archlang.ops.product import MatMul
from archlang.shapes import TensorType, input_type, param_type
from tests.ops.test_laws import open_questions

TOKENS = TensorType((1, 5, 4), ("n", "t", "c"))


def test_joins_say_what_differs() -> None:
    wide, narrow, small = input_type((256, 56, 56)), input_type((64, 56, 56)), input_type((256, 28, 28))
    said = rejection(Add(), wide, narrow)
    assert (said.code, said.message, said.help) == (
        "unequal-shapes",
        "add needs equal shapes, but these differ: 256x56x56 and 64x56x56",
        "project one side: `conv 1x1 256` brings 64x56x56 to 256x56x56",
    )
    assert rejection(Add(), small, narrow).help == (
        "one side has one more stride: `conv 1x1/2 256` brings 64x56x56 to 256x28x28"
    )
    assert rejection(Add(), input_type((9,)), input_type((5,))).help == "project one side: `linear 9` brings 5 to 9"
    assert rejection(Add(), wide, narrow, small).help is None
    gate = input_type((3, 1, 1))
    assert (
        rejection(Add(), input_type((3, 6, 5)), gate).help
        == "`expand [3, 6, 5]` repeats a value along its axes of size 1"
    )
    said = rejection(Mul(), wide, narrow)
    assert (said.code, said.message) == (
        "unequal-shapes",
        "mul needs equal sizes, or 1, along each axis, but these differ: 256x56x56 and 64x56x56",
    )
    said = rejection(Concat(), narrow, small)
    assert said.code == "unequal-sizes"
    assert said.message == (
        "concat along c (the channels) needs equal sizes elsewhere, but these differ along h (the height): "
        "64x56x56 and 256x28x28"
    )
    said = rejection(Add(), input_type((9,)), narrow)
    assert (said.code, said.message) == (
        "unequal-shapes",
        "add needs equal axes, but these differ: 9 (n c) and 64x56x56 (n c h w)",
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
    assert rejection(op).message == f"{op.word} takes two values or more, but none flows into it"
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


def param(*shape: int) -> TensorType:
    return param_type(shape)


@pytest.mark.parametrize(
    "op, types, wanted",
    [
        (Add(), (TOKENS, param(1, 5, 4)), TOKENS),
        (Add(), (param(4), TOKENS), TOKENS),
        (Mul(), (param(4, 1, 1), input_type((4, 5, 6))), input_type((4, 5, 6))),
        (Mul(), (input_type((4, 1, 1)), param(1, 1, 5, 6)), input_type((4, 5, 6))),
        (Maximum(), (param(5, 1), param(3)), param(5, 3)),
        (Sub(), (param(1), TOKENS), TOKENS),
        (Div(), (TOKENS, param()), TOKENS),
        (Average(), (TOKENS, TOKENS, param(1, 1, 4)), TOKENS),
        (Concat(), (param(1, 1, 4), TOKENS), TOKENS.resized(t=6)),
        (Concat(), (param(2, 3), param(2, 1)), param(2, 4)),
        (Stack(), (param(1, 5, 4), TOKENS), TensorType((1, 2, 5, 4), ("n", "s", "t", "c"))),
    ],
    ids=lambda value: value.word if isinstance(value, Operator) else "",
)
def test_parameters_join_values_with_a_batch(op: Operator, types: tuple[TensorType, ...], wanted: TensorType) -> None:
    assert op.outputs(*types) == (wanted,)
    for law in LAWS:
        with open_questions(op, law):
            law(Case(op, types))


@pytest.mark.parametrize(
    "op, types, code, message",
    [
        (Add(), (TOKENS, param(2, 5, 4)), "unequal-shapes", "5x4 and 2x5x4"),  # 2 is no batch
        (Add(), (TOKENS, param(1, 1, 5, 4)), "unequal-shapes", "5x4 and 1x1x5x4"),  # more axes than the value has
        (Mul(), (TOKENS, param(3)), "unequal-shapes", "5x4 and 3"),
        (Concat(), (TOKENS, param(2, 1, 4)), "param-batch", "a parameter is repeated for each image"),
        (Concat(), (TOKENS, param(1, 4)), "unequal-shapes", "5x4 and 1x4"),
        (Concat(), (TOKENS, param(1, 1, 3)), "unequal-sizes", "c (the channels)"),
        (Concat(), (param(2, 3), param(3, 3)), "unequal-sizes", "along axis 0"),
        (Add(), (TOKENS, param_type((4,), "float64")), "unequal-dtypes", "float32 and float64"),
    ],
)
def test_parameters_that_do_not_fit(op: Operator, types: tuple[TensorType, ...], code: str, message: str) -> None:
    said = rejection(op, *types)
    assert (said.code, said.about) == (code, "input")
    assert message in said.message


def test_a_parameter_is_repeated_along_the_batch_of_a_value() -> None:
    template = Concat().torch(param(1, 1, 4), TOKENS).template
    assert template == "torch.cat([{0}.expand({1}.shape[0], -1, -1), {1}], 1)"
    assert rejection(Concat(), TOKENS, param(2, 1, 4)).help == "declare it as 1x1x4"


def test_the_axes_of_a_product_have_names() -> None:
    queries, keys = TensorType((1, 5, 4), ("n", "t", "c")), TensorType((1, 4, 5), ("n", "c", "t"))
    (scores,) = MatMul().outputs(queries, keys)
    assert (scores.names, scores.shape) == ("n t s", (1, 5, 5))
    (values,) = MatMul().outputs(scores, queries)
    assert values == queries
    assert MatMul().outputs(queries, param(4, 3)) == (queries.resized(c=3),)
    assert rejection(MatMul(), queries, queries).code == "unequal-sizes"
    assert rejection(MatMul(), queries).message == "matmul takes two values, but one flows into it"
    assert rejection(MatMul(), input_type((4,)), input_type((4,))).code == "wrong-rank"
    assert rejection(Sub(), queries, queries, queries).message == "sub takes two values, but 3 flow into it"
