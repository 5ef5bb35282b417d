"""Binds what is written behind a word of a recipe to the arguments of the class that it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.state.kinds import Value, kind
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.recipes.arguments import REQUIRED, Kind, Known, Setting, Unfit, takes_names, words_of
from archlang.recipes.recipe import Part
from archlang.source import Span


def bound(word: s.Name, known: Known, arguments: Sequence[s.Argument], here: Here) -> Part:
    """Return a part with all its arguments. Those without a name fill in order.

    Raises `Mistake` for an argument that the class does not have, one that is missing, and a value out of its range.
    """
    values: dict[str, Setting] = {}
    places: dict[str, Span] = {}
    for argument in arguments:
        name = _name_of(word, known, argument, values)
        if name in values:
            raise Mistake(Rejected("argument-twice", f"`{name}` is given twice"), argument.span)
        values[name] = fitting(f"`{name}` of `{word.text}`", known.arguments[name][0], argument.value, here)
        places[name] = argument.span
    for name, (_, default) in known.arguments.items():
        if name not in values and default == REQUIRED:
            raise Mistake(Rejected("missing-argument", f"`{word.text}` needs `{name}`"), word.span)
    every = {name: values.get(name, default) for name, (_, default) in known.arguments.items()}
    return Part(word.text, every, word.span, places)


def _name_of(word: s.Name, known: Known, argument: s.Argument, filled: dict[str, Setting]) -> str:
    """Return the name of the argument that something written fills."""
    if argument.name is None:
        free = [name for name in known.arguments if name not in filled]
        if not free:
            message = f"`{word.text}` takes {'no more arguments' if filled else 'no arguments'}"
            raise Mistake(Rejected("too-many-arguments", message), argument.span)
        return free[0]
    if argument.name not in known.arguments:
        message = f"`{word.text}` has no argument `{argument.name}`"
        listed = ", ".join(f"`{name}`" for name in known.arguments)
        help = _meant(argument.name, list(known.arguments)) or (f"it has {listed}" if listed else "it has none")
        raise Mistake(Rejected("unknown-argument", message, help=help), argument.span)
    return argument.name


def _meant(name: str, names: Sequence[str]) -> str | None:
    return did_you_mean(name, names) or did_you_mean(_OTHERS.get(name, name), names)


_OTHERS = {"learning_rate": "lr", "wd": "weight_decay", "decay": "weight_decay", "l2": "weight_decay",
           "smoothing": "label_smoothing", "ignore": "ignore_index", "epsilon": "eps"}  # fmt: skip


def fitting(what: str, kind_of: Kind, node: s.Expression, here: Here) -> Setting:
    """Evaluate an expression and return its value, which must be of a kind. `what` begins the message."""
    value = _read(what, kind_of, node, here)
    try:
        return kind_of.fitting(value)
    except Unfit as unfit:
        message = f"{what} is {unfit}, not {kind(cast(Value, value))}"
        words = words_of(kind_of)
        help = did_you_mean(value, words) if isinstance(value, str) and words else None
        raise Mistake(Rejected("out-of-range", message, help=help), node.span) from None


def _read(what: str, kind_of: Kind, node: s.Expression, here: Here) -> Setting:
    """Return what is written: words of the kind as they stand, lists item by item, all else evaluated."""
    word = _word(kind_of, node, here)
    if word is not None:
        return word
    if isinstance(node, s.Sequence) and node.is_list and takes_names(kind_of):
        return tuple(_read(what, kind_of, item, here) for item in node.items)
    return plain(what, node, here)


def _word(kind_of: Kind, node: s.Expression, here: Here) -> str | None:
    """Return a bare word that is a value of the kind, or that is nothing else here; None if it is no such word."""
    words = words_of(kind_of)
    if not isinstance(node, s.Name) or here.lets.find(node.text) is not None:
        return None
    if takes_names(kind_of):
        return node.text
    if not words:
        return None
    return node.text if node.text in words or node.text not in here.builder.home.declarations() else None


def plain(what: str, node: s.Expression, here: Here) -> Setting:
    """Evaluate an expression to a number, bool, text or list of these. The sides of a window are a list."""
    return _plain(what, evaluate(node, here), node)


def _plain(what: str, value: Value, node: s.Expression) -> Setting:
    if isinstance(value, tuple):
        return tuple(_plain(what, one, node) for one in value)
    if isinstance(value, (bool, int, float, str)):
        return value
    raise Mistake(Rejected("wrong-kind", f"{what} cannot be {kind(value)}"), node.span)
