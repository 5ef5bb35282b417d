"""torchvision's transforms, also where its compiled operators do not load."""

from __future__ import annotations

import multiprocessing
import sys
import warnings
from functools import cache
from types import ModuleType
from typing import Any

from archlang.packages import need

_declared: list[Any] = []  # what is declared lives as long as this


@cache
def transforms_v2() -> ModuleType:
    """Return torchvision.transforms.v2. Raises `Rejected` if torchvision is not installed.

    Wheels of torchvision hold operators that are compiled for one build of torch. With another build they do not load,
    and torchvision cannot be imported before two of them are declared. No transform needs them.
    """
    import torch

    are_missing = not _operators_load()
    if are_missing:
        library: Any = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
    found = need("torchvision.transforms.v2", "images are transformed by")
    if are_missing and multiprocessing.parent_process() is None:
        message = "torchvision's compiled operators do not load here; its transforms run without them"
        warnings.warn(message, stacklevel=2)
    return found


def _operators_load() -> bool:
    """Return whether torchvision can be imported as it is, or is not installed at all."""
    from importlib.util import find_spec
    from pathlib import Path

    import torch

    found = find_spec("torchvision")
    if found is None or not found.submodule_search_locations or "torchvision" in sys.modules:
        return True
    compiled = [
        *Path(found.submodule_search_locations[0]).glob("_C*.so"),
        *Path(found.submodule_search_locations[0]).glob("_C*.pyd"),
    ]
    try:
        for library in compiled:
            torch.ops.load_library(str(library))  # pyright: ignore[reportUnknownMemberType]
    except OSError:
        return hasattr(torch.ops.torchvision, "nms")
    return True
