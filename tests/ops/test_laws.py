"""The laws: what every operator declares, compared with torch, on its examples and on random arguments.

A new operator is found in the registry and tested here without a line being added.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from pydantic import ValidationError

from archlang.diagnostics import Rejected
from archlang.laws import LAWS, Comparison, Undeclared
from archlang.laws.calling import built, called, inputs_of, settings_of
from archlang.laws.cases import Case, examples, out_of_bounds
from archlang.laws.strategies import accepted, cases
from archlang.ops import registry
from archlang.ops.base import Module, Operator
from tests.cases import argument_sets, more

OPERATORS = [op for op in registry().values() if not op.declared]
TORCH_REFUSES = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    AssertionError,
    ZeroDivisionError,
    AttributeError,
    UserWarning,
)
PAGES = Path(__file__).parents[2] / "docs" / "errors"

operators = pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.word)


# everything else is known of every operator of this package
MAY_BE_OPEN = (
    "temporaries", "backward in one call", "saved bytes under autocast", "temporaries under autocast",
)  # fmt: skip
NO_GRADIENT_PLACES = ("einsum",)  # which spreads a gradient over an axis that it summed, in memory of fewer values


def open_questions(op: type[Operator] | Operator, law: Comparison) -> suppress:
    """Pass over a law about what an operator may leave undeclared."""
    is_open = law.name in MAY_BE_OPEN or (law.name == "gradient places" and op.word in NO_GRADIENT_PLACES)
    return suppress(*([Undeclared] if is_open else []))


@operators
def test_examples_keep_the_laws(op: type[Operator]) -> None:
    assert examples(op), f"{op.word} has no examples"
    for law, case in product(LAWS, examples(op)):
        with open_questions(op, law):
            law(case)


@operators
@argument_sets(64)
def test_random_cases_keep_the_laws(op: type[Operator], count: int) -> None:
    """Every field takes at least two values, a bias is there or not, every rank occurs, with the examples counted."""
    kept: list[Case] = []

    @settings(more, max_examples=count)
    @given(accepted(op))
    def keep_the_laws(case: Case) -> None:
        for law in LAWS:
            if not law.slow:
                with open_questions(op, law):
                    law(case)
        kept.append(case)

    keep_the_laws()
    assert len(kept) >= count
    seen = [*kept, *examples(op)]
    for field in op.model_fields:
        assert len({repr(getattr(case.op, field)) for case in seen}) > 1, f"{field} has one value in all cases"
    ranks = {tuple(len(x.axes) for x in case.types) for case in seen}
    assert ranks >= {tuple(len(x.axes) for x in case.types) for case in examples(op)}


@operators
def test_every_argument_reaches_torch(op: type[Operator]) -> None:
    """With another value of a field, some accepted case is another module, or its axes have other names.

    So every field takes several values, too.
    """
    fields = set(op.model_fields)
    reached: set[str] = set()

    def see(case: Case, other: Case) -> None:
        for field in fields - reached:
            value = getattr(other.op, field)
            changed = Case(case.op.model_copy(update={field: value}), case.types)
            if value != getattr(case.op, field) and changed.rejection() is None and told(changed) != told(case):
                reached.add(field)

    for case, other in product(examples(op), repeat=2):
        see(case, other)

    @more
    @given(accepted(op), cases(op))
    def collect(case: Case, other: Case) -> None:
        see(case, other)

    if reached != fields:  # the examples do not show each
        collect()
    assert reached == fields


def told(case: Case) -> object:
    """Return what torch receives: the call, or the settings of its module and its initial weights."""
    call = case.op.torch(*case.types)
    names = [y.axes for y in case.op.outputs(*case.types)]
    if not isinstance(call, Module):
        return names, call
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = built(call)
    return names, settings_of(module), [(key, x.tolist()) for key, x in module.state_dict().items()]


@operators
@argument_sets(64)
def test_torch_takes_and_refuses_the_same(op: type[Operator], count: int) -> None:
    @settings(more, max_examples=count)
    @given(cases(op))
    def agree(case: Case) -> None:
        rejected = case.rejection()
        if rejected is None:
            called(case)(*inputs_of(case))
            return
        assert rejected.about in (*op.model_fields, "input"), rejected.about
        if rejected.code in op.stricter:
            return
        with pytest.raises((*TORCH_REFUSES, Rejected)):
            called(case)(*inputs_of(case))

    agree()


@operators
def test_torch_refuses_what_is_out_of_bounds(op: type[Operator]) -> None:
    """Except the arguments for which the operator says that torch accepts more; these, torch accepts."""
    taken: set[str] = set()
    for name, case in out_of_bounds(op):
        with pytest.raises(ValidationError, match=name):
            op(**vars(case.op))
        with suppress(*TORCH_REFUSES, Rejected):
            called(case)(*inputs_of(case))
            taken.add(name)
    assert taken == {name for name in op.stricter if name in op.model_fields}
    assert all((PAGES / f"{code}.md").is_file() for code in op.stricter if code not in op.model_fields)
