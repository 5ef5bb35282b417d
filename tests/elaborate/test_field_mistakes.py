"""One mistake for each field of each operator, at the top of a net and in a block called from a loop in a branch.

The operators come from the registry and the wrong values from the rules of their fields, so that a new operator is held
to this without a line here. Each mistake gets one message, under its own words, that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import pytest
from pydantic import ValidationError

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.evaluate import givens
from archlang.elaborate.steps.operators import bind_operator
from archlang.elaborate.top_level import top_of
from archlang.laws.cases import examples, input_lines
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.parse import parse
from archlang.source import Source, Span
from tests.specs import words_at, wrong

# texts that a user may write by mistake, with their values: other kinds, and numbers beyond all bounds
VALUES: dict[str, object] = {
    "true": True, "3": 3, "-1": -1, "0": 0, "-99": -99, "99": 99, "2.5": 2.5, "-0.5": -0.5, "(10**9)": 10**9,
    '"nonsense"': "nonsense", "[0, -7]": (0, -7), "[]": (), "[[1], 2]": ((1,), 2), "[true]": (True,), "relu": "relu",
}  # fmt: skip


@dataclass(frozen=True)
class Slip:
    """A step with one mistake in it: the step, the words at fault, and what the message must name."""

    step: str
    culprit: str
    names: str  # a pattern
    meant: str = ""  # what the help must propose


# ---- a step and the places of its arguments


@dataclass(frozen=True)
class Sample:
    """The first example of an operator, and the place of each field's words in it; a length of 0 adds words."""

    op: type[Operator]
    step: str
    inputs: tuple[str, ...]
    places: dict[str, tuple[int, int]]

    def with_value(self, field: str, text: str) -> Slip:
        """Return the step with another value for a field, given in the way in which that field is given."""
        # of several fields without a name, the value's kind says which it is for
        names = "|".join(self.op.positional) if field in self.op.positional else field
        if field in self.places:
            start, end = self.places[field]
            after = self.step[end:]
            # a stride that follows its window stands alone here; otherwise the message would be about the window
            return Slip(f"{self.step[:start]}{text}{' ' * after.startswith('/')}{after}", text, names)
        before = "/" if field == "stride" else "" if field in self.op.positional else f"{field}="
        return Slip(f"{self.step} {before}{text}", text, names)

    def with_name(self, field: str, name: str, meant: str = "") -> Slip:
        """Return the step with the value of a field under another name."""
        value = "1"
        if field in self.places:
            start, end = self.places[field]
            value = self.step[start:end]
            before = self.step[:start].removesuffix(f"{field}=").removesuffix("/")
            step = f"{before}{self.step[end:]}"
        else:
            step = self.step
        return Slip(f"{step} {name}={value}".replace("  ", " "), name, name, meant)


@cache
def sample(op: type[Operator]) -> Sample:
    example = op.examples[0]
    text = f"net a {{\n{example.step}\n}}"
    file, found = parse(Source("spec.arch", text))
    (net,) = file.declarations
    assert isinstance(net, s.Definition) and not found
    (step,) = net.body.items
    assert isinstance(step, s.Step) and isinstance(step.action, s.Apply)
    here = top_of(file)
    _, places = bind_operator(op, givens(step.action.arguments, here, op), step.span, here)
    inputs = tuple(example.inputs.split(", "))
    return Sample(op, example.step, inputs, {name: _columns(span) for name, span in places.items()})


def _columns(span: Span) -> tuple[int, int]:
    return span.column - 1, span.end_column - 1


# ---- the mistakes


def wrong_values(op: type[Operator], field: str) -> Iterator[Slip]:
    """Yield steps whose field has a value that it does not take."""
    case = examples(op)[0]
    right = case.op.model_dump()
    for text, value in VALUES.items():
        try:
            op(**(right | {field: value}))
        except ValidationError as error:
            if {detail["loc"][0] for detail in error.errors() if detail["loc"]} <= {field}:
                yield sample(op).with_value(field, text)


def values_that_do_not_fit(op: type[Operator], field: str) -> Iterator[Slip]:
    """Yield steps whose field has a value that it may have, but not with these inputs."""
    case = examples(op)[0]
    right = case.op.model_dump()
    for text, value in VALUES.items():
        try:
            op(**(right | {field: value})).outputs(*case.types)
        except ValidationError:
            continue
        except Rejected:
            yield sample(op).with_value(field, text)


def wrong_names(op: type[Operator], field: str) -> Iterator[Slip]:
    """Yield steps that give a field by a misspelt name."""
    yield sample(op).with_name(field, f"{field}{field[-1]}", meant=field)


# ---- their places


@dataclass(frozen=True)
class Spec:
    """A text, and the line of the step in it."""

    text: str
    line: int


def at_the_top(step: str, inputs: tuple[str, ...]) -> Spec:
    lines = ["net tried {", *_declared(inputs), f"{_tuple(inputs)} -> {step}", "output", "}"]
    return Spec("\n".join(lines), len(lines) - 2)


def in_a_block(step: str, inputs: tuple[str, ...]) -> Spec:
    """Return the step in a block, called from a loop, in a branch."""
    taken = [f"input x{at}" for at in range(len(inputs))]
    block = ["block inner {", *taken, step, "}", ""]
    calls = [_tuple(inputs), "if true {", "concat {", "| for i in range(3) { | inner }", "| (x0)", "}", "}"]
    return Spec("\n".join([*block, "net tried {", *_declared(inputs), *calls, "output", "}"]), len(block) - 2)


PLACES = {"at the top": at_the_top, "in a block": in_a_block}


def _declared(inputs: tuple[str, ...]) -> list[str]:
    lines = [line for at, text in enumerate(inputs) for line in input_lines(f"x{at}", *text.split())]
    return sorted(lines, key=lambda line: "->" in line)  # inputs stand before all steps


def _tuple(inputs: tuple[str, ...]) -> str:
    return f"({', '.join(f'x{at}' for at in range(len(inputs)))})"


def complaint(slip: Slip, op: type[Operator], place: str, anywhere: bool = False) -> str | None:
    """Return what is wrong with the message about a slip; None if it is right."""
    spec = PLACES[place](slip.step, sample(op).inputs)
    found = wrong(spec.text)
    if len(found) != 1:
        return f"{slip.step!r} {place} gets {len(found)} messages: {[d.message for d in found]}"
    (diagnostic,) = found
    where = (diagnostic.span.line, diagnostic.span.column)
    row = f"{slip.step!r} {place}: {diagnostic.code}: {diagnostic.message}"
    if diagnostic.span.line != spec.line:
        return f"{row} is told at {where}, not in line {spec.line}"
    if place == "in a block" and not any("called here" in label.text for label in diagnostic.labels):
        return f"{row} does not tell of the call"
    if place == "in a block" and not any("in the turn" in label.text for label in diagnostic.labels):
        return f"{row} does not tell of the loop"
    if anywhere:
        return None
    start = spec.text.splitlines()[spec.line - 1].rindex(slip.culprit) + 1
    if words_at(spec.text, diagnostic) != slip.culprit or where != (spec.line, start):
        return f"{row} stands under `{words_at(spec.text, diagnostic)}`, not under `{slip.culprit}`"
    if not re.search(rf"\b({slip.names})\b", diagnostic.message):
        return f"{row} does not name `{slip.names}`"
    if slip.meant and diagnostic.help != f"did you mean `{slip.meant}`?":
        return f"{row} does not say that `{slip.meant}` was meant, but {diagnostic.help}"
    return None


def complaints(op: type[Operator], slips: list[Slip], anywhere: bool = False) -> list[str]:
    found = (complaint(slip, op, place, anywhere) for slip, place in product(slips, PLACES))
    return [text for text in found if text is not None]


# mistakes in what statements declare are in test_statement_mistakes.py
WORDS = sorted(word for word, op in registry().items() if not op.declared)


@pytest.mark.parametrize("word", WORDS)
def test_the_example_is_right_in_both_places(word: str) -> None:
    """So every message below is about the mistake."""
    op = registry()[word]
    assert wrong(at_the_top(sample(op).step, sample(op).inputs).text) == []
    spec = in_a_block(sample(op).step, sample(op).inputs)
    assert [d for d in wrong(spec.text) if d.span.line == spec.line] == []


@pytest.mark.parametrize("word", WORDS)
def test_a_wrong_value(word: str) -> None:
    for field in registry()[word].model_fields:
        slips = list(wrong_values(registry()[word], field))
        assert slips, f"every value is right for `{field}` of {word}"
        assert complaints(registry()[word], slips) == []


@pytest.mark.parametrize("word", WORDS)
def test_a_value_that_does_not_fit(word: str) -> None:
    op = registry()[word]
    slips = [slip for field in op.model_fields for slip in values_that_do_not_fit(op, field)]
    assert complaints(op, slips, anywhere=True) == []


@pytest.mark.parametrize("word", WORDS)
def test_a_wrong_name(word: str) -> None:
    op = registry()[word]
    assert complaints(op, [slip for field in op.model_fields for slip in wrong_names(op, field)]) == []


@pytest.mark.parametrize("word", WORDS)
def test_a_wrong_word(word: str) -> None:
    """The operator's own name, misspelt."""
    op = registry()[word]
    step = sample(op).step.replace(word, f"{word}q", 1)
    assert complaints(op, [Slip(step, f"{word}q", f"{word}q")]) == []


def test_no_operator_and_no_field_is_left_out() -> None:
    assert {word for word, op in registry().items() if op.declared} <= {"param", "buffer"}
    assert all(registry()[word].examples for word in WORDS)
