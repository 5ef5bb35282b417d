"""Opens the data of a recipe."""

from __future__ import annotations

from pathlib import Path

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.recipes.sources import DATA
from archlang.train.data.samples import Data, InMemory, Sample, Samples

__all__ = ["Data", "InMemory", "Sample", "Samples", "check_path", "open_data"]


def open_data(part: Part, path: Path | None) -> Data:
    """Return the data that a recipe names; `path` is the file or folder that `--data` names.

    Raises `Rejected` if a file is missing or wrong, with its name.
    """
    check_path(part, path)
    data = _opened(part, path)
    if not len(data.training) or not len(data.held_out):
        counts = f"{len(data.training)} samples to train on, {len(data.held_out)} held out"
        raise Rejected("bad-data", f"`data {part.word}`: {counts}")
    return data


def check_path(part: Part, path: Path | None) -> None:
    """Raise `Rejected` if the data that a recipe names needs a path, takes none, or is not there."""
    kind = DATA[part.word]
    if path is None and kind.path == "needed":
        help = "name it: `--data PATH`"
        raise Rejected("bad-data", f"`data {part.word}` is read from files", help=help)
    if path is not None and kind.path == "never":
        raise Rejected("bad-data", f"`data {part.word}` comes with a package: it takes no `--data`")
    if path is not None and not path.exists():
        raise Rejected("bad-data", f"there is no {path}")


def _opened(part: Part, path: Path | None) -> Data:
    from archlang.train.data import files, folders, packaged, texts

    if part.word == "mnist":
        return packaged.mnist(part, path)
    if part.word == "digits":
        return packaged.digits(part)
    assert path is not None
    match part.word:
        case "fashionmnist":
            return files.idx(part, path)
        case "cifar10" | "cifar100":
            return files.cifar(part, path)
        case "npz":
            return files.npz(part, path)
        case "text":
            return texts.text(part, path)
        case _:
            return folders.imagefolder(part, path)
