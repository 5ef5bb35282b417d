"""The calls of torch in attention with a bias for each offset, within the windows of a map or over cut windows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from archlang.ops.attention_parts import Projected
from archlang.ops.base import Operator
from archlang.ops.calls import Call, Cuts, Look
from archlang.ops.in_calls import Calls, Shape
from archlang.ops.layouts import contiguous, laid
from archlang.ops.parts import Course, Own
from archlang.shapes import TensorType

AXES = ("n", "t", "c")  # of windows, one after the other


@dataclass(frozen=True, slots=True)
class Heads:
    """The sizes of attention: windows, positions in each, heads, and the channels of all heads together.

    If they are `viewed`, heads of keys and values are a batch of matrices without a copy.
    """

    windows: int
    tokens: int
    heads: int
    channels: int
    viewed: bool
    training: bool

    @property
    def split(self) -> Shape:
        """The shape of queries, keys and values by head."""
        return (self.windows, self.heads, self.tokens, self.channels // self.heads)

    @property
    def rows(self) -> Shape:
        """The shape of the windows, one after the other."""
        return (self.windows, self.tokens, self.channels)

    @property
    def scores(self) -> Shape:
        return (self.windows, self.heads, self.tokens, self.tokens)

    @property
    def values(self) -> int:
        return prod(self.rows)


def projected(calls: Calls, out: int, of: int, name: str, *, bias: bool, holds: Shape = ()) -> int:
    """Add a linear layer of that name."""
    return calls.run(Projected(out=out, bias=bias), of, name=name, holds=holds)


def weighed(calls: Calls, of: Heads, a: int, b: int, shape: Shape, *, copies: tuple[bool, bool]) -> int:
    """Add `torch.matmul`, which copies the heads of a side into a batch of matrices.

    In training the copies are saved. Otherwise the call frees them.
    """
    sides = [a, b]
    if of.training:
        for at in (0, 1):
            if copies[at]:
                sides[at] = calls.copied(of.split, sides[at])
    taken = 0 if of.training else of.values * sum(copies)
    return calls.run(Call(shape=shape, keeps=((0, (1,)), (1, (0,))), cast="lower", taken=taken), *sides)


def offset_bias(calls: Calls, of: Heads, table: int | Own, *, held: bool = False) -> int:
    """Add the bias: the rows of a table for each pair of positions, with the heads first."""
    pairs = (of.tokens**2, of.heads)
    is_copied = of.heads > 1 and of.tokens > 1
    found = calls.run(Call(shape=pairs), table, held=held and not is_copied)
    turned = Call(shape=(of.heads, of.tokens, of.tokens), places=("whole",))
    return calls.run(turned, found, held=held) if is_copied else found


def side_by_side(calls: Calls, of: Heads, mixed: int) -> int:
    """Add the copy that puts the heads of a position side by side, or a view of one head."""
    if of.heads == 1:
        return calls.run(Look(shape=of.rows, axes=AXES, lies=contiguous(of.rows)), mixed)
    return calls.run(Call(shape=of.rows, axes=AXES, places=("new",)), mixed)


def relative(op: Operator, x: TensorType, of: Heads, *, bias: bool) -> Course:
    """Return the calls of the emitted module of `relative_attention`."""
    calls = Calls(x)
    joined = projected(calls, 3 * of.channels, 0, "to_qkv", bias=bias)
    first = calls.run(Cuts(shape=of.rows, count=3), joined, held=True, results=3)
    queries, keys, values = (calls.looked(of.split, first + at, spread=at < 2 and of.heads > 1) for at in range(3))
    added = offset_bias(calls, of, Own("relative_position_bias_table"), held=True)
    larger = calls.scaled(of.split, keys)
    copied = not of.viewed
    scores = weighed(calls, of, queries, larger, of.scores, copies=(copied, copied))
    biased = calls.added(of.scores, scores, added, (1,), held=True)
    weights = calls.run(Call(shape=of.scores, keeps_result=True), biased)
    mixed = weighed(calls, of, weights, values, of.split, copies=(False, copied))
    together = side_by_side(calls, of, mixed)
    merged = projected(calls, of.channels, together, "merge", bias=bias)
    if len(x.shape) > len(of.rows):
        calls.looked(laid(x).shape, merged)
    return calls.course(op)
