"""Checks a file of weights before, while and after it is read: an ordinary file of its own size, with plain tensors."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected

if TYPE_CHECKING:
    from torch import Tensor

ARCHIVE = b"PK\x03\x04"  # how one begins
_TORCHSCRIPT = "/constants.pkl"  # in the archive of a net with its code, which torch refuses by itself
_SHOWN = 3  # keys of a warning
_AT_ONCE = 2**18  # values that are looked at together; what that takes beside them is a few MiB
_BESIDE = 2**28  # bytes that reading takes beside the tensors


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
        if file.read(len(ARCHIVE)) != ARCHIVE:
            return  # no archive; torch.load says what it is
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if any(record.filename.endswith(_TORCHSCRIPT) for record in records):
                return
            is_packed = any(record.compress_type != zipfile.ZIP_STORED for record in records)
            if is_packed or sum(record.file_size for record in records) > path.stat().st_size:
                raise bad(path, "is a compressed archive, and torch.save compresses nothing")
            if len({record.filename for record in records}) < len(records):
                raise bad(path, "holds two records of one name, and programs differ in which they read")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OverflowError):
        return  # torch.load reads no such archive either, or says what is wrong
    if damaged is not None:
        raise bad(path, f"is damaged: the checksum of `{damaged}` in it is wrong", "copy or download the file again")


@contextmanager
def bounded(path: Path) -> Generator[None]:
    """Hold this process to the memory that a file of its size needs, so that a small one cannot ask for terabytes.

    Only systems with limits of addresses, such as Linux, do this. What exceeds them raises MemoryError or RuntimeError.
    """
    used = Path("/proc/self/statm")
    if find_spec("resource") is None or not used.is_file():
        yield
        return
    import resource

    before, most = resource.getrlimit(resource.RLIMIT_AS)
    now = int(used.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    limit = now + 2 * path.stat().st_size + _BESIDE
    limits = [one for one in (before, most) if one != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limit, *limits) if limits else limit, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


def refuse_odd_tensors(path: Path, given: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not dense or hold no values. No value is read."""
    import torch

    for key, tensor in given.items():
        if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized or tensor.is_meta:
            what = "holds no values, only a shape" if tensor.is_meta else "is sparse, nested or quantized"
            help = "save it dense: `tensor.to_dense()`, `torch.dequantize(tensor)`"
            raise bad(path, f"has a tensor `{key}` that {what}", None if tensor.is_meta else help)


def tell_lost_values(name: str, given: Mapping[str, Tensor], keys: Iterable[str]) -> None:
    """Warn about values of a file called `name` that are NaN or infinite, in the tensors that fit a net.

    Others are not looked at: a file of a few bytes can hold a tensor that repeats a value a billion times.
    """
    lost = [f"`{key}`" for key in keys if not _is_finite(given[key])]
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        message = f"{name} has values that are not finite (NaN or infinite), in {', '.join(lost[:_SHOWN])}{more}"
        warnings.warn(message, stacklevel=2)


def _is_finite(tensor: Tensor) -> bool:
    """Return whether all values are finite, with little memory."""
    if not tensor.is_floating_point():
        return True
    import torch

    parts = torch.split(tensor.detach().reshape(-1), _AT_ONCE)
    return all(bool(part.float().isfinite().all()) for part in parts)
