"""Branches: bars, and `for` and `if` around bars, which need a bar of their own before them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.evaluate import truth
from archlang.elaborate.state.kinds import UNKNOWN, Tensor, Unknown, Value, flattened
from archlang.elaborate.state.mistakes import Mistake, refuse_many
from archlang.elaborate.state.session import Here
from archlang.elaborate.steps.loops import Walk, chosen, turns
from archlang.elaborate.vocabulary.spelled import spelled
from archlang.source import Span

AroundBars = s.For | s.If | s.Repeat  # what may stand around bars


def holds_bars(action: s.Action) -> bool:
    """Return whether an action makes branches: bars, or `for` and `if` around bars."""
    match action:
        case s.Branches():
            return True
        case s.For() | s.Repeat():
            return holds_bars(action.body)
        case s.If():
            return holds_bars(action.then) or (action.otherwise is not None and holds_bars(action.otherwise))
        case s.Body(items=(s.Step(label=None, action=inner),)):
            return not isinstance(inner, s.Body) and holds_bars(inner)
        case _:
            return False


def vary(branches: s.Branches) -> bool:
    """Return whether the number of branches depends on a condition or a loop, before a branch or at its end."""
    return any(holds_bars(branch) or _ends_in_bars(branch) for branch in branches.branches)


def _ends_in_bars(branch: s.Body) -> bool:
    steps = _steps(branch)
    if not steps or steps[-1].label is not None:
        return False
    last = steps[-1].action
    return (isinstance(last, AroundBars) and holds_bars(last)) or any(map(_ends_in_bars, _bodies(last)))


def gathered(action: s.Action, here: Here, run: Walk) -> list[Tensor | Unknown]:
    """Return the values of all branches in the order written. Each branch starts from the same `it`."""
    out: list[Tensor | Unknown] = []
    match action:
        case s.Branches():
            for branch in action.branches:
                refuse_forgotten_bars(branch)
                out += gathered(branch, here, run)
                refuse_many(len(out), action.span)
        case s.For() | s.Repeat() if holds_bars(action):
            for inner, turn in turns(action, here):
                with here.session.traced(turn):
                    out += gathered(action.body, inner, run)
                    refuse_many(len(out), action.span)
        case s.If() if holds_bars(action):
            refuse_other_side(action)
            taken = chosen(action, here)
            out += gathered(taken, here, run) if taken is not None else []
        case s.Body(items=(s.Step(action=inner),)) if holds_bars(action):
            out += gathered(inner, here, run)
        case s.Body():
            out += _branch(action, here, run)
        case _:
            raise TypeError(f"{type(action).__name__} is no branch")
    return out


def _branch(body: s.Body, here: Here, run: Walk) -> list[Tensor | Unknown]:
    """Return the values of one branch: usually one, several if it ends in a tuple."""
    nested = here.nested()
    run(body, nested)
    return flattened([nested.it if nested.it is not None else UNKNOWN])


# ---- a branch that is `it` because its condition does not hold


def told_of_untaken(mistake: Mistake, branches: s.Branches | None, before: Value | None, here: Here) -> Mistake:
    """Return the mistake of a join, which says of its shapes which branches are `it` because their `if` is not taken.

    `before` is the value from which the branches start.
    """
    if branches is None or not mistake.rejected.code.startswith("unequal-"):
        return mistake
    inside = here.nested()
    inside.it = before
    untaken = [action for action in map(_lone_if, branches.branches) if action and not truth(action.condition, inside)]
    if not untaken:
        return mistake
    labels = [Label(action.condition.span, "does not hold, so this branch is `it`") for action in untaken]
    cure = f"`| if {spelled(untaken[0].condition)} {{ | ... }}` leaves the branch out where the condition does not hold"
    rejected = mistake.rejected
    rejected.help = f"{rejected.help}; {cure}" if rejected.help else cure
    return Mistake(rejected, mistake.span, (*mistake.labels, *labels), mistake.inputs)


def _lone_if(branch: s.Body) -> s.If | None:
    """Return the condition that is all of a branch; None if it has an `else` or bars."""
    match branch:
        case s.Body(items=(s.Step(action=s.If(otherwise=None) as action),)) if not holds_bars(action):
            return action
        case _:
            return None


# ---- bars that were forgotten


def refuse_forgotten_bars(branch: s.Body) -> None:
    """Refuse a line of a branch that begins with `for` or `if` around bars.

    It could mean branches beside this one, or the next step of this one. A bar or an arrow before it says which.
    """
    steps = _steps(branch)
    for before, step in pairwise(steps):
        if _begins_with_bars(step):
            raise _forgotten(step, before)
    for step in steps:
        for body in _bodies(step.action):
            _refuse_bars_at_the_end(body)


def _refuse_bars_at_the_end(body: s.Body) -> None:
    """Refuse the same inside the `for` and `if` of a branch, whose last line gives the value of the branch."""
    steps = _steps(body)
    if len(steps) > 1 and _begins_with_bars(steps[-1]):
        raise _forgotten(steps[-1], steps[-2])
    for inner in _bodies(steps[-1].action) if steps else ():
        _refuse_bars_at_the_end(inner)


def _steps(body: s.Body) -> list[s.Step]:
    return [item for item in body.items if isinstance(item, s.Step)]


def _begins_with_bars(step: s.Step) -> bool:
    return isinstance(step.action, AroundBars) and holds_bars(step.action) and not step.arrow


def _bodies(action: s.Action) -> Iterator[s.Body]:
    """Return the braces of `for`, `repeat`, `if` and `else` that have no bars."""
    match action:
        case s.For(body=s.Body() as body) | s.Repeat(body=s.Body() as body):
            yield body
        case s.If():
            for side in (action.then, action.otherwise):
                if isinstance(side, s.Body):
                    yield side
                elif isinstance(side, s.If):
                    yield from _bodies(side)
        case _:
            return


def _forgotten(step: s.Step, before: s.Step) -> Mistake:
    word = _word(step.action)
    message = f"there is no bar before this `{word}` around bars, so its branches would start from the line above"
    help = f"write `| {word} ...` for branches beside the others, or `-> {word} ...` to go on from the line above"
    start = step.action.span
    span = Span(start.file, start.line, start.column, start.line, start.column + len(word))
    return Mistake(Rejected("branch-without-bar", message, help=help), span, (Label(before.span, "the line above"),))


def refuse_other_side(action: s.If) -> None:
    """Refuse an `if` with bars on one side only."""
    sides = [("if", action.then), *([("else", action.otherwise)] if action.otherwise is not None else [])]
    for word, side in sides:
        if not holds_bars(side):
            word = "if" if isinstance(side, s.If) else word
            message = f"the braces of this `{word}` hold no bar, but those of the other side do"
            help = "each branch in them begins with `|`; for no branch leave the side out"
            braces = side.then if isinstance(side, s.If) else side
            raise Mistake(Rejected("branch-without-bar", message, help=help), braces.span.start())


def _word(action: s.Action) -> str:
    return "for" if isinstance(action, s.For) else "if" if isinstance(action, s.If) else "repeat"
