"""Folders of images: one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, Sample, halves

if TYPE_CHECKING:
    from torch import Tensor

READ_FIRST = 64 * 2**20  # bytes of files up to which all pixels are read before the first step
DIFFERENT = 20  # sizes of images that are tried before the first step
ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
HELD_OUT = ("val", "valid", "validation", "test")


@dataclass(frozen=True, slots=True)
class Images:
    """Files of images with their classes. An image is read when it is asked for: c x h x w in uint8."""

    files: Sequence[tuple[Path, int]]
    mode: str
    representatives: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        import torch

        path, label = self.files[index]
        return {"image": image(path, self.mode), "label": torch.tensor(label)}

    def name(self, index: int) -> str:
        """Return the name of the file of a sample, for messages."""
        return shown(self.files[index][0])


def shown(path: Path) -> str:
    """Return a file with its folder, as messages name it."""
    return str(Path(*path.parts[-2:]))


def unreadable(path: Path, error: Exception) -> str:
    """Return the message about a file that is no image."""
    return f"{shown(path)} is no image that can be read: {str(error).replace(f' {str(path)!r}', '')}"


def image(path: Path, mode: str) -> Tensor:
    """Return an image file as a tensor c x h x w of uint8. Raises `Rejected` if it cannot be read."""
    pillow = need("PIL.Image", "images are read by")
    try:
        with cast(Any, pillow).open(path) as found:
            return pixels(found.convert("RGB" if mode == "rgb" else "L"))
    except (OSError, ValueError, SyntaxError) as error:
        raise Rejected("bad-data", unreadable(path, error)) from None


def pixels(picture: Any) -> Tensor:
    """Return an image of PIL as a tensor c x h x w of uint8."""
    import torch

    numpy = need("numpy", "images are read by")
    tensor: Tensor = torch.from_numpy(numpy.array(picture))  # pyright: ignore[reportUnknownMemberType]
    return tensor.permute(2, 0, 1).contiguous() if tensor.dim() == 3 else tensor.unsqueeze(0)


def check_images(paths: Sequence[Path], whole: bool | None = None) -> tuple[list[tuple[int, int]], bool]:
    """Return the width and height of each file, and whether its pixels were read too.

    They are where all files together are at most `READ_FIRST` bytes. Raises `Rejected` for files that are no images.
    """
    if whole is None:
        whole = sum(path.stat().st_size for path in paths) <= READ_FIRST
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(partial(_size, whole=whole), paths))
    if bad := [one for one in found if isinstance(one, str)]:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise Rejected("bad-data", f"{bad[0]}{more}")
    return [one for one in found if not isinstance(one, str)], whole


def _size(path: Path, whole: bool) -> tuple[int, int] | str:
    """Return the size of an image, or what is wrong with it."""
    pillow = need("PIL.Image", "images are read by")
    try:
        with cast(Any, pillow).open(path) as found:
            if whole:
                found.load()
            size: tuple[int, int] = found.size
            return size
    except (OSError, ValueError, SyntaxError) as error:
        return unreadable(path, error)


def representatives(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Return the index of one image of each size, of the first `DIFFERENT` sizes."""
    first: dict[tuple[int, int], int] = {}
    for at, size in enumerate(sizes):
        first.setdefault(size, at)
    return list(first.values())[:DIFFERENT]


def imagefolder(part: Part, path: Path) -> Data:
    """Return the images of a folder: CLASS/FILE, or train/CLASS/FILE and val/CLASS/FILE.

    Without a folder that is held out, a part of each class is.
    """
    mode = str(part.arguments["mode"])
    if (path / "train").is_dir():
        other = next((path / name for name in HELD_OUT if (path / name).is_dir()), None)
        if other is None:
            raise Rejected("bad-data", f"{path.name} has a folder train, and none of {', '.join(HELD_OUT)}")
        classes, learned = _files(path / "train")
        others, rest = _files(other)
        if others != classes:
            odd = min(set(others) ^ set(classes))
            raise Rejected("bad-data", f"train and {other.name} have different classes: `{odd}` is in one of them")
        told = f"{len(learned):,} images to train on, {len(rest):,} held out in the folder {other.name}"
    else:
        classes, files = _files(path)
        names = [one.relative_to(path).as_posix() for one, _ in files]
        first, second, told = halves(part, len(files), names)
        learned, rest = [files[at] for at in first], [files[at] for at in second]
        present = {label for _, label in learned}
        if missing := [name for number, name in enumerate(classes) if number not in present]:
            raise Rejected("bad-data", f"all images of the class `{missing[0]}` are held out: none is left to train on")
    return Data(_images(learned, mode), _images(rest, mode), classes, told)


def _images(files: Sequence[tuple[Path, int]], mode: str) -> Images:
    sizes, _ = check_images([path for path, _ in files])
    return Images(files, mode, representatives(sizes))


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
