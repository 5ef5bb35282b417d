"""Arrays of numbers: the .npz file of several, and .npy files, which stay on the disk until their rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.files import wrong
from archlang.train.data.samples import Data, Sample, halves, in_memory

if TYPE_CHECKING:
    from torch import Tensor

_NUMBERS = "fiub"  # numpy's kinds: floats, integers, bools


def npz(part: Part, path: Path) -> Data:
    """Return the arrays of an .npz file as fields: rows are samples. Integers of `label` are classes."""
    import torch

    numpy = need("numpy", "arrays are read by")
    try:
        with numpy.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, AttributeError) as error:  # a single array has no `files`
        raise wrong(path, f"it cannot be read: {error}") from None
    _check(path, arrays)
    fields = {name: typed(torch.from_numpy(array)) for name, array in arrays.items()}  # pyright: ignore[reportUnknownMemberType]
    return in_memory(fields, part)


@dataclass(frozen=True)
class Rows:
    """Rows of .npy files, which are read when they are asked for."""

    files: Mapping[str, Path]
    indices: Sequence[int]

    def __reduce__(self) -> tuple[Any, ...]:
        return Rows, (self.files, self.indices)  # another process opens the files anew

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        import torch

        numpy = need("numpy", "arrays are read by")
        rows = {name: numpy.array(array[self.indices[index]]) for name, array in self._arrays.items()}
        return {name: typed(torch.from_numpy(row)) for name, row in rows.items()}  # pyright: ignore[reportUnknownMemberType]

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        return {name: _opened(path) for name, path in self.files.items()}

    @cached_property
    def label(self) -> Tensor | None:
        """The column `label`, if there is one, so that its classes are looked at before the first step."""
        import torch

        if "label" not in self.files or self._arrays["label"].ndim != 1:
            return None
        return typed(torch.from_numpy(self._arrays["label"][list(self.indices)]))  # pyright: ignore[reportUnknownMemberType]


def npy(part: Part, path: Path) -> Data:
    """Return .npy files as fields: the files of a folder, each a field of its name, or one file alone."""
    files = {one.stem: one for one in sorted(path.glob("*.npy"))} if path.is_dir() else {path.stem: path}
    if not files:
        raise Rejected("bad-data", f"there is no .npy file in the folder {path.name}")
    arrays = {name: _opened(one) for name, one in files.items()}
    _check(path, arrays)
    training, rest, told = halves(part, len(next(iter(arrays.values()))))
    return Data(Rows(files, training), Rows(files, rest), told=told)


def _opened(path: Path) -> Any:
    numpy = need("numpy", "arrays are read by")
    try:
        found = numpy.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise wrong(path, f"it cannot be read: {error}") from None
    if not isinstance(found, numpy.ndarray):
        found.close()
        raise wrong(path, "it holds several arrays: `data npz` reads them")
    return found


def _check(path: Path, arrays: Mapping[str, Any]) -> None:
    """Raise `Rejected` unless arrays hold finite numbers, and have one number of rows."""
    numpy = need("numpy", "arrays are read by")
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise wrong(path, f"its arrays have different numbers of rows: {listed}")
    for name, array in arrays.items():
        if array.dtype.kind not in _NUMBERS:
            raise wrong(path, f"`{name}` holds {array.dtype}, where numbers are needed")
        if array.dtype.kind == "f":
            for at in range(0, len(array), 1024):
                finite = numpy.isfinite(array[at : at + 1024])
                if not finite.all():
                    row = at + int(numpy.argwhere(~finite)[0][0])
                    raise wrong(path, f"row {row} of `{name}` holds a value that is no finite number")


def typed(rows: Tensor) -> Tensor:
    """Return floats as float32, and integers other than bytes of images as int64."""
    import torch

    if rows.is_floating_point():
        return rows.float()
    return rows if rows.dtype == torch.uint8 and rows.dim() > 1 else rows.long()
