"""A dataset of the user's own: what a function `module:callable` returns. Only `--data` can name it, never a spec."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, Sample, halves

if TYPE_CHECKING:
    from torch import Tensor

FIELDS = ("image", "label")  # of samples that are tuples


@dataclass(frozen=True, slots=True)
class Own:
    """Samples of a dataset with `__len__` and `__getitem__`: mappings of fields, or tuples of an image and a label."""

    dataset: Any
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        at = self.indices[index]
        return _fields(self.dataset[at], f"sample {at:,}")


def custom(part: Part, name: str) -> Data:
    """Return the data of a function of the user: it returns one dataset, which is split, or a pair of them."""
    found: Any = _called(name)
    if isinstance(found, tuple) and len(found) == 2:  # pyright: ignore[reportUnknownArgumentType]
        pair: list[Any] = list(found)  # pyright: ignore[reportUnknownArgumentType]
        training, rest = pair
        both = [Own(_checked(one, name), range(len(one))) for one in (training, rest)]
        told = f"{len(training):,} samples to train on, {len(rest):,} held out, as {name} returns them"
        return Data(both[0], both[1], _classes(training), told)
    learned, held_out, told = halves(part, len(_checked(found, name)))
    return Data(Own(found, learned), Own(found, held_out), _classes(found), told)


def check_name(name: str) -> None:
    """Raise `Rejected` unless a text has the form `module:callable`."""
    module, _, function = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
        help = "write `--data module:callable`; archlang imports the module and calls the function"
        raise Rejected("bad-data", f"`data custom` is what a function returns, and {name} names none", help=help)


def _called(name: str) -> Any:
    """Import the module, from the current folder too, and call the function."""
    check_name(name)
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # it stays there: the processes that read samples import the module too
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise Rejected("bad-data", f"{name}: {error}") from None
    for word in function.split("."):
        if not hasattr(found, word):
            raise Rejected("bad-data", f"{name}: {module} has no `{function}`")
        found = getattr(found, word)
    if not callable(found):
        raise Rejected("bad-data", f"{name} is no function, but of the type {type(found).__name__}")
    return found()


def _checked(dataset: Any, name: str) -> Any:
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        message = f"{name} returned {type(dataset).__name__}, which has no length or takes no index"
        help = "return a dataset with `__len__` and `__getitem__`, or one to train on and one that is held out"
        raise Rejected("bad-data", message, help=help)
    return dataset


def _classes(dataset: Any) -> tuple[str, ...]:
    """Return the names of the classes, where a dataset has them as those of torchvision do."""
    found = getattr(dataset, "classes", ())
    return tuple(map(str, found)) if isinstance(found, (list, tuple)) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _fields(sample: Any, where: str) -> dict[str, Tensor]:
    if isinstance(sample, Mapping):
        named = dict(cast("Mapping[str, Any]", sample))
    elif isinstance(sample, (tuple, list)) and len(cast("list[Any]", sample)) == 2:
        named = dict(zip(FIELDS, cast("list[Any]", sample), strict=True))
    else:
        kind = type(cast(object, sample)).__name__
        message = f"{where} is {kind}: a sample is a mapping of names to tensors, or (image, label)"
        raise Rejected("bad-data", message)
    return {str(name): tensor_of(value, f"`{name}` of {where}") for name, value in named.items()}


def tensor_of(value: Any, what: str) -> Tensor:
    """Return a tensor, array, number, list of numbers or PIL image as a tensor of the dtypes that fields have."""
    import torch

    from archlang.train.data.arrays import typed
    from archlang.train.data.folders import pixels

    if hasattr(value, "getbands"):  # an image of PIL
        return pixels(value)
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise Rejected("bad-data", f"{what} is {type(value).__name__}, where numbers are needed") from None
    return typed(tensor)
