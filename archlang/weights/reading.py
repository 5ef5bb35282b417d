"""Reads files of weights: `.safetensors`, and what `torch.save` wrote. No code in a file is executed."""

from __future__ import annotations

import re
import reprlib
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, NoReturn, cast

from archlang.packages import need
from archlang.shapes import DTYPE_BYTES
from archlang.weights.sound import ARCHIVE, bad, bounded, refuse_archive, refuse_no_file, refuse_odd_tensors
from archlang.weights.storages import storages_are_whole
from archlang.weights.unfolding import Followed, followed

if TYPE_CHECKING:
    from torch import Tensor

SAFETENSORS = ".safetensors"
# the names that safetensors has for them: F64, BF16, I8, U8, BOOL
_DTYPES = {name.upper().replace("FLOAT", "F").replace("UINT", "U").replace("INT", "I"): name for name in DTYPE_BYTES}

# what torch.load raises for bytes that are not a file of weights, found by trying such bytes
_UNREADABLE = (
    RuntimeError, EOFError, ValueError, TypeError, LookupError, AssertionError, AttributeError, OverflowError,
    struct.error, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """The shape and dtype of a tensor in a file."""

    shape: tuple[int, ...]
    dtype: str


def is_safetensors(path: Path) -> bool:
    """Return whether a file is of this kind, by its suffix."""
    return path.suffix.lower() == SAFETENSORS


def headers(path: Path) -> dict[str, Held]:
    """Return the tensors of a .safetensors file by key, from its header alone; torch is not needed."""
    need("safetensors", f"{path} is read by")
    from safetensors import SafetensorError, safe_open

    refuse_no_file(path)
    path.open("rb").close()  # raises an error with the file's name if it cannot be opened
    try:
        with cast("Any", safe_open(path, framework="np")) as file:  # its class declares no types
            parts: dict[str, Any] = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118  no mapping
            return {key: Held(tuple(part.get_shape()), _dtype(part.get_dtype())) for key, part in parts.items()}
    except SafetensorError as error:
        raise bad(path, f"is not a safetensors file: {error}") from None


def tensors(path: Path, entry: str = "", preferred: str = "") -> dict[str, Tensor]:
    """Return the tensors of a file by key, on the CPU. `entry` names one of a checkpoint's several state dicts.

    `preferred` is the one that is taken if it is there and no entry is named.
    """
    if is_safetensors(path):
        if entry:
            raise bad(path, "is a safetensors file, which holds one set of weights and no entries")
        headers(path)  # raises if the file is damaged
        need("torch", f"the weights of {path} become tensors of")
        from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

        found = load_file(path)
    else:
        found = _chosen(unpickled(path), path, entry, preferred)
    refuse_odd_tensors(path, found)
    return found


def _dtype(name: str) -> str:
    return _DTYPES.get(name, name)


# ---- what torch.save wrote


def unpickled(path: Path, *, is_mapped: bool = True) -> object:
    """Return the content, read with `weights_only=True`, which executes no code that the file names.

    Its tensors are the file's pages if `is_mapped`, and then the file must stay while they are used.
    """
    import warnings

    need("torch", f"{path} is read by")
    import torch

    refuse_no_file(path)
    refuse_archive(path)
    with warnings.catch_warnings(), bounded(path):
        warnings.simplefilter("ignore")  # about TorchScript and pickle versions; both end in errors below
        try:
            pickles = list(_pickles(path))
            if not all(one.unfolds() for one in pickles):
                raise bad(
                    path, "would take too long to read: its values are nested very often, or are very large integers"
                )
            storages = [storage for one in pickles for storage in one.storages]
            mapped = is_mapped and storages_are_whole(path, storages)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except UnpicklingError as error:
            _refuse(path, str(error))
        except MemoryError:
            raise bad(path, "would take more memory than a file of its size can fill") from None
        except _UNREADABLE as error:
            if "TorchScript" in str(error):
                what, make = "is a TorchScript archive, a net with its code", "torch.jit.load(FILE)"
                raise bad(path, what, f"save its weights: `torch.save({make}.state_dict(), ...)`") from None
            raise bad(path, "cannot be read: it is damaged, or no file that `torch.save` wrote") from None


def _pickles(path: Path) -> Iterator[Followed]:
    """Yield what the pickles of a file make: those of an archive, or the five with which an older file begins."""
    with path.open("rb") as file:
        if file.read(len(ARCHIVE)) == ARCHIVE:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.lower().endswith("data.pkl"):  # torch finds it in any case
                        yield followed(BytesIO(archive.read(name)))
            return
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:  # which reads no more than there is
            for _ in range(5):
                yield (one := followed(data))
                if not one.is_whole:
                    return


def _refuse(path: Path, said: str) -> NoReturn:
    """Refuse a pickle that holds more than tensors: reading it would execute code that it names."""
    named = re.search(r"GLOBAL ([\w.]+)", said)
    if named is None:
        raise bad(path, "cannot be read: it is damaged, or no file that `torch.save` wrote") from None
    what = f"holds more than weights: a pickled `{named[1]}`, and to read that would be to run it"
    raise bad(path, what, "where it was made, save the weights alone: `torch.save(net.state_dict(), FILE)`") from None


def _chosen(content: object, path: Path, entry: str, preferred: str) -> dict[str, Tensor]:
    """Choose the state dict: the content itself, its only entry that is one, or the entry named or preferred."""
    weights = _state_dict(content)
    held = _mapping(content)
    parts = {str(name): part for name, value in held.items() if (part := _state_dict(value))}
    if entry and entry not in parts:
        raise bad(path, f"has no weights called {entry}; it has {', '.join(parts) or 'no entries'}")
    if entry:
        return parts[entry]
    if weights is not None:
        return weights
    if preferred in parts:
        return parts[preferred]
    if len(parts) > 1:
        listed = ", ".join(parts)
        raise bad(path, f"holds several sets of weights: {listed}", f"choose one: `entry={next(iter(parts))}`")
    if not parts:
        shown = ", ".join(sorted(reprlib.repr(key).strip("'") for key in held)[:8]) or type(content).__name__
        raise bad(path, f"holds no weights, which are tensors by name; it holds {shown}")
    return next(iter(parts.values()))


def _mapping(value: object) -> Mapping[object, object]:
    """Return the value if it is a mapping, otherwise an empty mapping."""
    return cast("Mapping[object, object]", value) if isinstance(value, Mapping) else {}


def _state_dict(value: object) -> dict[str, Tensor] | None:
    """Return the value if it maps names to tensors, otherwise None."""
    import torch

    items = _mapping(value).items()
    found = {key: tensor for key, tensor in items if isinstance(key, str) and isinstance(tensor, torch.Tensor)}
    return found if isinstance(value, Mapping) and len(found) == len(items) else None
