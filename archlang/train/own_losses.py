"""Losses that torch does not have. Each function stands for itself, so that it can be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def kl_to_standard_normal(mean: Tensor, logvar: Tensor, reduction: str = "sum") -> Tensor:
    """Return the divergence of normal distributions from the standard one, their sum or mean over all values.

    `mean` and `logvar` have one shape. Kingma and Welling 2013 (arXiv:1312.6114), appendix B.
    """
    every = -0.5 * (1 + logvar - mean.square() - logvar.exp())
    return every.sum() if reduction == "sum" else every.mean()


def magnitude(value: Tensor, p: int = 1, reduction: str = "mean") -> Tensor:
    """Return the mean or sum of the values' magnitudes to the power p: with p=1 it makes activations sparse."""
    every = value.abs() if p == 1 else value.square()
    return every.sum() if reduction == "sum" else every.mean()
