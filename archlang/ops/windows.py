"""Strides, paddings and dilations as arguments: one number, or one for each side of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Natural, Reach, Size, Slide
from archlang.shapes import TensorType, Window, slide, spatial_axes

Sizes = tuple[Size, ...]
Stride = Size | Sizes
Pad = Natural | tuple[Natural, ...] | Literal["same"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a window slides: each has one number for each side."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil: bool = False

    @property
    def extent(self) -> tuple[int, ...]:
        """How many positions the window covers: dilation*(k - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def symbols(self) -> dict[str, tuple[int, ...]]:
        """What formulas call its numbers."""
        return {"k": self.kernel, "stride": self.stride, "pad": self.pad, "dilation": self.dilation}


def check_sides(sides: int, name: str = "kernel") -> None:
    """A window has one to three sides."""
    if not 1 <= sides <= 3:
        raise Rejected("window-rank", f"a window has 1, 2 or 3 sides, and `{name}` has {sides}", about=name)


def each(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """`value` for each of the `rank` sides."""
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise Rejected("sides-differ", f"`{name}` has {len(value)} sides and the window has {rank}", about=name)
    return tuple(value)


def pads(pad: int | Sequence[int] | Literal["same"], kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """The padding on each side of each axis; `same` is dilation*(k - 1)/2, which keeps the size at stride 1."""
    if pad != "same":
        return each(pad, len(kernel), "pad")
    added = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    # torch pads symmetrically, so "same" with an even kernel is rejected
    even = [k for k, values in zip(kernel, added, strict=True) if values % 2]
    if even:
        more = brief([-(-values // 2) for values in added])
        raise Rejected(
            "same-needs-odd",
            f"pad=same needs an odd kernel, and this one has a side of {even[0]}",
            help=f"write an odd kernel, or pad={listed(more)}, which pads by one value more than `same` would",
            about="pad",
        )
    return tuple(values // 2 for values in added)


def slid(x: TensorType, operator: str, geometry: Geometry, widest: Sequence[int] | None = None) -> dict[str, int]:
    """The sizes, by axis, of the map that a window leaves as it slides over `x`.

    `widest` is the padding that the operator allows at most, side by side, so that the help proposes no more.
    """
    rank = len(geometry.kernel)
    given = x.spatial(rank, operator)
    sizes: dict[str, int] = {}
    for at, (axis, size) in enumerate(zip(spatial_axes(rank), given, strict=True)):
        kernel, stride, pad, dilation = (
            sides[at] for sides in (geometry.kernel, geometry.stride, geometry.pad, geometry.dilation)
        )
        sizes[axis] = slide(size, kernel, stride, pad, pad, dilation, geometry.ceil)
        if sizes[axis] < 1:
            padded = f" + {2 * pad} of padding" if pad else ""
            raise Rejected(
                "kernel-too-large",
                f"the kernel covers {geometry.extent[at]} positions along {axis}, and the input {x} has {size}{padded}",
                help=_that_fits(given, geometry, widest),
                about="kernel",
            )
    return sizes


def _that_fits(sizes: Sequence[int], geometry: Geometry, widest: Sequence[int] | None) -> str | None:
    """The largest kernel that fits, and the padding that lets this one fit."""
    kernel = Window(
        min(k, (size + 2 * p - 1) // d + 1)
        for k, size, p, d in zip(geometry.kernel, sizes, geometry.pad, geometry.dilation, strict=True)
    )
    missing = (-(-(extent - size) // 2) for extent, size in zip(geometry.extent, sizes, strict=True))
    pad = tuple(map(max, missing, geometry.pad))
    fits: list[str] = []
    # under a smaller kernel a pool pads less
    if widest is None or all(p <= min(most, k // 2) for p, most, k in zip(geometry.pad, widest, kernel, strict=True)):
        fits.append(f"a kernel of {kernel} fits this input")
    if widest is None or all(p <= most for p, most in zip(pad, widest, strict=True)):
        fits.append(f"pad={listed(brief(pad))} makes room" + (" for this one" if fits else ""))
    return "; ".join(fits) or None


def window_reach(geometry: Geometry) -> Reach:
    """The reach of a sliding window, axis by axis."""
    axes = spatial_axes(len(geometry.kernel))
    slides = map(Slide, geometry.extent, geometry.stride, geometry.pad)
    return Reach(dict(zip(axes, slides, strict=True)))


def adaptive_windows(size: int, wanted: int) -> list[tuple[int, int]]:
    """Start and end, along an axis, of the windows that leave a map of the wanted size."""
    return [(i * size // wanted, -(-(i + 1) * size // wanted)) for i in range(wanted)]


def adaptive_slide(size: int, wanted: int) -> Slide:
    """These windows as one that slides: by whole steps where they are alike, else by size/wanted, wide enough for all.

    Window i then starts at most 1 - 1/q before i*size/wanted and ends at most 1 - 1/q behind (i + 1)*size/wanted, where
    q is the denominator of size/wanted.
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
    """`(3, 3)` as torch lets one write it: `3`."""
    return value[0] if len(set(value)) == 1 else tuple(value)


def short(kernel: Sequence[int]) -> str:
    """A window in the name of a layer: `3`, `3x1`."""
    return "x".join(map(str, kernel if len(set(kernel)) > 1 else kernel[:1]))


def listed(value: int | tuple[int, ...]) -> str:
    """The numbers of sides as the language writes them: `1`, `[1, 0]`."""
    return str(value) if isinstance(value, int) else f"[{', '.join(map(str, value))}]"
