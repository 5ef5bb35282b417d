"""Replaces settings of a recipe by those given from outside: `batch=128`, `optimizer.lr=0.05`."""

from __future__ import annotations

from collections.abc import Sequence

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.recipes.lines import WORDS, Line, meant


def changed(lines: Sequence[Line], settings: dict[str, s.Expression], here: Here) -> tuple[Line, ...]:
    """Return the lines with settings in the place of those written. What is used is removed from `settings`.

    `batch` replaces the line of that word, `optimizer.lr` one argument of the only line of that word. Raises `Mistake`
    if there is not exactly one such line.
    """
    made = list(lines)
    for key in list(settings):
        word, _, argument = key.partition(".")
        if word not in WORDS:
            continue
        node = settings.pop(key)
        if not argument:
            new = s.Setting(s.Name(word, node.span), (s.Argument(node, node.span),), None, (), node.span)
            made = [*(line for line in made if meant(line.word) != meant(word)), Line(word, new, here)]
            continue
        count = sum(line.word == word for line in made)
        if count != 1:
            told = "no line" if count == 0 else f"{count} lines"
            raise Mistake(Rejected("unknown-setting", f"the recipe has {told} `{word}`, not one"), node.span)
        given = s.Argument(node, node.span, argument)
        made = [_with(line, given) if line.word == word else line for line in made]
    return tuple(made)


def _with(line: Line, given: s.Argument) -> Line:
    """Return a line with an argument in the place of the one of that name, or behind the others."""
    item = line.item
    assert isinstance(item, s.Setting)
    if item.factor is not None:  # the arguments of a loss behind its factor are those of its only step
        step = item.steps[0]
        steps = (s.Apply(step.head, _replaced(step.arguments, given), None, step.span), *item.steps[1:])
        return Line(line.word, s.Setting(item.word, item.arguments, item.factor, steps, item.span), line.here)
    arguments = _replaced(item.arguments, given)
    return Line(line.word, s.Setting(item.word, arguments, None, item.steps, item.span), line.here)


def _replaced(arguments: Sequence[s.Argument], given: s.Argument) -> tuple[s.Argument, ...]:
    return (*(one for one in arguments if one.name != given.name), given)
