"""WebDataset shards: tar files in which the files of a sample stand together and share a name.

The shards stay packed: their tables of contents are read once, then each sample from its place. So a run depends
neither on the number of workers nor on interruptions, as with all other data.
"""

from __future__ import annotations

import io
import tarfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.arrays import typed
from archlang.train.data.files import wrong
from archlang.train.data.folders import ENDINGS, pixels
from archlang.train.data.samples import Data, Sample, halves

if TYPE_CHECKING:
    from torch import Tensor

LABELS = frozenset({"cls", "id"})  # files with the number of a class
MASKS = frozenset({"mask.png", "seg.png"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A sample: its shard, its name, the number of its class, and offset and size of each other file by field."""

    shard: int
    name: str
    label: int | None
    files: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Shards:
    """Samples of shards. In the place of one that cannot be read, the next one is taken, which is told."""

    paths: Sequence[Path]
    entries: Sequence[Entry]
    mode: str
    broken: list[str] = field(default_factory=list[str])  # of this process

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        for step in range(len(self.entries)):
            entry = self.entries[(index + step) % len(self.entries)]
            try:
                return self._read(entry)
            except (OSError, ValueError, SyntaxError, EOFError) as error:
                self._tell(entry, error)
        raise Rejected("bad-data", f"no sample of {self.paths[0].parent.name} can be read")

    def _read(self, entry: Entry) -> dict[str, Tensor]:
        import torch

        found: dict[str, Tensor] = {}
        with self.paths[entry.shard].open("rb") as shard:
            for name, (offset, size) in entry.files.items():
                shard.seek(offset)
                found[name] = _decoded(name, shard.read(size), self.mode)
        return found if entry.label is None else {**found, "label": torch.tensor(entry.label)}

    def _tell(self, entry: Entry, error: Exception) -> None:
        name = f"{self.paths[entry.shard].name}: {entry.name}"
        if name not in self.broken:
            self.broken.append(name)
            message = f"{name} cannot be read ({error}); the next sample takes its place: {len(self.broken)} so far"
            warnings.warn(message, stacklevel=4)

    @cached_property
    def label(self) -> Tensor | None:
        """The classes of all samples, so that they are looked at before the first step."""
        import torch

        labels = [entry.label for entry in self.entries if entry.label is not None]
        return torch.tensor(labels) if labels else None


def _decoded(name: str, raw: bytes, mode: str) -> Tensor:
    import torch

    numpy = need("numpy", "arrays are read by")
    if name in ("image", "mask"):
        with cast(Any, need("PIL.Image", "images are read by")).open(io.BytesIO(raw)) as picture:
            if name == "image":
                return pixels(picture.convert("RGB" if mode == "rgb" else "L"))
            return torch.from_numpy(numpy.array(picture).astype(numpy.int64))  # pyright: ignore[reportUnknownMemberType]
    return typed(torch.from_numpy(numpy.load(io.BytesIO(raw), allow_pickle=False)))  # pyright: ignore[reportUnknownMemberType]


def webdataset(part: Part, path: Path) -> Data:
    """Return the samples of a folder of .tar files, or of train and val with these, or of one file."""
    paths = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    if not paths:
        packed = next(iter(path.glob("*.tar.*")), None)
        help = f"unpack {packed.name}: samples are read from their places" if packed else None
        raise Rejected("bad-data", f"there is no .tar file in the folder {path.name}", help=help)
    entries: list[Entry] = []
    left = 0
    for number, shard in enumerate(paths):
        found, missing = _contents(shard, number)
        entries += found
        left += missing
    learned, rest, told = halves(part, len(entries), [f"{paths[one.shard].name}/{one.name}" for one in entries])
    mode = str(part.arguments["mode"])
    if left:
        warnings.warn(f"{path.name}: {left} samples lack a file that others have, and are left out", stacklevel=2)
        told += f"; {left} incomplete ones left out"
    parts = [Shards(paths, [entries[at] for at in half], mode) for half in (learned, rest)]
    return Data(parts[0], parts[1], told=told)


def _contents(path: Path, number: int) -> tuple[list[Entry], int]:
    """Return the samples of a shard, and how many have fewer files than the others."""
    names: dict[str, dict[str, tuple[int, int]]] = {}
    labels: dict[str, int] = {}
    try:
        with tarfile.open(path, "r:") as shard:
            for member in shard:
                folder, _, file = member.name.rpartition("/")
                stem, _, ending = file.partition(".")
                name = f"{folder}/{stem}" if folder else stem
                if not member.isfile() or not stem:
                    continue
                if ending in LABELS:
                    labels[name] = _label(shard, member, path)
                elif (chosen := _field(ending)) is not None:
                    names.setdefault(name, {})[chosen] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise wrong(path, f"this is no whole tar file: {error}") from None
    every = {chosen for files in names.values() for chosen in files}
    whole = [name for name, files in names.items() if len(files) == len(every) and (not labels or name in labels)]
    if not whole:
        raise wrong(path, "it has no sample of an image or array" + (" with a class" if labels else ""))
    return [Entry(number, name, labels.get(name), names[name]) for name in whole], len(names) - len(whole)


def _field(ending: str) -> str | None:
    """Return the field that a file fills by its ending; None for text and what else no net takes."""
    if ending in MASKS:
        return "mask"
    if f".{ending}" in ENDINGS:
        return "image"
    stem, _, last = ending.rpartition(".")
    return (stem or "array") if last == "npy" else None


def _label(shard: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> int:
    file = shard.extractfile(member)
    raw = file.read().strip() if file is not None else b""
    if not raw.isdigit():
        raise wrong(path, f"{member.name} holds {raw[:20]!r}, where the number of a class is needed")
    return int(raw)
