"""Tensor types with named axes, and the arithmetic of windows that slide over them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from math import prod
from typing import Literal

from archlang.diagnostics import Rejected

# A dtype is added here: its name in the language and in torch, and its bytes. Everything about dtypes reads this.
Dtype = Literal["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
DTYPE_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
FLOAT_DTYPES = tuple(sorted((name for name in DTYPE_BYTES if "float" in name), key=DTYPE_BYTES.__getitem__))
SHORT_DTYPES = {name.replace("bfloat", "bf").replace("float", "fp"): name for name in FLOAT_DTYPES}  # `fp16`, `bf16`

AXIS_WORDS = {"n": "batch", "c": "channels", "d": "depth", "h": "height", "w": "width", "t": "length"}

_MOST_POSITIONS, _MOST_VALUES = 2**31, 2**63
_ORDINARY, _AXES = 2**10, 6  # as many axes of such sizes hold fewer than 2**63 values

_SPATIAL = {1: ("t",), 2: ("h", "w"), 3: ("d", "h", "w")}


class Window(tuple[int, ...]):
    """A window or a shape as the language writes it: `3x3`, `3x224x224`, `[5]`."""

    __slots__ = ()

    def __str__(self) -> str:
        return "x".join(map(str, self)) if len(self) != 1 else f"[{self[0]}]"


INDEXED = "torch indexes less than 2**31 positions along an axis and 2**63 values"  # is_indexable, in words


def is_indexable(shape: tuple[int, ...]) -> bool:
    """Return whether torch can index a tensor: fewer than 2**31 positions along each axis, 2**63 values in all."""
    if all(size < _ORDINARY for size in shape):
        return len(shape) <= _AXES or prod(shape) < _MOST_VALUES
    return all(size < _MOST_POSITIONS for size in shape) and prod(map(int, shape)) < _MOST_VALUES


def bytes_of(shape: tuple[int, ...], dtype: str) -> int:
    """Return the bytes of a tensor."""
    return prod(shape) * DTYPE_BYTES[dtype]


def in_dtype(dtype: str, other: str | None) -> str:
    """Return the dtype of values if `other` replaces every float dtype; None replaces nothing."""
    return other if other and "float" in dtype else dtype


def unused_axis(axes: tuple[str, ...], *names: str) -> str:
    """Return the first of the names that no axis has; if all are taken, the last with the first number from 2."""
    return next(name for name in chain(names, (f"{names[-1]}{at}" for at in count(2))) if name not in axes)


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of a value: sizes, axis names and dtype.

    The batch axis is called `n`. Its size in `shape` is a multiple of the open batch: 1 for an ordinary value. A tensor
    without an axis `n`, such as a parameter, has no batch.
    """

    shape: tuple[int, ...]
    axes: tuple[str, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        """Return the sizes without the batch: `64x224x224`."""
        sizes = [size for size, axis in zip(self.shape, self.axes, strict=True) if axis != "n"]
        return "x".join(map(str, sizes)) if sizes else "scalar"

    def __getitem__(self, axis: str) -> int:
        """Return the size along the axis of that name."""
        if axis not in self.axes:
            raise self._lacks(axis)
        return self.shape[self.axes.index(axis)]

    def _lacks(self, axis: str) -> Rejected:
        """Return the message about an axis that the value does not have. A parameter has no names of axes."""
        message = f"the value {self} has no {AXIS_WORDS.get(axis, axis)}"
        if self.axes and set(self.axes) == {"_"}:
            sizes = " and ".join(f"`.shape[{at}]` is {size}" for at, size in enumerate(self.shape))
            return Rejected("no-such-axis", f"{message}: the axes of a parameter have no names", help=sizes)
        return Rejected("no-such-axis", f"{message}; its axes are {self.names}")

    @property
    def names(self) -> str:
        """The axes in one string: `n c h w`."""
        return " ".join(self.axes)

    @property
    def values(self) -> int:
        """The number of values for one image."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The number of bytes for one image."""
        return bytes_of(self.shape, self.dtype)

    @property
    def is_float(self) -> bool:
        return "float" in self.dtype

    def resized(self, **sizes: int) -> TensorType:
        """Return the same axes with other sizes: `x.resized(c=64, h=7, w=7)`."""
        shape = tuple(sizes.get(axis, size) for axis, size in zip(self.axes, self.shape, strict=True))
        return TensorType(shape, self.axes, self.dtype)

    def spatial(self, rank: int, operator: str) -> tuple[int, ...]:
        """Return the sizes of the last `rank` axes of `n c h w` (`n c t`, `n c d h w`). Other layouts are rejected."""
        if rank not in _SPATIAL:
            raise Rejected("window-rank", f"a window has 1, 2 or 3 sides, not {rank}")
        wanted = ("n", "c", *_SPATIAL[rank])
        if self.axes != wanted:
            raise Rejected(
                "wrong-rank",
                f"{operator} with {rank} sides slides over {' '.join(wanted)}, but its input {self} has {self.names}",
                about="input",
            )
        return self.shape[2:]


def spatial_axes(rank: int) -> tuple[str, ...]:
    """Return the names of the axes along which a window of `rank` sides slides."""
    return _SPATIAL[rank]


def input_type(shape: tuple[int, ...], dtype: str = "float32") -> TensorType:
    """Return the type of a net's input from its shape without a batch, channels first."""
    integer = "int" in dtype
    names = {0: (), 1: ("t",) if integer else ("c",), 2: ("c", "t"), 3: ("c", "h", "w"), 4: ("c", "d", "h", "w")}
    if len(shape) not in names:
        raise Rejected("input-rank", f"an input has at most 4 axes besides the batch, not {len(shape)}")
    return TensorType((1, *shape), ("n", *names[len(shape)]), dtype)


def param_type(shape: tuple[int, ...], dtype: str = "float32") -> TensorType:
    """Return the type of a parameter or buffer: the complete shape, without a batch and axis names."""
    return TensorType(shape, ("_",) * len(shape), dtype)


def slide(size: int, kernel: int, stride: int, before: int, after: int, dilation: int = 1, ceil: bool = False) -> int:
    """Return the positions of a window: floor((size + before + after - dilation*(kernel - 1) - 1) / stride) + 1.

    Dumoulin and Visin 2016 (arXiv:1603.07285), relationship 15. With `ceil`, the last window may extend beyond the end,
    unless it would start in the padding (as in torch's pools).
    """
    span = size + before + after - dilation * (kernel - 1) - 1
    count = (-(-span // stride) if ceil else span // stride) + 1
    if ceil and (count - 1) * stride >= size + before:
        count -= 1
    return count
