"""Whether the storages that an archive of torch's names are there whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from archlang.weights.unfolding import Cell

_RAW = "UntypedStorage"  # whose length is counted in bytes


def storages_are_whole(path: Path, named: Iterable[Cell]) -> bool:
    """Return whether each storage of an archive is as long as the pickle says; False if that is not found out.

    A storage that is mapped although it is shorter would hold what follows it in the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {record.filename: record.file_size for record in archive.infolist()}
        (pickled,) = (name for name in sizes if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl") + "data/"
        return all(sizes[f"{folder}{key}"] == _bytes(kind, count) for _, kind, key, _, count in named)
    except Exception:  # noqa: BLE001  the file is a stranger's; torch says what is wrong with it
        return False


def _bytes(kind: str, count: int) -> int:
    """Return the bytes of a storage of so many values of this kind: `torch FloatStorage`."""
    import torch

    name = kind.rpartition(" ")[2]
    return count if name == _RAW else count * int(getattr(torch, name).dtype.itemsize)
