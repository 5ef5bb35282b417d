"""Takes lines of recipes apart: the class that a line names, its arguments, the steps behind arrows, paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.flowing import path_of
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.recipes.arguments import Known
from archlang.recipes.lines import Line
from archlang.recipes.recipe import Named


def setting_of(line: Line) -> s.Setting:
    """Return the setting of a line that is no promise."""
    assert isinstance(line.item, s.Setting)
    return line.item


def first_word(item: s.Setting, arguments: Sequence[s.Argument], example: str) -> tuple[s.Name, Sequence[s.Argument]]:
    """Return the class that a setting names first, and the arguments behind it."""
    first = arguments[0] if arguments else None
    if first is None or first.name is not None or not isinstance(first.value, s.Name):
        message = f"`{item.word.text}` names something first, as in `{item.word.text} {example}`"
        raise Mistake(Rejected("missing-argument", message), first.span if first else item.word.span)
    return first.value, arguments[1:]


def found(name: s.Name, table: Mapping[str, Known], what: str, others: Mapping[str, str] = {}) -> Known:
    """Return the class of that word. Raises `Mistake` if there is none."""
    if name.text in table:
        return table[name.text]
    squeezed = name.text.lower().replace("_", "")
    for ending in ("", "loss", "lr", "scheduler"):
        word = squeezed.removesuffix(ending)
        if word in table:
            raise _unknown(name, what, f"did you mean `{word}`?")
    if squeezed in others:
        other = others[squeezed]
        raise _unknown(name, what, f"did you mean `{other}`?" if other in table else other)
    raise _unknown(name, what, did_you_mean(name.text, list(table)) or f"there are {', '.join(table)}")


def _unknown(name: s.Name, what: str, help: str) -> Mistake:
    return Mistake(Rejected("unknown-setting", f"there is no {what} `{name.text}`", help=help), name.span)


def chain_of(item: s.Setting, example: str) -> list[tuple[s.Name, Sequence[s.Argument]]]:
    """Return the steps of a setting with arrows, each with its arguments."""
    steps = [first_word(item, item.arguments, example)]
    for step in item.steps:
        if not isinstance(step.head, s.Name) or step.branches is not None:
            raise Mistake(Rejected("unknown-setting", "a word must follow the arrow here"), step.span)
        steps.append((step.head, step.arguments))
    return steps


def without_arrows(line: Line) -> s.Setting:
    """Return the setting. Raises `Mistake` if arrows or a factor follow its word."""
    item = setting_of(line)
    if item.steps:
        raise Mistake(Rejected("unknown-setting", f"no arrow follows `{item.word.text}`"), item.steps[0].span)
    if item.factor is not None:
        raise Mistake(Rejected("unknown-setting", f"`{item.word.text}` takes no factor, only a loss does"), item.span)
    return item


def named(node: s.Expression, here: Here, what: str) -> Named:
    """Return a path of the net, or another word, with its place. Raises `Mistake` if something else is written."""
    path = path_of(node, here)
    if not path:
        message = f"{what} takes names and paths here, such as `fc` or `layer4.0`"
        raise Mistake(Rejected("wrong-kind", message), node.span)
    return Named(path, node.span)
