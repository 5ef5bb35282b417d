"""Strides, paddings and dilations as arguments: one number, or one for each side of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Natural, Reach, Size, Slide
from archlang.shapes import INDEXED, TensorType, Window, is_indexable, slide, spatial_axes

Sizes = tuple[Size, ...]
Stride = Size | Sizes
Pad = Natural | tuple[Natural, ...] | Literal["same"]

_LARGE_STRIDE = 1000  # in 2D, oneDNN's backward pass takes a second here, over 20 s at 10,000, and crashes at 1,000,000


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a window slides, with one number for each side. `pad` is before and after, unless `after` is given."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil: bool = False
    after: tuple[int, ...] = ()

    @property
    def borders(self) -> tuple[tuple[int, int], ...]:
        """The padding before and after along each axis."""
        return tuple(zip(self.pad, self.after or self.pad, strict=True))

    @property
    def is_even(self) -> bool:
        """Whether the padding before and after is the same along each axis."""
        return all(before == after for before, after in self.borders)

    @property
    def torch_border(self) -> tuple[int, ...]:
        """The padding as torch.nn.functional.pad takes it: the last axis first, before and after."""
        return tuple(width for border in reversed(self.borders) for width in border)

    def padded(self, x: TensorType) -> tuple[int, ...]:
        """Return the shape of x with its padding."""
        sides = (size + sum(border) for size, border in zip(x.shape[2:], self.borders, strict=True))
        return (*x.shape[:2], *sides)

    @property
    def extent(self) -> tuple[int, ...]:
        """How many positions the window covers: dilation*(k - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def symbols(self) -> dict[str, tuple[int, ...]]:
        """What formulas call its numbers."""
        before, after = zip(*self.borders, strict=True)
        sides = {"k": self.kernel, "stride": self.stride, "pad": self.pad, "dilation": self.dilation}
        return {**sides, "before": before, "after": after}


def check_sides(sides: int, name: str = "kernel") -> None:
    """Check that a window has one to three sides."""
    if not 1 <= sides <= 3:
        raise Rejected("window-rank", f"a window has 1, 2 or 3 sides, but `{name}` has {sides}", about=name)


def each(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """Return `value` for each of the `rank` sides."""
    if isinstance(value, int):
        return (value,) * rank
    check_count(len(value), rank, name)
    return tuple(value)


def sized(x: TensorType, sizes: Sizes, operator: str) -> Sizes:
    """Check that there is a size for each axis of positions of a map, and return them."""
    check_sides(len(sizes), "size")
    x.spatial(len(sizes), operator)
    return sizes


def check_count(count: int, rank: int, name: str) -> None:
    """Check that a list for a window has one item for each side."""
    if count != rank:
        raise Rejected("sides-differ", f"`{name}` has {count} sides, but the window has {rank}", about=name)


def pads(pad: int | Sequence[int] | Literal["same"], kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Return the padding on each side of each axis; `same` is dilation*(k - 1)/2, which keeps the size at stride 1."""
    if pad != "same":
        return each(pad, len(kernel), "pad")
    added = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    # both sides get the same, so "same" with an even kernel is rejected
    even = [k for k, values in zip(kernel, added, strict=True) if values % 2]
    if even:
        more = brief([-(-values // 2) for values in added])
        raise Rejected(
            "same-needs-odd",
            f"pad=same needs an odd kernel, but this one has a side of {even[0]}",
            help=f"write an odd kernel, or pad={listed(more)}, which pads by one value more than `same` would",
            about="pad",
        )
    return tuple(values // 2 for values in added)


def slid(x: TensorType, operator: str, geometry: Geometry, widest: Sequence[int] | None = None) -> dict[str, int]:
    """Return the sizes, by axis, of the map that a window leaves as it slides over `x`.

    `widest` is the largest padding that the operator allows for each side; the help proposes no more.
    """
    rank = len(geometry.kernel)
    given = x.spatial(rank, operator)
    sizes: dict[str, int] = {}
    for at, (axis, size) in enumerate(zip(spatial_axes(rank), given, strict=True)):
        kernel, stride, dilation = (sides[at] for sides in (geometry.kernel, geometry.stride, geometry.dilation))
        before, after = geometry.borders[at]
        sizes[axis] = slide(size, kernel, stride, before, after, dilation, geometry.ceil)
        if sizes[axis] < 1:
            padded = f" + {before + after} of padding" if before + after else ""
            raise Rejected(
                "kernel-too-large",
                f"the kernel covers {geometry.extent[at]} positions along {axis}, but the input {x} has {size}{padded}",
                help=_that_fits(given, geometry, widest),
                about="kernel",
            )
    return sizes


def check_steps(x: TensorType, geometry: Geometry) -> None:
    """Refuse a map that torch cannot index with its padding, and a large stride that leads beyond it.

    With such a stride the backward pass of torch's convolution takes minutes, or ends the process.
    """
    if not is_indexable(geometry.padded(x)):
        message = f"with its padding the input is {Window(geometry.padded(x)[1:])}, but {INDEXED}"
        raise Rejected("too-large", message, about="pad")
    sides = zip(spatial_axes(len(geometry.kernel)), x.shape[2:], geometry.stride, geometry.borders, strict=True)
    for axis, size, stride, border in sides:
        padded = size + sum(border)
        if stride > max(padded, _LARGE_STRIDE):
            message = f"a stride of {stride} along {axis} is beyond the {padded} positions of the input {x}"
            help = f"a stride of {padded} gives the same position, the only one"
            raise Rejected("out-of-range", message, help=help, about="stride")


def check_inside(x: TensorType, kernel: Sequence[int], why: str = "") -> None:
    """Refuse a window that is larger than the map without padding, as torch's pools over three axes do."""
    if any(k > size for k, size in zip(kernel, x.shape[2:], strict=True)):
        message = f"the kernel {Window(kernel)} is larger than {x}{why}"
        raise Rejected("kernel-too-large", message, about="kernel")


def _that_fits(sizes: Sequence[int], geometry: Geometry, widest: Sequence[int] | None) -> str | None:
    """Return the largest kernel that fits, and the padding that lets this one fit."""
    kernel = Window(
        min(k, (size + sum(border) - 1) // d + 1)
        for k, size, border, d in zip(geometry.kernel, sizes, geometry.borders, geometry.dilation, strict=True)
    )
    missing = (-(-(extent - size) // 2) for extent, size in zip(geometry.extent, sizes, strict=True))
    pad = tuple(max(least, *border) for least, border in zip(missing, geometry.borders, strict=True))
    fits: list[str] = []
    # under a smaller kernel a pool pads less
    widths = [max(border) for border in geometry.borders]
    if widest is None or all(p <= min(most, k // 2) for p, most, k in zip(widths, widest, kernel, strict=True)):
        fits.append(f"a kernel of {kernel} fits this input")
    if widest is None or all(p <= most for p, most in zip(pad, widest, strict=True)):
        fits.append(f"pad={listed(brief(pad))} makes room" + (" for this one" if fits else ""))
    return "; ".join(fits) or None


def window_reach(geometry: Geometry) -> Reach:
    """Return the reach of a sliding window, axis by axis."""
    axes = spatial_axes(len(geometry.kernel))
    sides = zip(geometry.extent, geometry.stride, geometry.pad, geometry.dilation, strict=True)
    slides = (Slide(extent, step, pad, every=dilation) for extent, step, pad, dilation in sides)
    return Reach(dict(zip(axes, slides, strict=True)))


def adaptive_windows(size: int, wanted: int) -> list[tuple[int, int]]:
    """Start and end, along an axis, of the windows that leave a map of the wanted size."""
    return [(i * size // wanted, -(-(i + 1) * size // wanted)) for i in range(wanted)]


def adaptive_slide(size: int, wanted: int) -> Slide:
    """Return these windows as one that slides: by whole steps if they are equal, else by size/wanted.

    It is wide enough for all: window i starts at most 1 - 1/q before i*size/wanted and ends at most 1 - 1/q behind (i +
    1)*size/wanted, where q is the denominator of size/wanted.
    """
    windows = adaptive_windows(size, wanted)
    extent = windows[0][1]
    step = windows[1][0] if len(windows) > 1 else 0
    if all(window == (at * step, at * step + extent) for at, window in enumerate(windows)):
        return Slide(extent, step)
    share = Fraction(size, wanted)
    over = 1 - Fraction(1, share.denominator)
    return Slide(share + 2 * over, share, over)


def brief(value: Sequence[int]) -> int | tuple[int, ...]:
    """Return the shortest form that torch accepts: `3` for `(3, 3)`."""
    return value[0] if len(set(value)) == 1 else tuple(value)


def short(kernel: Sequence[int]) -> str:
    """Return a window in the name of a layer: `3`, `3x1`."""
    return "x".join(map(str, kernel if len(set(kernel)) > 1 else kernel[:1]))


def listed(value: int | tuple[int, ...]) -> str:
    """Return the numbers of sides as the language writes them: `1`, `[1, 0]`."""
    return str(value) if isinstance(value, int) else f"[{', '.join(map(str, value))}]"
