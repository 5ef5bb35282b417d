"""Datasets of Hugging Face that `save_to_disk` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from archlang.diagnostics import Rejected
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.custom import tensor_of
from archlang.train.data.files import wrong
from archlang.train.data.folders import HELD_OUT, pixels
from archlang.train.data.samples import Data, Sample, halves

_NAMES = {"image": ("image", "img"), "label": ("label", "labels", "fine_label")}  # of columns, as they are published


@dataclass(frozen=True, slots=True)
class Hub:
    """Rows of a dataset: the columns of numbers and images, by field."""

    dataset: Any
    columns: Mapping[str, str]
    indices: Sequence[int]
    mode: str

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        at = self.indices[index]
        try:
            row = self.dataset[at]
        except (OSError, ValueError) as error:
            raise Rejected("bad-data", f"row {at:,} cannot be read: {error}") from None
        return {name: self._field(row[column], f"`{column}` of row {at:,}") for name, column in self.columns.items()}

    def _field(self, value: Any, what: str) -> Any:
        if value is None:
            raise Rejected("bad-data", f"{what} is empty")
        if hasattr(value, "getbands"):  # an image of PIL
            return pixels(value.convert("RGB" if self.mode == "rgb" else "L"))
        return tensor_of(value, what)


def huggingface(part: Part, path: Path) -> Data:
    """Return a dataset from disk: its split `train`, and the one that is held out; or one split, of which a part is."""
    library = cast(Any, need("datasets", "datasets of Hugging Face are read by"))
    try:
        found = library.load_from_disk(str(path))
    except (FileNotFoundError, OSError, ValueError, KeyError) as error:
        raise wrong(path, f"this is no dataset that `save_to_disk` wrote: {str(error).splitlines()[0]}") from None
    splits = dict(found) if isinstance(found, library.DatasetDict) else {"train": found}
    if "train" not in splits:
        raise wrong(path, f"it has no split `train`; it has {', '.join(splits)}")
    training = splits["train"]
    columns, left = _columns(part, path, training.features, library)
    mode = str(part.arguments["mode"])
    other = next((name for name in HELD_OUT if name in splits), None)
    if other is None:
        learned, rest, told = halves(part, len(training))
        parts = [Hub(training, columns, half, mode) for half in (learned, rest)]
    else:
        parts = [Hub(one, columns, range(len(one)), mode) for one in (training, splits[other])]
        told = f"{len(parts[0]):,} samples to train on, {len(parts[1]):,} held out in the split {other}"
    told += f"; the columns {', '.join(left)} are left out" if left else ""
    names = getattr(training.features.get(columns.get("label", "")), "names", None) or ()
    return Data(parts[0], parts[1], tuple(map(str, names)), told)


def _columns(part: Part, path: Path, features: Any, library: Any) -> tuple[dict[str, str], list[str]]:
    """Return the columns of numbers and images by field, and those that hold something else."""
    kept = [name for name, feature in features.items() if _is_numbers(feature, library)]
    fields = {name: name for name in kept}
    for field, usual in _NAMES.items():
        chosen = part.arguments[field]
        if chosen is not None and chosen not in kept:
            raise wrong(path, f"there is no column `{chosen}` of numbers or images; there are {', '.join(kept)}")
        column = chosen or next((name for name in usual if name in kept), None)
        if column is not None:
            del fields[str(column)]
            fields = {field: str(column), **fields} if field == "image" else {**fields, field: str(column)}
    if not fields:
        raise wrong(path, f"it has no column of numbers or images, but {', '.join(features)}")
    return fields, [name for name in features if name not in kept]


def _is_numbers(feature: Any, library: Any) -> bool:
    """Return whether a feature is an image, a number, or lists of numbers."""
    if isinstance(feature, (library.Image, library.ClassLabel)):
        return True
    dtype = str(getattr(feature, "dtype", ""))
    if isinstance(feature, library.Value):
        return dtype.startswith(("int", "uint", "float", "bool"))
    inner = getattr(feature, "feature", None)
    return dtype.startswith(("int", "uint", "float", "bool")) if inner is None else _is_numbers(inner, library)
