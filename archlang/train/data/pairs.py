"""Images and files of the same name in two folders."""

from __future__ import annotations

from pathlib import Path

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.train.data.folders import ENDINGS, HELD_OUT
from archlang.train.data.samples import halves

Pairs = list[tuple[Path, Path]]


def paired_halves(part: Part, path: Path, word: str, endings: frozenset[str]) -> tuple[tuple[Pairs, Pairs], str]:
    """Return the images of a folder, each with the file of its name in another: to train on, and held out.

    `word` is the argument that names the other folder. Both stand in the folder, or in its folders train and val. Also
    returns how they were split.
    """
    if (path / "train").is_dir():
        other = next((path / name for name in HELD_OUT if (path / name).is_dir()), None)
        if other is None:
            raise Rejected("bad-data", f"{path.name} has a folder train, and none of {', '.join(HELD_OUT)}")
        learned, rest = _pairs(part, path / "train", word, endings), _pairs(part, other, word, endings)
        told = f"{len(learned):,} samples to train on, {len(rest):,} held out in the folder {other.name}"
        return (learned, rest), told
    every = _pairs(part, path, word, endings)
    names = [pair[0].relative_to(path).as_posix() for pair in every]
    first, second, told = halves(part, len(every), names)
    return ([every[at] for at in first], [every[at] for at in second]), told


def _pairs(part: Part, folder: Path, word: str, endings: frozenset[str]) -> Pairs:
    """Return the images of a folder, each with the file of its name. Raises `Rejected` for one that has none."""
    found: list[dict[str, Path]] = []
    for argument, ends in (("images", ENDINGS), (word, endings)):
        inside = folder / str(part.arguments[argument])
        if not inside.is_dir():
            raise Rejected("bad-data", f"there is no folder {inside.name} in {folder.name}")
        files = sorted(one for one in inside.rglob("*") if one.suffix.lower() in ends)
        found.append({one.relative_to(inside).with_suffix("").as_posix(): one for one in files})
    images, others = found
    if odd := sorted(images.keys() ^ others.keys()):
        has, lacks = ("image", word.removesuffix("s")) if odd[0] in images else (word.removesuffix("s"), "image")
        raise Rejected("bad-data", f"{folder.name}: the {has} `{odd[0]}` has no {lacks}, one of {len(odd)} without")
    return [(images[name], others[name]) for name in images]
