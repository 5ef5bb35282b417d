"""timm's models as references, where timm is installed.

`archlang verify SPEC --against tests/timm_models.py:res2net50_26w_4s` takes one by its name.

timm is no dependency of archlang or of its tests: a test that uses it is skipped where it is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

import archlang
from tests.parity import assert_equal_modules, scramble
from tests.starts import differing, equal_starts, seeded
from tests.torchvision_models import torchvision

needs_timm = pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed")


def timm_model(name: str, **options: Any) -> nn.Module:
    """Return a model of timm with random weights."""
    torchvision()  # timm imports it
    model: nn.Module = importlib.import_module("timm").create_model(name, **options)
    return model


def timm_module(package: str, name: str) -> Any:
    """Return a class of timm by its package and name."""
    torchvision()
    return getattr(importlib.import_module(package), name)


def equal_to_timm(spec: Path, name: str, *, size: int = 64, starts: Literal["bits", "distributions"]) -> None:
    """Hold the net `name` of a spec against timm's of that name: keys, outputs, gradients, and how weights start.

    With the same seed all weights start with the same `bits`, or those of each tensor come from the same distribution.
    """
    net = archlang.load(f"{spec}:{name}")
    ours, theirs = net.module(), timm_model(name)
    scramble(theirs)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    assert_equal_modules(ours, theirs, images)
    makes = net.module, lambda: timm_model(name)
    if starts == "bits":
        assert equal_starts(*(seeded(make, 1) for make in makes))
    else:
        assert differing(*makes, 2) == []


def __getattr__(name: str) -> object:
    return lambda: timm_model(name)
