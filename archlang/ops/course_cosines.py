"""The calls of torch for scores that are cosines, and for a bias that a small network makes."""

from __future__ import annotations

from math import prod

from archlang.ops.base import Saved, Scratch, Wanted
from archlang.ops.calls import Call, Look
from archlang.ops.course_windows import Heads, offset_bias, weighed
from archlang.ops.in_calls import Calls
from archlang.ops.parts import Own
from archlang.shapes import TensorType, param_type


class RectifiedInPlace(Look):
    """A part that rectifies a view in place, and saves it. Its gradient is made beside two copies."""

    spread: bool = True

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return (Saved("output"),)

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        return (param_type((2 * prod(self.shape),), self.dtype),)


def cosine_scores(calls: Calls, of: Heads, first: int, copied: tuple[bool, bool]) -> int:
    """Add the cosines of the angles between queries and keys, times a scale for each head."""
    lengths = (*of.split[:-1], 1)
    units: list[int] = []
    for side in (first, first + 1):
        kept = Call(
            shape=lengths, keeps=((0, (0,)),), keeps_result=True, taken_back=of.values + prod(lengths)
        )  # fmt: skip
        norm = calls.run(kept, side)
        units.append(calls.divided(of.split, side, calls.mapped(lengths, norm), lengths))
    bounded = calls.mapped((of.heads, 1, 1), Own("logit_scale"))
    scales = calls.mapped((of.heads, 1, 1), bounded, result=True)
    cosines = weighed(calls, of, units[0], units[1], of.scores, copies=copied)
    return calls.multiplied(of.scores, cosines, scales, (of.heads, 1, 1), holds=tuple(units))


def network_bias(calls: Calls, of: Heads, offsets: int, hidden: int) -> int:
    """Add a linear layer of two inputs, rectified, one for each head, and a sigmoid of the rows of its result."""
    table = Own("relative_coords_table", (offsets, 2), trained=False)
    units = calls.run(Call(shape=(offsets, hidden)), table, Own("cpb_mlp.0.weight"), Own("cpb_mlp.0.bias"))
    rectified = calls.run(RectifiedInPlace(shape=(offsets, hidden), lies=(hidden, 1)), units)
    seen = calls.looked((offsets, hidden), rectified, spread=True)
    product = Call(shape=(offsets, of.heads), keeps=((0, (1,)), (1, (0,))), cast="lower")
    rows = offset_bias(calls, of, calls.run(product, seen, Own("cpb_mlp.2.weight")))
    shape = (of.heads, of.tokens, of.tokens)
    return calls.scaled(shape, calls.mapped(shape, rows, result=True))
