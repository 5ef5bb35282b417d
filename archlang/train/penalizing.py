"""What `regularize` asks of the weights: a summand of the loss, and norms that are limited after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from archlang.recipes.fitting import Fitted

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass
class Penalties:
    """The penalties of a recipe, by the names of the parameters: factors of l1 and l2, and largest norms with an axis.

    A unit is an index of that axis, and its weights are all others.
    """

    module: nn.Module
    l1: Sequence[tuple[float, str]] = ()
    l2: Sequence[tuple[float, str]] = ()
    largest: Mapping[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])

    @cached_property
    def _parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.module.named_parameters())

    def added_to(self, loss: Tensor) -> Tensor:
        """Return a loss with the penalties: the sums of magnitudes (l1) and of squares (l2), times their factors."""
        for factor, name in self.l1:
            loss = loss + factor * self._parameters[name].abs().sum()
        for factor, name in self.l2:
            loss = loss + factor * self._parameters[name].square().sum()
        return loss

    def limit(self) -> None:
        """Scale the weights of each unit down to the largest norm (Srivastava et al. 2014, section 5.1)."""
        import torch

        with torch.no_grad():
            for name, (largest, axis) in self.largest.items():
                parameter = self._parameters[name]
                if parameter.requires_grad:  # what is frozen stays as it is
                    parameter.copy_(torch.renorm(parameter, 2, axis, largest))


def penalties(fitted: Fitted, module: nn.Module) -> Penalties:
    """Return the penalties of a recipe for a module."""
    l1: list[tuple[float, str]] = []
    l2: list[tuple[float, str]] = []
    largest: dict[str, tuple[float, int]] = {}
    for penalty in fitted.recipe.penalties:
        targets = [target.text for target in penalty.targets]
        names = dict.fromkeys(name for target in targets for name in fitted.chosen(target)) or fitted.parameters
        part = penalty.part
        l1 += [(part.number("l1"), name) for name in names if "l1" in part.given]
        l2 += [(part.number("l2"), name) for name in names if "l2" in part.given]
        if "maxnorm" in part.given:
            largest |= {name: (part.number("maxnorm"), axis) for name, axis in fitted.with_units(targets).items()}
    return Penalties(module, l1, l2, largest)
