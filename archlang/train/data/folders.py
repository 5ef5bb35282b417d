"""Folders of images: one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from archlang.diagnostics import Rejected
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, Sample, parted

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
_HELD_OUT = ("val", "valid", "validation", "test")


@dataclass(frozen=True, slots=True)
class Images:
    """Files of images with their classes. An image is read when it is asked for: c x h x w in uint8."""

    files: Sequence[tuple[Path, int]]
    mode: str

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        import torch

        path, label = self.files[index]
        return {"image": image(path, self.mode), "label": torch.tensor(label)}


def image(path: Path, mode: str) -> Any:
    """Return an image file as a tensor c x h x w of uint8. Raises `Rejected` if it cannot be read."""
    import torch

    numpy, pillow = need("numpy", "images are read by"), need("PIL.Image", "images are read by")
    try:
        with cast(Any, pillow).open(path) as found:
            pixels = numpy.array(found.convert("RGB" if mode == "rgb" else "L"))
    except (OSError, ValueError, SyntaxError) as error:
        raise Rejected("bad-data", f"{path.parent.name}/{path.name} is no image that can be read: {error}") from None
    tensor = torch.from_numpy(pixels)  # pyright: ignore[reportUnknownMemberType]
    return tensor.permute(2, 0, 1).contiguous() if tensor.dim() == 3 else tensor.unsqueeze(0)


def imagefolder(part: Part, path: Path) -> Data:
    """Return the images of a folder: CLASS/FILE, or train/CLASS/FILE and val/CLASS/FILE.

    Without a folder that is held out, a part of each class is.
    """
    mode = str(part.arguments["mode"])
    if (path / "train").is_dir():
        other = next((path / name for name in _HELD_OUT if (path / name).is_dir()), None)
        if other is None:
            raise Rejected("bad-data", f"{path.name} has a folder train, and none of {', '.join(_HELD_OUT)}")
        classes, files = _files(path / "train")
        others, rest = _files(other)
        if others != classes:
            odd = min(set(others) ^ set(classes))
            raise Rejected("bad-data", f"train and {other.name} have different classes: `{odd}` is in one of them")
        return Data(Images(files, mode), Images(rest, mode), classes)
    classes, files = _files(path)
    halves = ([files[at] for at in half] for half in parted(len(files), part.number("held_out")))
    training, held_out = (Images(half, mode) for half in halves)
    return Data(training, held_out, classes)


def _files(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Return the classes, which are the sorted names of folders, and all files with the number of their class."""
    classes = tuple(sorted(one.name for one in folder.iterdir() if one.is_dir()))
    if len(classes) < 2:
        raise Rejected(
            "bad-data", f"{folder.name} has {len(classes)} folders; each class is a folder, and two are needed"
        )
    files: list[tuple[Path, int]] = []
    for number, name in enumerate(classes):
        own = sorted(one for one in (folder / name).rglob("*") if one.suffix.lower() in ENDINGS)
        if not own:
            raise Rejected("bad-data", f"the class `{name}` of {folder.name} has no image")
        files += [(one, number) for one in own]
    return classes, files
