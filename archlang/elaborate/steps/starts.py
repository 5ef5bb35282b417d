"""Initial weights of a step: its own `init=` and `bias_init=`, else the defaults at this place."""

from __future__ import annotations

from collections.abc import Sequence

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.evaluating.evaluate import givens
from archlang.elaborate.evaluating.initial_values import start_of
from archlang.elaborate.state.builder import At
from archlang.elaborate.state.kinds import Given
from archlang.elaborate.state.lookup import operator
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.elaborate.vocabulary.unknown import words_of
from archlang.ops import registry
from archlang.ops.base import Operator, Weight
from archlang.ops.fans import refuse_fans
from archlang.ops.initialisers import is_start, refuse_start
from archlang.shapes import TensorType


def starts_in(given: tuple[Given, ...], op: type[Operator]) -> tuple[tuple[Given, ...], tuple[Given, ...]]:
    """Split the arguments of an operator into its own and those that initialise its weights."""
    said = tuple(g for g in given if g.name is not None and is_start(g.name) and g.name not in op.model_fields)
    return (tuple(g for g in given if g not in said), said) if said else (given, said)


def starts_of(
    op: Operator, types: tuple[TensorType, ...], said: Sequence[Given], at: At, here: Here
) -> dict[str, ir.Start]:
    """Return the initialisers of an operator's weights, by name. Tied weights start like those they are tied to."""
    weights = {weight.name: weight for weight in op.weights(*types) if not weight.buffer}
    for given in said:
        _refuse_nothing_filled(op, weights, given, at)
    defaults = [given for word, given in here.starts if word == op.word]
    tied = dict(at.ties)
    starts: dict[str, ir.Start] = {}
    for name, weight in weights.items():
        chosen = _chosen(weight, said) or _chosen(weight, defaults)
        start = start_of(chosen) if chosen is not None and name not in tied else None
        if chosen is None or start is None:
            continue
        try:
            refuse_start(start.word, start.values, weight.shape)
            refuse_fans(start.word, start.values, weight.fans)
        except Rejected as rejected:
            labels = () if chosen in said else (Label(at.span, f"`{op.word}` has such a weight here"),)
            raise Mistake(rejected, chosen.at, labels) from None
        starts[name] = start
    return starts


def _chosen(weight: Weight, said: Sequence[Given]) -> Given | None:
    """Return the argument that initialises a weight: the one with its name, else the latest that fits."""
    exact = [given for given in said if given.name == _own_argument(weight)]
    fitting = exact or [given for given in said if given.name == _argument(weight)]
    return fitting[-1] if fitting else None


def _own_argument(weight: Weight) -> str:
    return f"{weight.name.replace('.', '_')}_init"


def _argument(weight: Weight) -> str:
    """Return the argument that fills a weight among others."""
    last = weight.name.rpartition(".")[2]
    if weight.factor:
        return _own_argument(weight)
    return "bias_init" if last == "bias" or last.startswith("bias_") or last.endswith("_bias") else "init"


def _refuse_nothing_filled(op: Operator, weights: dict[str, Weight], given: Given, at: At) -> None:
    """Refuse an argument that fills no weight of the operator, or only tied ones."""
    filled = [name for name, weight in weights.items() if _chosen(weight, [given]) is not None]
    if filled and not all(name in dict(at.ties) for name in filled):
        return
    if filled:
        message, help = f"`{given.name}` fills nothing: the {filled[0]} of this {op.word} is tied to another's", None
    elif not weights:
        message, help = f"{op.word} has no weights here, so `{given.name}` fills nothing", None
    else:
        message = f"this {op.word} has no weight that `{given.name}` fills"
        names = dict.fromkeys([*map(_argument, weights.values()), *map(_own_argument, weights.values())])
        help = f"its weights are filled by {words_of([f'{name}=' for name in names])}"
    raise Mistake(Rejected("unknown-argument", message, help=help), name_span(given))


def run_default(item: s.Default, here: Here) -> None:
    """Record how weights of an operator are initialised in the steps that follow, and in the blocks that they call."""
    word = item.operator.text
    found = operator(word)
    if found is None:
        help = did_you_mean(word, [name for name, op in registry().items() if not op.declared])
        message = f"there is no operator called `{word}`"
        raise Mistake(Rejected("unknown-operator", message, help=help), item.operator.span)
    if found.op.weights is Operator.weights:
        raise Mistake(Rejected("unknown-argument", f"{word} has no weights"), item.operator.span)
    said = givens(item.options, here, found.op)
    for given in said:
        if not is_start(given.name or ""):
            help = did_you_mean(given.name or "", ["init", "bias_init"]) or "write `init=` or `bias_init=`"
            if given.name in found.op.model_fields:
                help = f"write `{given.name}=` at each {word}, or a block that has it"
            message = f"`default` takes initialisers of weights only, and `{given.name}` is none"
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(given))
        start_of(given)
    here.starts = (*here.starts, *((word, given) for given in said))
