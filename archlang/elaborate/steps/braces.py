"""Steps that contain other steps: braces, loops, conditions, `residual` and `dense`."""

from __future__ import annotations

from dataclasses import replace

from archlang import syntax as s
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.state.builder import At
from archlang.elaborate.state.kinds import Bundle, Tensor, Value, bundle
from archlang.elaborate.state.lookup import operator
from archlang.elaborate.state.session import Here
from archlang.elaborate.steps.branches import gathered, holds_bars
from archlang.elaborate.steps.loops import Walk, chosen, is_residual, turns
from archlang.elaborate.steps.operators import apply_operator
from archlang.source import Span

Holder = s.Body | s.Branches | s.For | s.If | s.Repeat | s.Residual


def enter(step: s.Step, action: Holder, here: Here, run: Walk) -> None:
    """Elaborate what a step contains: as a sub-module if it is braces or has a label, else in place."""
    if step.label is None and not isinstance(action, s.Body):
        inner = here.nested()
        _inside(action, inner, run)
        here.it = inner.it
        return
    label = step_labels.label_of(step.label, here)
    name = step_labels.claim(label, step.span, here)
    inner = here.within(name)
    _inside(action, inner, run)
    here.it = _with_labels(inner.it, inner)
    step_labels.bind(label, here.it, here)


def _with_labels(value: Value | None, inner: Here) -> Value | None:
    """Return the value that leaves braces, with the labels inside them."""
    if isinstance(value, (Tensor, Bundle)):
        return replace(value, inner=dict(inner.scope.labels))
    return value


def _inside(action: Holder, here: Here, run: Walk) -> None:
    if holds_bars(action):
        here.it = bundle(gathered(action, here, run))
        return
    trace, depth = here.session.trace, len(here.session.trace)
    match action:
        case s.Body():
            run(action, here)
        case s.If():
            taken = chosen(action, here)
            if taken is not None:
                _inside(taken, here, run)
        case s.For() | s.Repeat():
            for inner, turn in turns(action, here):
                trace.append(turn)  # not with `traced`, which would cost as much as a small turn
                try:
                    _turn(action, inner, run)
                finally:
                    del trace[depth:]
                here.it = inner.it
        case s.Residual() if is_residual(action, here):
            _joined("add", (action.body, action.shortcut), action.span, here, run)
        case s.Residual():
            run(action.body, here)
        case s.Branches():
            raise TypeError("branches hold bars")


def _turn(action: s.For | s.Repeat, here: Here, run: Walk) -> None:
    assert isinstance(action.body, s.Body)
    if isinstance(action, s.Repeat) and action.dense:
        _joined("concat", (None, action.body), action.span, here, run)
    else:
        run(action.body, here)


def _joined(word: str, sides: tuple[s.Body | None, s.Body | None], span: Span, here: Here, run: Walk) -> None:
    """Apply a join to two branches, for `residual` and `dense`. A branch left out is the identity."""
    it = s.Step(None, s.Apply(s.Name("it", span), (), None, span), False, span)
    bodies = [side or s.Body((it,), span) for side in sides]
    here.it = bundle([value for body in bodies for value in gathered(body, here, run)])
    join = operator(word)
    assert join is not None
    here.it = apply_operator(join, (), At(here.scope.path, None, span), span, here)
