"""The original files of MNIST, Fashion-MNIST and CIFAR."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, InMemory

if TYPE_CHECKING:
    from torch import Tensor

_IDX_UINT8 = 0x08
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR_PIXELS = 3 * 32 * 32


def wrong(path: Path, why: str, help: str | None = None) -> Rejected:
    """Return the rejection of a file of data."""
    return Rejected("bad-data", f"{path.name}: {why}", help=help)


def existing(folder: Path, *names: str) -> Path:
    """Return the first of these files that is in the folder. Raises `Rejected` if none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise Rejected("bad-data", f"there is no {names[0]} in the folder {folder.name}")


# ---- MNIST's format


def idx(part: Part, path: Path) -> Data:
    """Return MNIST or Fashion-MNIST from its four idx files, packed by gzip or not."""
    halves: list[InMemory] = []
    for prefix in ("train", "t10k"):
        images, labels = (
            _idx(
                existing(
                    path,
                    *(f"{prefix}-{what}{end}" for what in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")),
                )
            )
            for name in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        if len(images) != len(labels):
            raise Rejected("bad-data", f"{prefix}: there are {len(images)} images and {len(labels)} labels")
        halves.append(InMemory({"image": images.unsqueeze(1), "label": labels.long()}))
    classes = FASHION if part.word == "fashionmnist" else tuple(map(str, range(10)))
    return Data(halves[0], halves[1], classes)


def _idx(path: Path) -> Tensor:
    """Return the bytes of an idx file in their shape (LeCun, Cortes and Burges, "The MNIST database")."""
    import torch

    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _IDX_UINT8:
        raise wrong(path, "this is no idx file of bytes")
    start = 4 + 4 * raw[3]
    shape = [int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4)]
    values = torch.frombuffer(bytearray(raw[start:]), dtype=torch.uint8)
    if values.numel() != _product(shape):
        raise wrong(path, f"it holds {values.numel():,} values, and says {_product(shape):,}")
    return values.view(shape)


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


# ---- CIFAR


def cifar(part: Part, path: Path) -> Data:
    """Return CIFAR-10 or CIFAR-100 from the files of its binary version."""
    hundred = part.word == "cifar100"
    names = (
        (("train.bin",), ("test.bin",))
        if hundred
        else (tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("test_batch.bin",))
    )
    folder = next(
        (
            one
            for one in (path, path / "cifar-10-batches-bin", path / "cifar-100-binary")
            if (one / names[0][0]).is_file()
        ),
        path,
    )
    if not (folder / names[0][0]).is_file():
        help = "the binary version of CIFAR is read; the one for Python holds pickles, which can run code"
        raise Rejected("bad-data", f"there is no {names[0][0]} in the folder {path.name}", help=help)
    halves = [_cifar([folder / name for name in half], labels=2 if hundred else 1) for half in names]
    return Data(halves[0], halves[1], _hundred(folder) if hundred else CIFAR10)


def _hundred(folder: Path) -> tuple[str, ...]:
    """Return the names of CIFAR-100's classes, as the file beside its images lists them; without it, their numbers."""
    listed = folder / "fine_label_names.txt"
    names = tuple(listed.read_text(encoding="utf-8").split()) if listed.is_file() else ()
    return names if len(names) == 100 else tuple(map(str, range(100)))


def _cifar(paths: Sequence[Path], labels: int) -> InMemory:
    """Read rows of one or two labels (the fine one last) and the pixels in the order red, green, blue."""
    import torch

    rows: list[Tensor] = []
    for path in paths:
        raw = torch.frombuffer(bytearray(existing(path.parent, path.name).read_bytes()), dtype=torch.uint8)
        if raw.numel() % (labels + _CIFAR_PIXELS):
            raise wrong(path, "its length is no number of images")
        rows.append(raw.view(-1, labels + _CIFAR_PIXELS))
    every = torch.cat(rows)
    return InMemory({"image": every[:, labels:].reshape(-1, 3, 32, 32), "label": every[:, labels - 1].long()})
