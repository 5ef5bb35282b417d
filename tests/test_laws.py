"""The laws: what every operator tells of itself, against torch, over its examples and over random arguments.

A new operator is found in the registry and tested here without a line being added.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given

from archlang.diagnostics import Rejected
from archlang.ops import registry
from archlang.ops.base import Module, Operator
from tests.cases import Case, accepted, cases, examples, few, more
from tests.laws import LAWS, built, called, inputs_of, settings_of

OPERATORS = [op for op in registry().values() if not op.declared]
TORCH_REFUSES = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)
# where we are stricter than torch, and why
STRICTER = {
    "batch-axis": "torch mixes the images of a batch",
    "linear-needs-channels-last": "torch asks for the width alone, and takes a map's for it",
    "needs-channels-last": "torch asks for the width alone, and takes a map's for it",
    "wrong-rank": "torch takes the batch for channels where an axis is missing, and knows no names of axes",
    "wrong-dtype": "torch activates and pools some whole numbers",
    "unequal-axes": "torch knows no names of axes",
    "unequal-dtypes": "torch joins different dtypes in the wider one",
    "unequal-shapes": "torch adds a vector to a map from the right; of two that differ in the batch one may be 1",
    "axes-clash": "torch knows no names of axes",
    "parts-do-not-divide": "torch makes the last part smaller",
    "no-such-position": "torch cuts a slice at the end of what there is",
    "empty-output": "torch gives a value of no values",
    "too-many-inputs": "torch has no subtraction and no division of more than two",
    "param-batch": "torch takes a parameter of the batch's size for one of each image",
    "causal-lengths": "torch lets the first queries see the first keys, however many there are",
    "too-few-inputs": "torch has no join of one value",
}

operators = pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.word)


@operators
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_examples_keep_the_law(op: type[Operator], law: Callable[[Case], None]) -> None:
    assert examples(op), f"{op.word} has no examples"
    for case in examples(op):
        law(case)


@operators
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_random_cases_keep_the_law(op: type[Operator], law: Callable[[Case], None]) -> None:
    @few
    @given(accepted(op))
    def keep_the_law(case: Case) -> None:
        law(case)

    keep_the_law()


@operators
def test_every_argument_reaches_torch(op: type[Operator]) -> None:
    """With another value of a field, some accepted case is another module. So every field takes several values, too."""
    fields = list(op.model_fields)
    reached: set[str] = set()

    def see(case: Case, other: Case) -> None:
        for field in fields:
            changed = Case(case.op.model_copy(update={field: getattr(other.op, field)}), case.types)
            if changed.rejection() is None and told(changed) != told(case):
                reached.add(field)

    for case, other in product(examples(op), repeat=2):
        see(case, other)

    @more
    @given(accepted(op), cases(op))
    def collect(case: Case, other: Case) -> None:
        see(case, other)

    collect()
    assert reached == set(fields)


def told(case: Case) -> object:
    call = case.op.torch(*case.types)
    return settings_of(built(call)) if isinstance(call, Module) else call


@operators
def test_torch_takes_and_refuses_the_same(op: type[Operator]) -> None:
    @more
    @given(cases(op))
    def agree(case: Case) -> None:
        rejected = case.rejection()
        if rejected is None:
            called(case)(*inputs_of(case))
            return
        assert rejected.about in (*op.model_fields, "input"), rejected.about
        if rejected.code in STRICTER:
            return
        with pytest.raises((*TORCH_REFUSES, Rejected)):
            called(case)(*inputs_of(case))

    agree()
