"""Whether two modules start alike: with the same seed bit for bit, else the distribution of each tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from scipy.stats import ks_2samp  # type: ignore[import-untyped]
from torch import nn

MOST = 4000  # values of a tensor that are compared
LEAST = 1e-6  # the p-value below which two samples are said to differ, over some thousands of tensors


def seeded(make: Callable[[], nn.Module], seed: int) -> dict[str, torch.Tensor]:
    """Return the weights of a module that is made after this seed."""
    torch.manual_seed(seed)
    return {name: value.detach().clone() for name, value in make().named_parameters()}


def equal_starts(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether all weights are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def differing(one: Callable[[], nn.Module], other: Callable[[], nn.Module], seeds: int = 3) -> list[str]:
    """Return the tensors whose values do not come from one distribution. Constant tensors must be equal."""
    drawn = [_drawn(one, range(seeds)), _drawn(other, range(1000, 1000 + seeds))]
    wrong: list[str] = []
    for name in drawn[0]:
        samples = drawn[0][name], drawn[1][name]
        if len(samples[0]) != len(samples[1]):
            wrong.append(name)
        elif samples[0].std() == 0 or samples[1].std() == 0:
            wrong += [name] * (not torch.equal(*samples))
        elif likeness(*samples) < LEAST:
            wrong.append(name)
    return wrong


def _drawn(make: Callable[[], nn.Module], seeds: range) -> dict[str, torch.Tensor]:
    """Return a sample of each tensor over these seeds. One module is alive at a time."""
    samples: dict[str, list[torch.Tensor]] = {}
    for seed in seeds:
        torch.manual_seed(seed)
        for name, value in make().named_parameters():
            samples.setdefault(name, []).append(_sample(value.detach()))
    return {name: torch.cat(each) for name, each in samples.items()}


def _sample(values: torch.Tensor) -> torch.Tensor:
    flat = values.flatten()
    return flat[:: max(1, len(flat) // MOST)].clone()


def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return how likely two samples of one distribution differ at least so much (Kolmogorov and Smirnov)."""
    found: Any = ks_2samp(one.numpy(), other.numpy())
    return float(found.pvalue)
