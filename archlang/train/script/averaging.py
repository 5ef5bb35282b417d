"""The lines of a script about averages of the weights: a moving one (`ema`), or one of the last epochs (`swa`)."""

from __future__ import annotations

from archlang.recipes import Recipe
from archlang.train.script.plan import Plan, Script
from archlang.train.script.rows import Row, called, indented
from archlang.train.script.values import keywords, literal

_FED = '''
class Fed(nn.Module):
    """A model that takes a batch of fields, as `update_bn` calls it."""

    def __init__(self, model, device):
        super().__init__()
        self.model, self.device = model, device

    def forward(self, batch):
        loss_of(self.model, batch, self.device)
'''

_UTILS = "torch.optim.swa_utils"


def average(plan: Plan, script: Script) -> list[Row]:
    """Return the lines that make the average; none where the recipe averages nothing."""
    recipe = plan.recipe
    if recipe.swa is not None:
        script.constants.append(f"AVERAGED_FROM = {literal(recipe.swa.arguments['start'])}  # the epoch, from 0")
        if _has_batch_norm(plan):
            script.add(_FED)
        return [f"average = {_UTILS}.AveragedModel(model)"]
    if recipe.ema is None:
        return []
    update = f"multi_avg_fn={_UTILS}.get_ema_multi_avg_fn({recipe.ema.number('decay')!r})"
    return [called("average = ", f"{_UTILS}.AveragedModel", "model", update, "use_buffers=True")]


def updated(recipe: Recipe) -> list[Row]:
    """Return the lines behind a step that move the average."""
    if recipe.ema is None:
        return []
    every = int(recipe.ema.number("every"))
    update = "average.update_parameters(model)"
    return [update] if every == 1 else [f"if step % {every} == 0:", f"    {update}"]


def before_average(recipe: Recipe, row: str) -> list[Row]:
    """Return the line that steps the schedule, which `swa` ends."""
    return [row] if recipe.swa is None else ["if epoch < AVERAGED_FROM:", f"    {row}"]


def before_epoch(plan: Plan) -> list[Row]:
    """Return the lines before the first epoch that is averaged: its rate begins."""
    if plan.recipe.swa is None:
        return []
    rate = called("averaged_rate = ", f"{_UTILS}.SWALR", "optimizer", *_rate(plan))
    return ["if epoch == AVERAGED_FROM:", *indented([rate])]


def behind_epoch(plan: Plan, batches: str) -> list[Row]:
    """Return the lines behind the steps of an epoch that move the average and its rate, and say what is measured."""
    recipe = plan.recipe
    if recipe.swa is None:
        return []
    whole = " and step % steps_per_epoch == 0" if recipe.steps is not None else ""
    rows: list[Row] = [
        f"if epoch >= AVERAGED_FROM{whole}:",
        "    average.update_parameters(model)",
        "    averaged_rate.step()",
        "measured = average.module if average.n_averaged else model",
    ]
    if _has_batch_norm(plan):
        update: list[Row] = [
            'torch.manual_seed(key("swa", step))',
            called("", f"{_UTILS}.update_bn", batches, "Fed(measured, device)"),
        ]
        rows += ["if average.n_averaged:", *indented(update)]
    return rows


def measured(recipe: Recipe) -> str:
    """Return the expression of the model that is measured and kept."""
    return "measured" if recipe.swa is not None else "average.module" if recipe.ema is not None else "model"


def _rate(plan: Plan) -> list[str]:
    part = plan.recipe.swa
    assert part is not None
    return [literal(part.arguments["lr"]), *keywords(part, skip=["start", "lr"])]


def _has_batch_norm(plan: Plan) -> bool:
    return "nn.BatchNorm" in plan.net[0]
