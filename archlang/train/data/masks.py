"""Segmentation: a folder of images, and one of masks that hold the class of each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.folders import ENDINGS, check_images, image, representatives, shown, unreadable
from archlang.train.data.pairs import paired_halves
from archlang.train.data.samples import Data, Sample

if TYPE_CHECKING:
    from torch import Tensor

_INDEXED = frozenset({"1", "L", "P", "I", "I;16"})  # PIL's modes with one whole number for each pixel


@dataclass(frozen=True, slots=True)
class Masked:
    """Files of images with their masks. Both are read when they are asked for: c x h x w in uint8, h x w in int64."""

    files: Sequence[tuple[Path, Path]]
    mode: str
    classes: int
    ignored: int | None
    representatives: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        picture, mask = self.files[index]
        return {"image": image(picture, self.mode), "mask": mask_of(mask, self.classes, self.ignored)}

    def name(self, index: int) -> str:
        """Return the name of the file of a sample, for messages."""
        return shown(self.files[index][0])


def mask_of(path: Path, classes: int, ignored: int | None) -> Tensor:
    """Return a mask h x w of int64. Raises `Rejected` if it cannot be read, or holds a value that is no class."""
    import torch

    numpy, pillow = need("numpy", "images are read by"), need("PIL.Image", "images are read by")
    try:
        with cast(Any, pillow).open(path) as found:
            mode, pixels = found.mode, numpy.array(found)
    except (OSError, ValueError, SyntaxError) as error:
        raise Rejected("bad-data", unreadable(path, error)) from None
    if mode not in _INDEXED:
        message = f"{shown(path)} is a picture in the mode {mode}; a mask holds the number of a class at each pixel"
        raise Rejected("bad-data", message)
    mask: Tensor = torch.from_numpy(pixels.astype(numpy.int64))  # pyright: ignore[reportUnknownMemberType]
    wrong = mask >= classes if ignored is None else (mask >= classes) & (mask != ignored)
    if wrong.any():
        row, column = (int(at) for at in wrong.nonzero()[0])
        value = int(mask[row, column])
        message = f"{shown(path)} holds {value} in row {row}, column {column}; its classes are 0 to {classes - 1}"
        help = f"`ignore={value}` in the line `data` leaves these pixels out" if ignored is None else None
        raise Rejected("bad-data", message, help=help)
    return mask


def segmentation(part: Part, path: Path) -> Data:
    """Return the images and masks of a folder: images/NAME and masks/NAME, or these in train and in val."""
    classes, ignored = int(part.number("classes")), part.arguments["ignore"]
    kept = ignored if isinstance(ignored, int) else None
    mode = str(part.arguments["mode"])
    found, told = paired_halves(part, path, "masks", ENDINGS)
    parts = [Masked(half, mode, classes, kept, representatives(_sizes(half, classes, kept))) for half in found]
    return Data(parts[0], parts[1], tuple(map(str, range(classes))), told)


def _sizes(pairs: Sequence[tuple[Path, Path]], classes: int, ignored: int | None) -> list[tuple[int, int]]:
    """Return the sizes of all images. Raises `Rejected` for files that are wrong; pixels are read if they are few."""
    sizes, whole = check_images([pair[0] for pair in pairs])
    others, _ = check_images([pair[1] for pair in pairs], whole=False)
    for (picture, mask), size, other in zip(pairs, sizes, others, strict=True):
        if size != other:
            sides = [f"{width}x{height}" for width, height in (size, other)]
            raise Rejected("bad-data", f"{shown(picture)} is {sides[0]}, and its mask {mask.name} is {sides[1]}")
        if whole:
            mask_of(mask, classes, ignored)
    return sizes
