"""Checks a file of weights before and after it is read: an ordinary file of its own size, with plain tensors."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected

if TYPE_CHECKING:
    from torch import Tensor

_TORCHSCRIPT = "/constants.pkl"  # in the archive of a net with its code, which torch refuses by itself
_SHOWN = 3  # keys of a warning


def bad(path: Path, what: str, help: str | None = None) -> Rejected:
    """Return the refusal of a file of weights."""
    return Rejected("bad-weights-file", f"{path} {what}", help=help)


def refuse_no_file(path: Path) -> None:
    """Refuse a pipe or a device, from which reading might never end."""
    if not S_ISREG(path.stat().st_mode):
        raise bad(path, "is no ordinary file")


def refuse_archive(path: Path) -> None:
    """Refuse an archive that would unpack to more than the file holds, or whose checksums are wrong.

    torch.save compresses nothing, and torch.load compares no checksum.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return  # no archive; torch.load says what it is
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if any(record.filename.endswith(_TORCHSCRIPT) for record in records):
                return
            is_packed = any(record.compress_type != zipfile.ZIP_STORED for record in records)
            if is_packed or sum(record.file_size for record in records) > path.stat().st_size:
                raise bad(path, "is a compressed archive, and torch.save compresses nothing")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OverflowError):
        return  # torch.load reads no such archive either, or says what is wrong
    if damaged is not None:
        raise bad(path, f"is damaged: the checksum of `{damaged}` in it is wrong", "copy or download the file again")


def refuse_odd_tensors(path: Path, given: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not dense or hold no values, and warn about values that are not finite."""
    import torch

    lost: list[str] = []
    for key, tensor in given.items():
        if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized or tensor.is_meta:
            what = "holds no values, only a shape" if tensor.is_meta else "is sparse, nested or quantized"
            help = "save it dense: `tensor.to_dense()`, `torch.dequantize(tensor)`"
            raise bad(path, f"has a tensor `{key}` that {what}", None if tensor.is_meta else help)
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            lost.append(f"`{key}`")
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        warnings.warn(f"{path} has values that are no numbers (NaN), in {', '.join(lost[:_SHOWN])}{more}", stacklevel=2)
