"""Lists the tensors in any value, and says how two tensors differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from archlang.verify.verdict import Check, Difference

if TYPE_CHECKING:
    from torch import Tensor


def flat(value: object) -> list[Tensor]:
    """Return all tensors in a value, in order. Tuples, lists and mappings are searched, everything else is ignored."""
    return list(_flat(value))


def _flat(value: object) -> Iterator[Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in cast("Mapping[object, object]", value).values():
            yield from _flat(part)
    elif isinstance(value, (tuple, list)):
        for part in cast("Iterable[object]", value):
            yield from _flat(part)


def shape(tensor: Tensor) -> str:
    """Return the shape and dtype in words: `2x64x56x56 float32`."""
    sizes = "x".join(map(str, tensor.shape)) or "scalar"
    return f"{sizes} {str(tensor.dtype).removeprefix('torch.')}"


def differs(mine: Tensor | None, other: Tensor | None, tolerance: float) -> str | None:
    """Return how two tensors differ; None if they are equal, or within tolerance*(1 + |reference|). NaN equals NaN."""
    import torch

    if mine is None or other is None:
        return None if mine is other else f"there is none {'here' if mine is None else 'in the reference'}"
    if mine.shape != other.shape or mine.dtype != other.dtype:
        return f"{shape(mine)} here, {shape(other)} in the reference"
    if torch.allclose(mine, other, rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    wrong = ~torch.isclose(mine, other, rtol=tolerance, atol=tolerance, equal_nan=True)
    if mine.dtype == torch.bool:
        return f"{int(wrong.sum()):,} of {mine.numel():,} values differ"
    apart = (mine.double() - other.double()).abs()
    return (
        f"{shape(mine)}, largest absolute difference {float(apart[wrong].max()):.3g}, "
        f"{int(wrong.sum()):,} of {mine.numel():,} values differ"
    )


def gap(mine: Tensor, other: Tensor) -> float:
    """Return the largest absolute difference of two tensors of one shape."""
    return float((mine.double() - other.double()).abs().max()) if mine.numel() else 0.0


def compare(
    name: str, mine: Mapping[str, Tensor | None], other: Mapping[str, Tensor | None], tolerance: float
) -> Check:
    """Compare tensors by name; a name that only one side has counts as a difference."""
    names = [*mine, *(key for key in other if key not in mine)]
    found = ((key, differs(mine.get(key), other.get(key), tolerance)) for key in names)
    return Check(name, len(names), tuple(Difference(key, how) for key, how in found if how is not None))


def numbered(word: str, tensors: list[Tensor]) -> dict[str, Tensor | None]:
    """Name tensors by a word and a number from 0: `output 0`."""
    return {f"{word} {number}": tensor for number, tensor in enumerate(tensors)}
