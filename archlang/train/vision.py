"""torchvision's transforms, also where its compiled operators do not load."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from archlang.ir import Graph
from archlang.packages import need
from archlang.recipes import Recipe
from archlang.recipes.sources import DATA
from archlang.train.native import is_native

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
    return need("torchvision.transforms.v2", "images are transformed by")


def runs_without_operators() -> bool:
    """Return whether torchvision runs here without its compiled operators."""
    return bool(_declared)


def check_transforms(parts: Iterable[tuple[str, Mapping[str, Any]]], fields: Collection[str] = ()) -> None:
    """Raise `Rejected` if transforms, by word and arguments, need torchvision, and it is not installed."""
    chosen = list(parts)
    if chosen and ({"mask", "boxes"} & set(fields) or not all(is_native(*part) for part in chosen)):
        transforms_v2()


def check_transforms_of(recipe: Recipe, graph: Graph) -> None:
    """Raise `Rejected` if a recipe needs torchvision for its transforms or mixes, and it is not installed."""
    if recipe.mixes:
        transforms_v2()
    fields = DATA[recipe.data.word].fields(recipe.data.arguments, graph)
    check_transforms([(part.word, part.arguments) for stage in recipe.stages for part in stage.parts], fields)


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
