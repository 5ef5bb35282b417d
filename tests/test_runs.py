"""How operators run in torch: the temporaries of their calls, and where gradients are allocated. Deterministic."""

from __future__ import annotations

from math import prod

import pytest

from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.ops.layouts import Laid
from archlang.shapes import DTYPE_BYTES, TensorType
from tests.calls import Backward, counted, forward_bytes, inputs_of
from tests.cases import Case, examples
from tests.test_saved import laid_as

OPERATORS = [op for op in registry().values() if not op.declared]
operators = pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.word)


def told_forward(case: Case, types: list[Laid], training: bool) -> int | None:
    """The most bytes alive of which the operator tells; None where that is unknown."""
    temporaries = case.op.temporaries(*types)
    if temporaries is None:
        return None
    outputs = 0 if case.op.view(*types) else sum(map(_bytes, case.op.outputs(*types)))
    own = sum(counted(one.bytes) for one in case.op.saved(*types) if one.what == "own") if training else 0
    if own:
        return own + outputs
    sizes = [sum(map(_bytes, call)) for call in temporaries]
    return max([*sizes, sum(sizes[-1:]) + outputs])


def told_backward(case: Case, types: list[Laid]) -> int | None:
    places = case.op.gradient_places(*types)
    if places is None or case.op.backward_in_one_call(*types) is None:
        return None
    (y, *_), weights = case.op.outputs(*types), case.op.weights(*case.types)
    floats = [(x, place) for x, place in zip(types, places, strict=True) if x.is_float]
    alive = sum(counted(weight.count * DTYPE_BYTES[weight.dtype]) for weight in weights if not weight.buffer)
    shared = [x for x, place in floats if place == "shared"][:1]
    alive += sum(_bytes(x) for x, place in floats if place == "new") + sum(map(_bytes, shared))
    summed = [x for x, place in floats if place == "summed"]
    alive += len(summed) * _bytes(y)
    most = alive
    for x in summed:  # of the size of the result first, then summed up
        most = max(most, alive + _bytes(x))
        alive += _bytes(x) - _bytes(y)
    return most


def _bytes(x: TensorType) -> int:
    return counted(prod(x.shape) * DTYPE_BYTES[x.dtype])


@operators
@pytest.mark.parametrize("training", [False, True])
def test_the_temporaries_are_torchs(op: type[Operator], training: bool) -> None:
    for case in examples(op):
        if op.idle and not training:
            continue
        inputs = inputs_of(case)
        told = told_forward(case, laid_as(case, inputs), training)
        if told is not None:
            assert told == forward_bytes(case, inputs, training), str(case)


@operators
def test_gradients_are_allocated_where_the_operator_tells(op: type[Operator]) -> None:
    for case in examples(op):
        inputs = inputs_of(case)
        passed = Backward(case, inputs)
        if not passed.exists:
            continue
        types = laid_as(case, inputs)
        places = case.op.gradient_places(*types)
        if places is not None:
            plain = ["new" if place == "summed" else place for place in places]
            assert [place for x, place in zip(types, plain, strict=True) if x.is_float] == passed.places(), str(case)
        told = told_backward(case, types)
        if told is not None:
            assert told == passed.bytes(), str(case)
