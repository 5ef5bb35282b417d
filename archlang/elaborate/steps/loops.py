"""Loops and conditions: which bodies are elaborated, and with which names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.evaluating.evaluate import evaluate, number, truth
from archlang.elaborate.state.kinds import Bundle, Value, kind, shown
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.spelled import labels_in, spelled
from archlang.source import Span

MAX_FAILED_TURNS = 1000  # of a loop in a block that already has a mistake

Walk = Callable[[s.Body, Here], None]


def turns(action: s.For | s.Repeat, here: Here) -> Iterator[tuple[Here, Callable[[], Label]]]:
    """Yield, for each turn of a loop, the place inside it with the current `it`, and a label for messages."""
    values, targets = _looped(action, here)
    for turn, value in enumerate(values):
        here.session.tick(action.span)
        if turn >= MAX_FAILED_TURNS and here.builder.failed:
            here.builder.taint()  # labels of the remaining turns are missing
            return
        inner = here.nested(loop=True)
        if targets is not None:
            assign(targets, value, inner)
        yield inner, partial(_turn, action.span, inner.lets.names, turn, len(values))


def _looped(action: s.For | s.Repeat, here: Here) -> tuple[Sequence[Value], s.Targets | None]:
    """Return the values of a loop and the names of its variables."""
    if isinstance(action, s.Repeat):
        items = f"`for item in {spelled(action.count)} {{ ... }}` runs over its items"
        count = number(action.count, here, "the count of a repeat", if_list=items)
        if count < 0:
            message = f"a block is repeated 0 or more times, not {count}"
            raise Mistake(Rejected("out-of-range", message), action.count.span)
        return range(count), s.Targets((action.name,), action.name.span) if action.name else None
    values = evaluate(action.iterable, here)
    if isinstance(values, Bundle):
        return values.items, action.targets
    if not isinstance(values, tuple):
        help = f"write `range({shown(values)})`" if isinstance(values, int) and not isinstance(values, bool) else None
        message = f"`for` runs over a list, not {kind(values)}"
        raise Mistake(Rejected("wrong-kind", message, help=help), action.iterable.span)
    _refuse_uncounted(action, values)
    return values, action.targets


def _refuse_uncounted(action: s.For, values: Sequence[Value]) -> None:
    """Refuse `for i, d in depths`, in which only the number of the turn is missing."""
    targets = action.targets.names
    if len(targets) != 2 or not isinstance(targets[0], s.Name):
        return
    without = next((value for value in values if not _fits(action.targets, value)), None)
    if without is None or not all(_fits(targets[1], value) for value in values):
        return
    if isinstance(without, tuple) and isinstance(targets[1], s.Name):
        return  # a list of another length: its items are meant, not their number
    message = f"{kind(without)} cannot be taken apart into 2 names"
    if isinstance(without, tuple):
        message = "a loop over a list gives its items without numbers"
    help = f"to number the items, write `in enumerate({spelled(action.iterable)})`"
    raise Mistake(Rejected("wrong-kind", message, help=help), action.targets.span)


def _fits(target: s.Name | s.Targets, value: Value) -> bool:
    """Return whether a value can be taken apart into these names."""
    if isinstance(target, s.Name) or len(target.names) == 1:
        return True
    if not isinstance(value, tuple) or len(value) != len(target.names):
        return False
    return all(_fits(one, part) for one, part in zip(target.names, value, strict=True))


def _turn(span: Span, given: dict[str, Value], turn: int, count: int) -> Label:
    """Return a label that names the turn. It is only computed for messages."""
    names = [f"{name} = {shown(value)}" for name, value in given.items()]
    told = ", ".join(names) if all(len(name) <= 40 for name in names) else ""
    return Label(span, f"in the turn where {told}" if told else f"in turn {turn + 1} of {count}")


def assign(targets: s.Targets, value: Value, here: Here) -> None:
    """Assign loop variables. One takes the whole value; several take a tuple apart."""
    parts: tuple[Value, ...] = (value,)
    if len(targets.names) > 1:
        if not isinstance(value, tuple) or len(value) != len(targets.names):
            message = f"{kind(value)} cannot be taken apart into {len(targets.names)} names"
            raise Mistake(Rejected("wrong-kind", message), targets.span)
        parts = value
    for target, part in zip(targets.names, parts, strict=True):
        if isinstance(target, s.Targets):
            assign(target, part, here)
            continue
        if target.text in here.lets.names:
            message = f"`{target.text}` occurs twice in one loop"
            raise Mistake(Rejected("name-taken", message), target.span)
        step_labels.refuse_taken(target.text, target.span, here)
        here.lets.names[target.text] = part


def chosen(action: s.If, here: Here) -> s.If | s.Body | s.Branches | None:
    """Return the side of a condition that is taken. The labels of the other side are recorded as not taken."""
    holds = truth(action.condition, here)
    taken, other = (action.then, action.otherwise) if holds else (action.otherwise, action.then)
    _skip(other, here)
    return taken


def is_residual(action: s.Residual, here: Here) -> bool:
    """Return whether a `residual` adds its shortcut. If not, the labels of the shortcut are recorded as not taken."""
    holds = action.condition is None or truth(action.condition, here)
    if not holds:
        _skip(action.shortcut, here)
    return holds


def _skip(other: s.Action | None, here: Here) -> None:
    for name, span in labels_in(other):
        here.scope.skipped.setdefault(name, span)
