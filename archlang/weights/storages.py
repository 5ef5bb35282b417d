"""Whether the storages that an archive of torch's names are there whole, found without executing anything of it."""

from __future__ import annotations

import pickle
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, cast

_RAW = "UntypedStorage"  # whose length is counted in bytes


class _Inert:
    """What every name in a pickle stands for here: it is called, filled and changed without effect."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *_: object) -> _Inert:
        return self

    def __setitem__(self, key: object, value: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def append(self, item: object) -> None: ...


class _Storages(pickle.Unpickler):
    """Notes the bytes of each storage by its key. No name leads to what it names, so that no code runs."""

    def __init__(self, data: bytes) -> None:
        super().__init__(BytesIO(data))
        self.found: dict[str, int] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        return _Inert(name)

    def persistent_load(self, pid: Any, /) -> _Inert:
        _, kind, key, _, count = pid
        self.found[str(key)] = int(count) * _bytes(cast(_Inert, kind).name)
        return _Inert("storage")


def _bytes(kind: str) -> int:
    """Return the bytes of a value in a storage of this kind: `FloatStorage`."""
    import torch

    return 1 if kind == _RAW else int(getattr(torch, kind).dtype.itemsize)


def storages_are_whole(path: Path) -> bool:
    """Return whether each storage of an archive is as long as the pickle says; False if that is not found out.

    A storage that is mapped although it is shorter would hold what follows it in the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {record.filename: record.file_size for record in archive.infolist()}
            (pickled,) = (name for name in sizes if name.endswith("/data.pkl"))
            scanned = _Storages(archive.read(pickled))
            scanned.load()
    except Exception:  # noqa: BLE001  the pickle is a stranger's; torch says what is wrong with it
        return False
    folder = pickled.removesuffix("data.pkl") + "data/"
    return all(sizes.get(f"{folder}{key}") == size for key, size in scanned.found.items())
