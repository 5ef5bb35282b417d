"""The calls in which torch computes an operator end with the operator's own results."""

from __future__ import annotations

import pytest

from archlang.laws.allocating import inputs_of
from archlang.laws.calling import laid_as
from archlang.laws.cases import examples
from archlang.ops import registry
from archlang.ops.base import Operator


@pytest.mark.parametrize("op", registry().values(), ids=lambda op: op.word)
def test_the_last_call_gives_the_results(op: type[Operator]) -> None:
    for case in examples(op):
        types = laid_as(case, inputs_of(case))
        course = case.op.course(*types, training=True)
        if course is not None:
            found = [(y.shape, y.dtype) for y in course.stages[-1].outputs]
            assert found == [(y.shape, y.dtype) for y in case.op.outputs(*types)]
