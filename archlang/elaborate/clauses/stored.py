"""The statements `param` and `buffer`: tensors that a net holds itself."""

from __future__ import annotations

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.clauses.inputs_outputs import written_dtype, written_sizes
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.state.builder import At
from archlang.elaborate.state.kinds import Given, Initial, kind
from archlang.elaborate.state.lookup import initial
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.ops import registry
from archlang.ops.initialisers import INITIALISERS
from archlang.source import Span


def run_param(item: s.Param, here: Here) -> None:
    """Add a tensor of the net's own: a value under its label, and a key of the state dict. `it` stays what it was."""
    word = "buffer" if item.buffer else "param"
    shape = written_sizes(item.shape, here)
    dtype, init = "float32", None
    for option in item.options:
        if option.name == "dtype":
            dtype = written_dtype(option)
        elif option.name == "init":
            init = option
        else:
            help = did_you_mean(option.name or "", ["init", "dtype"])
            message = f"a {word} has no `{option.name}`, only `init` and `dtype`"
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(option))
    if init is None:
        help = "write `init=zeros`, `init=normal(0.02)` or another initialiser"
        raise Mistake(Rejected("missing-argument", f"a {word} says how its values begin", help=help), item.span)
    chosen, values = _initialiser(init.value, here)
    name = step_labels.claim_key(item.label, here)
    if not name.isidentifier():
        raise Mistake(Rejected("bad-label", f"a {word} is called by a word, not by a number"), item.label.span)
    try:
        op = registry()[word].model_validate({"shape": shape, "init": chosen, "values": values, "dtype": dtype})
        types = op.outputs()
    except Rejected as rejected:
        raise Mistake(rejected, init.value.span if rejected.about == "init" else item.span) from None
    (value,) = here.builder.add_op(op, types, (), At(here.scope.path, name, item.span))
    step_labels.bind(item.label, value, here)


def _initialiser(node: s.Expression, here: Here) -> tuple[str, tuple[float, ...]]:
    """Return the word of an initialiser and its arguments. Arguments left out have their defaults."""
    value = (
        initial(node.text) if isinstance(node, s.Name) and here.lets.find(node.text) is None else evaluate(node, here)
    )
    if not isinstance(value, Initial):
        name = node.text if isinstance(node, s.Name) else ""
        help = did_you_mean(name, list(INITIALISERS)) or f"an initialiser is one of {', '.join(INITIALISERS)}"
        what = kind(value) if value is not None else f"`{name}`"
        raise Mistake(Rejected("unknown-initialiser", f"{what} is no initialiser", help=help), node.span)
    wanted = INITIALISERS[value.word].arguments
    values = dict(wanted)
    places: dict[str, Span] = {}
    for argument in value.given:
        name = _filled(value.word, argument, [name for name in wanted if name not in places])
        places[name] = argument.at
        if isinstance(argument.value, bool) or not isinstance(argument.value, (int, float)):
            message = f"`{name}` is a number, and this is {kind(argument.value)}"
            raise Mistake(Rejected("wrong-kind", message), argument.at)
        values[name] = float(argument.value)
    missing = [name for name, number in values.items() if number is None]
    if missing:
        help = f"write `{value.word}(0.1)`"
        raise Mistake(Rejected("missing-argument", f"`{value.word}` needs `{missing[0]}`", help=help), node.span)
    known = {name: number for name, number in values.items() if number is not None}
    refused = INITIALISERS[value.word].refusal(known)
    if refused is not None:
        name, message = refused
        raise Mistake(Rejected("out-of-range", message), places.get(name, node.span))
    return value.word, tuple(known.values())


def _filled(word: str, argument: Given, free: list[str]) -> str:
    """Return the name of the argument that is given to an initialiser."""
    if argument.name is not None and argument.name not in free:
        help = did_you_mean(argument.name, free)
        message = f"`{word}` has no argument `{argument.name}`"
        raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))
    if argument.name is None and not free:
        raise Mistake(Rejected("too-many-arguments", f"this is one argument more than `{word}` takes"), argument.span)
    return argument.name or free[0]
