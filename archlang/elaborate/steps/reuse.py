"""The step `reuse`: a labelled step applied again."""

from __future__ import annotations

from dataclasses import replace

from archlang import syntax as s
from archlang.elaborate.state.builder import At
from archlang.elaborate.state.kinds import Value, bundle
from archlang.elaborate.state.session import Here
from archlang.elaborate.steps.calls import call_block
from archlang.elaborate.steps.conditions import conditions
from archlang.elaborate.steps.loops import Walk
from archlang.elaborate.steps.operators import entering, outputs_of
from archlang.elaborate.steps.sharing import refuse_other_operator
from archlang.elaborate.steps.ties import applied_at
from archlang.ops.base import Operator


def apply_again(action: s.Reuse, here: Here, run: Walk) -> Value:
    """Apply the module of a labelled step to the values that flow in here. Its weights must keep their shapes."""
    path, applied = applied_at(action.module, here)
    at = At(here.scope.path, None, action.span, module=path)
    if isinstance(applied.target, Operator):
        inputs = entering(applied.target, at, action.module.span, here)
        outputs = outputs_of(applied.target, inputs, {}, at, action.module.span, here)
        types = tuple(tensor.type for tensor in inputs)
        refuse_other_operator(path, applied, types, action.module.span)
        if here.session.has_open_sizes:
            at = replace(at, guards=conditions(applied.target, inputs, action.module.span, here))
        return bundle(here.builder.add_op(applied.target, outputs, inputs, at))
    target = applied.target
    return call_block(target, target.given, at, action.module.span, here, run, applied)
