"""Lets parameters train or not, epoch by epoch, as the `freeze` lines of a recipe say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.recipes.fitting import Fitted

if TYPE_CHECKING:
    from torch import nn


def thaw(fitted: Fitted, module: nn.Module, epoch: int) -> None:
    """Let the parameters of a module train in an epoch, but those that are frozen then."""
    frozen = frozen_at(fitted, epoch)
    for name, parameter in module.named_parameters():
        if name in fitted.parameters:
            parameter.requires_grad_(name not in frozen)


def frozen_at(fitted: Fitted, epoch: int) -> set[str]:
    """Return the parameters that do not train in an epoch."""
    return {
        name
        for freeze in fitted.recipe.freezes
        if freeze.until is None or epoch < freeze.until
        for target in freeze.targets
        for name in fitted.chosen(target.text)
    }
