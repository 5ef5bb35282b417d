"""Gives axes other names. They change how operators treat the axes; the values stay unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Expression, Kind, Reach, Slide
from archlang.ops.checks import check_batched
from archlang.ops.stricter import beyond_torch
from archlang.ops.views import View
from archlang.shapes import TensorType

_NAME = re.compile(r"[A-Za-z]\w*")


class Axes(View):
    """Other names for the axes, in their order: `axes "n c h w"` makes a map of n c t s. Nothing is computed.

    Names decide what operators take an axis for: c are channels, h and w the sides of a map, t positions in a sequence,
    and other names are free. Joins need equal names. Axes in another order need `permute`. No weights, no MACs.
    """

    word: ClassVar[str] = "axes"
    positional: ClassVar[Mapping[str, Kind]] = {"names": "string"}
    elsewhere: ClassVar[tuple[str, ...]] = ("rename", "refine_names", "rename_axes")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "axes-clash", "batch-axis", "unequal-axes")
    examples: ClassVar[tuple[Example, ...]] = (
        Example('axes "n c h w"', "3x4x5 n c t s"),
        Example('axes "n t c"', "3x7"),
        Example('axes "n t"', "7"),
        Example('axes "n heads t c"', "2x6x4"),
        Example('axes "n h s c"', "6x5x4"),
    )

    names: str

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        names = tuple(self.names.split())
        check_batched(x, self.word)
        strange = next((name for name in names if not _NAME.fullmatch(name)), None)
        if strange is not None:
            raise Rejected("unequal-axes", f"`{strange}` is no name of an axis", about="names")
        if len(names) != len(x.axes):
            message = f"axes names each axis of its input {x}, {x.names}, and `{self.names}` has {len(names)} names"
            raise Rejected("wrong-rank", message, about="names")
        if names[0] != "n":
            raise Rejected(
                "batch-axis", f"the batch, n, must stay the first axis, but this is `{self.names}`", about="names"
            )
        if len(set(names)) < len(names):
            raise Rejected("axes-clash", f"two axes have one name: {self.names}", about="names")
        return (TensorType(x.shape, names, x.dtype),)

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return ()

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("given")

    def reach(self, x: TensorType) -> Reach:
        """Return the reach: positions keep their place; where an axis becomes channels, a channel sees one position."""
        renamed = [(old, new) for old, new in zip(x.axes, self.names.split(), strict=True) if old != new and old != "c"]
        return Reach({old: Slide(x[old], 0) if new == "c" else Slide(axis=new) for old, new in renamed})

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}")
