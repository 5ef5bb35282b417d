"""timm's models as references, where timm is installed.

`archlang verify SPEC --against tests/timm_models.py:res2net50_26w_4s` takes one by its name.

timm is no dependency of archlang or of its tests: a test that uses it is skipped where it is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import pytest
from torch import nn

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


def __getattr__(name: str) -> object:
    return lambda: timm_model(name)
