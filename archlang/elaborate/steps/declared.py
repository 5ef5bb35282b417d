"""Mistakes that a declaration contains whatever arguments it is called with.

The walk would report them only when a call reaches them, for example the one call that takes the `else` of a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.steps.branches import holds_bars, refuse_forgotten_bars, refuse_other_side
from archlang.elaborate.vocabulary.spelled import written
from archlang.source import Span

Names = dict[str, tuple[str, Span]]  # what each name is, and where it is defined


def mistakes_of(definition: s.Definition) -> Iterator[Mistake]:
    """Return the mistakes of a block or net that do not depend on its arguments."""
    names: Names = {parameter.name: ("a parameter", parameter.span) for parameter in definition.parameters}
    yield from _of_body(definition.body, names)


def _of_body(body: s.Body, outer: Names) -> Iterator[Mistake]:
    names = dict(outer)  # a `let` is visible until the braces end
    for item in body.items:
        match item:
            case s.Let():
                names[item.name] = ("a `let`", item.span)
            case s.Step(label=label, action=action):
                yield from _of_label(label, names)
                yield from _of_action(action, names)
            case s.Param(label=label):
                yield from _of_label(label, names)
            case _:
                pass


def _of_label(label: s.Expression | None, names: Names) -> Iterator[Mistake]:
    """Refuse a label that is the name of a parameter, a `let` or a loop."""
    parts = label.items if isinstance(label, s.Sequence) else () if label is None else (label,)
    for part in parts:
        for name in written(part):
            if name in names:
                yield taken(name, part.span, *names[name])


def taken(name: str, span: Span, what: str, place: Span) -> Mistake:
    """Return the mistake for a label that is the name of something else."""
    message = f"the label `{name}` is the name of {what} too, but a name means one thing"
    help = "rename one of them: the label is also a key of the state dict"
    return Mistake(Rejected("name-taken", message, help=help), span, (Label(place, f"{what} here"),))


def _of_action(action: s.Action, names: Names) -> Iterator[Mistake]:
    if isinstance(action, s.If) and holds_bars(action):
        yield from _raised(partial(refuse_other_side, action))
    match action:
        case s.Body():
            yield from _of_body(action, names)
        case s.Branches(branches=branches):
            for branch in branches:
                forgotten = list(_raised(partial(refuse_forgotten_bars, branch)))
                yield from forgotten or _of_body(branch, names)  # consequences of a forgotten bar are not reported
        case s.For(targets=targets, body=body):
            yield from _of_action(body, names | dict(_targets(targets)))
        case s.Repeat(name=name, body=body):
            counted: Names = {name.text: ("the number of a turn", name.span)} if name is not None else {}
            yield from _of_action(body, names | counted)
        case s.If(then=first, otherwise=second) | s.Residual(body=first, shortcut=second):
            yield from _of_action(first, names)
            yield from _of_action(second, names) if second is not None else ()
        case s.Apply(branches=s.Branches() as branches):
            yield from _of_action(branches, names)
        case _:
            return


def _targets(targets: s.Targets) -> Iterator[tuple[str, tuple[str, Span]]]:
    for target in targets.names:
        if isinstance(target, s.Targets):
            yield from _targets(target)
        else:
            yield target.text, ("a loop's variable", target.span)


def _raised(refuse: Callable[[], None]) -> Iterator[Mistake]:
    """Return the mistake that a check raises, if it raises one."""
    try:
        refuse()
    except Mistake as mistake:
        yield mistake
