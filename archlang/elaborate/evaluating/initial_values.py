"""Initialisers as they are written: `normal(0.02)`, `he_normal(mode=fan_out)`, a list of numbers."""

from __future__ import annotations

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.evaluating.index_functions import index_formula
from archlang.elaborate.state.kinds import Function, Given, Initial, OperatorValue, Value, kind, known
from archlang.elaborate.state.lookup import declared, initial
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.ops.initialisers import INITIALISERS, LISTED, TORCHS_OWN, Number
from archlang.ops.tables import FORMULA
from archlang.shapes import Window
from archlang.source import Span


def written_initialiser(node: s.Expression, rank: int, here: Here) -> tuple[str, tuple[Number, ...]]:
    """Return the word of a parameter's initialiser and its arguments. Those left out have their defaults.

    Of a list of numbers, the word is `list`; of a function of the place along `rank` axes it is `formula`.
    """
    value = initial(node.text) if isinstance(node, s.Name) and not _is_named_here(node, here) else evaluate(node, here)
    value = _meant(value) if value is not None else None
    if isinstance(value, Function):
        return FORMULA, (index_formula(value, rank, node.span, here),)
    if isinstance(value, tuple):
        listed = start_of(Given(None, value, node.span, node.span))
        return LISTED, listed.values if listed is not None else ()
    if not isinstance(value, Initial) or value.word == TORCHS_OWN:
        name = node.text if isinstance(node, s.Name) else ""
        raise _no_initialiser(kind(value) if value is not None else f"`{name}`", name, node.span)
    return _bound(value, node.span)


def _is_named_here(node: s.Name, here: Here) -> bool:
    """Return whether a `let`, a parameter or a declaration of the file has this name."""
    return here.lets.find(node.text) is not None or declared(node.text, node.span, here) is not None


def start_of(given: Given) -> ir.Start | None:
    """Return the initial value that an argument such as `init=normal(0.02)` gives a weight; None for torch's own."""
    value = _meant(known(given.value))
    if (
        isinstance(value, tuple)
        and not isinstance(value, Window)
        and value
        and all(type(item) in (int, float) for item in value)
    ):
        return ir.Start(word=LISTED, values=tuple(float(item) for item in value if isinstance(item, (int, float))))
    if isinstance(value, Function):
        message = f"{kind(value)} fills a `param` or a `buffer`, but this is the weight of a step"
        help = "fill a `param` with it, and tie the weight to that: `weight=name`"
        raise Mistake(Rejected("unknown-initialiser", message, help=help), given.at)
    if not isinstance(value, Initial) or value.word == "arange":
        raise _no_initialiser(kind(value), value if isinstance(value, str) else "", given.at)
    if value.word == TORCHS_OWN:
        return None
    word, values = _bound(value, given.at)
    return ir.Start(word=word, values=values)


def _meant(value: Value) -> Value:
    """Return the initialiser if a word also means something else: `identity` is an operator, `zeros` a padding."""
    word = value.op.word if isinstance(value, OperatorValue) and not value.given else value
    return Initial(word) if isinstance(word, str) and word in INITIALISERS else value


def _no_initialiser(what: str, name: str, span: Span) -> Mistake:
    help = did_you_mean(name, list(INITIALISERS)) or f"an initialiser is one of {', '.join(INITIALISERS)}"
    return Mistake(Rejected("unknown-initialiser", f"{what} is not an initialiser", help=help), span)


def _bound(value: Initial, span: Span) -> tuple[str, tuple[Number, ...]]:
    """Return an initialiser's word and all its arguments, which are checked."""
    found = INITIALISERS[value.word]
    values = dict(found.arguments)
    places: dict[str, Span] = {}
    for argument in value.given:
        name = _filled(value.word, argument, [name for name in values if name not in places])
        places[name] = argument.at
        values[name] = _argument(name, argument.value, found.words.get(name), argument.at)
    missing = [name for name, number in values.items() if number is None]
    if missing:
        help = f"write `{value.word}(0.1)`"
        raise Mistake(Rejected("missing-argument", f"`{value.word}` needs `{missing[0]}`", help=help), span)
    complete = {name: number for name, number in values.items() if number is not None}
    refused = found.refusal(complete)
    if refused is not None:
        name, message = refused
        raise Mistake(Rejected("out-of-range", message), places.get(name, span))
    return value.word, tuple(complete.values())


def _argument(name: str, value: Value, words: tuple[str, ...] | None, span: Span) -> Number:
    """Return the value of an argument: a number, or one of its words, some of which are operators too."""
    if words is not None:
        word = value.op.word if isinstance(value, OperatorValue) and not value.given else value
        if not isinstance(word, str) or word not in words:
            message = f"`{name}` must be one of {', '.join(words)}, not {kind(value)}"
            raise Mistake(Rejected("wrong-kind", message), span)
        return word
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Mistake(Rejected("wrong-kind", f"`{name}` must be a number, not {kind(value)}"), span)
    return float(value)


def _filled(word: str, argument: Given, free: list[str]) -> str:
    """Return the name of the argument that is given to an initialiser."""
    if argument.name is not None and argument.name not in free:
        help = did_you_mean(argument.name, free)
        message = f"`{word}` has no argument `{argument.name}`"
        raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))
    if argument.name is None and not free:
        raise Mistake(Rejected("too-many-arguments", f"this is one argument more than `{word}` takes"), argument.span)
    return argument.name or free[0]
