"""Arguments without a name. Each may have its name; if the operator takes none without, the help keeps the meaning."""

from __future__ import annotations

import re

import pytest

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.evaluate import givens
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.steps.operators import bind_operator
from archlang.elaborate.top_level import top_of
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.parse import parse
from archlang.source import Source, Span
from tests.specs import net_of, wrong

VALUES = ["2", "0", "7", "0.5", "1e-06", "-1", "true", "false", '"tanh"', "[1, 2]", "[2]", "3x3", "tanh", "same"]
STEPS = [op for op in registry().values() if not op.declared]
# the words that a help proposes to write: `write X`, and `A` or `B` after a colon or `by name it takes`
OBEYED = re.compile(r"`([^`]+)`")


def bound(step: str) -> Operator:
    """Return the operator of a step with its arguments; raises `Mistake` if they are wrong."""
    return bound_at(step)[0]


def bound_at(step: str) -> tuple[Operator, dict[str, Span]]:
    """Return the operator of a step with its arguments, and the place of each."""
    file, wrong = parse(Source("spec.arch", f"net n {{\n  {step}\n}}"))
    assert not wrong, (step, wrong)
    (net,) = file.declarations
    assert isinstance(net, s.Definition)
    (item,) = net.body.items
    assert isinstance(item, s.Step) and isinstance(item.action, s.Apply) and isinstance(item.action.head, s.Name)
    op = registry()[item.action.head.text]
    here = top_of(file)
    return bind_operator(op, givens(item.action.arguments, here, op), item.span, here)


def refusal(step: str) -> Rejected | None:
    try:
        bound(step)
    except Mistake as mistake:
        return mistake.rejected
    return None


def obeyed(op: type[Operator], before: str, rejected: Rejected) -> list[str]:
    """Return the steps that a help proposes by name: whole ones unchanged, arguments after those that were right."""
    steps: list[str] = []
    for text in OBEYED.findall(re.sub(r"it is written like `[^`]+`", "", rejected.help or "")):
        if text.startswith(f"{op.word} ") and "=" in text:
            steps.append(text)
        elif re.match(r"(\w+=|/).", text):
            steps.append(f"{before} {text}")
    return steps


@pytest.mark.parametrize("op", STEPS, ids=lambda op: op.word)
def test_an_argument_without_a_name_is_never_just_left_out(op: type[Operator]) -> None:
    for before in dict.fromkeys([op.word, *[example.step for example in op.examples[:1]]]):
        for value in VALUES:
            rejected = refusal(f"{before} {value}")
            if rejected is None:
                continue
            told = f"{rejected.message}\n{rejected.help}"
            if op.model_fields:
                assert "takes no argument, and" not in told, told
            assert rejected.help != f"write `{op.word}`" or not op.model_fields, told
            for step in obeyed(op, before, rejected):
                missing = refusal(step)
                if missing is not None:
                    assert missing.code == "missing-argument", (step, missing.message)
                    continue
                made = bound(step)
                name = re.findall(r" (?:(/)|(\w+)=)", step)[-1][1] or "stride"
                assert _same(getattr(made, name), value), (step, told)


def _same(held: object, written: str) -> bool:
    """Return whether a field holds what was written without a name."""
    sides = [float(side) for side in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", written)]
    match held:
        case bool():
            return str(held).lower() == written
        case int() | float():
            return [held] == sides
        case tuple():
            return list(held) == sides
        case _:
            return held == written.strip('"')


@pytest.mark.parametrize(
    "step, code, help",
    [
        ("leaky_relu 0.2", "needs-a-name", "write `leaky_relu slope=0.2`"),
        ("elu 0.5", "needs-a-name", "write `elu alpha=0.5`"),
        ("layernorm 1e-6", "needs-a-name", "write `layernorm eps=1e-06`"),
        ("softmax 2", "needs-a-name", "write `softmax axis=2`"),
        ("batchnorm 0.001", "needs-a-name", "write the one that you mean: `eps=0.001` or `momentum=0.001`"),
        ("hardtanh 2", "needs-a-name", "write the one that you mean: `low=2` or `high=2`"),
        ("clamp 0 6", "needs-a-name", "write the one that you mean: `low=0` or `high=0`"),
        ("normalize 1", "needs-a-name", "write the one that you mean: `p=1` or `axis=1` or `eps=1`"),
        ("maxpool 3x3 2", "needs-a-name", "write the one that you mean: `/2` or `pad=2` or `dilation=2`"),
        ("mean 1", "wrong-kind", "write `mean axis=1`"),
        ("gelu tanh", "needs-a-name", "write `gelu approximate=tanh`"),
        ("layernorm affine=false 0.1", "needs-a-name", "write `eps=0.1`"),
        ("softmax 0.5", "too-many-arguments", "softmax takes `axis=` by name"),
        ("relu 6", "too-many-arguments", "write `relu`"),
    ],
)
def test_help(step: str, code: str, help: str) -> None:
    (diagnostic,) = wrong(net_of(step, "3x32x32"))
    assert (diagnostic.code, diagnostic.help) == (code, help)


# ---- arguments that need no name, with their names


def named(step: str) -> str | None:
    """Return the step with the name of each argument; None if each has its name already."""
    made, places = bound_at(step)
    words = [f"{name}={spelt(getattr(made, name))}" for name in places]
    return " ".join([made.word, *words]) if places.keys() & {*made.positional, "stride"} else None


def spelt(value: object) -> str:
    """Return a field's value as an argument."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(spelt, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    "op", [op for op in STEPS if op.positional or "stride" in op.model_fields], ids=lambda op: op.word
)
def test_each_argument_may_have_its_name(op: type[Operator]) -> None:
    steps = [(example.step, named(example.step)) for example in op.examples]
    assert any(with_names for _, with_names in steps)
    for step, with_names in steps:
        assert with_names is None or bound(with_names) == bound(step), with_names
