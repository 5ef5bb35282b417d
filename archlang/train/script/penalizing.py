"""The functions of a script that do what `regularize` says: a summand of the loss, and limits of norms."""

from __future__ import annotations

from typing import Any, cast

from archlang.lower.written import Written
from archlang.train.penalizing import penalties
from archlang.train.script.plan import Plan, Script
from archlang.train.script.rows import Row, indented, listed, text_of

_SUMMANDS = {"L1": "abs", "L2": "square"}
_LIMIT = '''
def limit_norms(model):
    """Scale the weights of each unit down to the largest norm (Srivastava et al. 2014, section 5.1)."""
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, largest, axis in LIMITS:
            if weights[name].requires_grad:  # what is frozen stays as it is
                weights[name].copy_(torch.renorm(weights[name], 2, axis, largest))
'''


def penalizing(plan: Plan, script: Script) -> tuple[list[Row], list[Row]]:
    """Write what a recipe's penalties need; return the lines behind the loss, and those behind the optimiser's step."""
    found = penalties(plan.fitted, cast(Any, None))  # names and factors need no module
    body: list[Row] = []
    for constant, factors in (("L1", found.l1), ("L2", found.l2)):
        if factors:
            _constant(script, constant, [(f'"{name}"', repr(factor)) for factor, name in factors])
            body += [f"for name, factor in {constant}:"]
            body += [f"    loss = loss + factor * weights[name].{_SUMMANDS[constant]}().sum()"]
    if body:
        doc = '"""Return the loss with the penalties of the weights."""'
        rows = [doc, "weights = dict(model.named_parameters())", *body, "return loss"]
        script.add(text_of(["def penalized(model, loss):", *indented(rows)]))
    if found.largest:
        _constant(
            script, "LIMITS", [(f'"{name}"', repr(one), str(axis)) for name, (one, axis) in found.largest.items()]
        )
        script.add(_LIMIT, "import torch")
    behind_loss: list[Row] = ["loss = penalized(model, loss)"] if body else []
    return behind_loss, ["limit_norms(model)"] if found.largest else []


def _constant(script: Script, name: str, rows: list[tuple[str, ...]]) -> None:
    script.constants += text_of([listed(f"{name} = ", [Written("", row) for row in rows])]).split("\n")
