"""torchvision.models, also where torchvision's compiled operators do not load.

torchvision's wheels hold operators compiled for CUDA. With a CPU build of torch they do not load, and importing
torchvision then needs two of them declared, which it registers fakes for. So, from the root of the repository:
`archlang verify resnet18 --against tests/torchvision_models.py:resnet18`.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

_declared: list[torch.library.Library] = []  # what is declared lives as long as this


def torchvision() -> ModuleType:
    """Return the package, imported."""
    found = importlib.util.find_spec("torchvision")
    assert found is not None and found.submodule_search_locations
    (compiled,) = Path(found.submodule_search_locations[0]).glob("_C.*")
    try:
        torch.ops.load_library(str(compiled))
    except OSError:
        if not hasattr(torch.ops.torchvision, "nms"):
            library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _declared.append(library)
    return importlib.import_module("torchvision")


def __getattr__(name: str) -> object:
    return getattr(torchvision().models, name)
