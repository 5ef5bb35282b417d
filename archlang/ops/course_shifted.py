"""The calls of torch in attention within the windows of a map, which may be bordered and shifted."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.ops.base import Operator
from archlang.ops.calls import Call, Cuts, Look
from archlang.ops.course_cosines import cosine_scores, network_bias
from archlang.ops.course_windows import (
    AXES,
    Heads,
    offset_bias,
    projected,
    side_by_side,
    weighed,
)
from archlang.ops.in_calls import Calls, Shape
from archlang.ops.layouts import contiguous
from archlang.ops.parts import Course, Own
from archlang.ops.regularization import Dropout
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Cut:
    """How a map is cut: its shape, the windows along both axes, and their sides.

    The positions are copied window by window if they are `copied`.
    """

    shape: Shape
    counts: tuple[int, int]
    window: tuple[int, int]
    shifted: bool
    copied: bool

    @property
    def whole(self) -> Shape:
        """The shape of the map with its border."""
        n, _, _, c = self.shape
        (rows, columns), (a, b) = self.counts, self.window
        return (n, rows * a, columns * b, c)

    @property
    def bordered(self) -> bool:
        return self.whole != self.shape


@dataclass(frozen=True, slots=True)
class Options:
    """Which layers have a bias, and how much is dropped of the weights and of the result."""

    qkv_bias: bool
    proj_bias: bool
    attention_dropout: float
    dropout: float


def rolled(calls: Calls, cut: Cut, of: int) -> int:
    """Add `torch.roll` along two axes, one after the other."""
    _, h, w, c = cut.whole
    values = cut.shape[0] * h * w * c
    return calls.run(Call(shape=cut.whole, taken=values, taken_back=values), of)


def hidden(calls: Calls, cut: Cut, of: Heads) -> int:
    """Add the mask of what the shift brought together, which a variable holds."""
    _, h, w, _ = cut.whole
    below, right = (calls.constant((size,), calls.constant((size,), dtype="int64"), dtype="bool") for size in (h, w))
    doubled = calls.constant((h, 1), below, dtype="int64")
    sides = calls.constant((h, w), doubled, calls.constant((w,), right, dtype="int64"), dtype="int64")
    windows = of.windows // cut.shape[0]
    side = calls.constant((windows, of.tokens, 1), sides, dtype="int64")
    pairs = (windows, of.tokens, of.tokens)
    return calls.constant(pairs, calls.constant(pairs, side, dtype="bool"), below, right, side, held=True)


def within_windows(
    op: Operator, cut: Cut, of: Heads, options: Options, x: TensorType, network: tuple[int, int] | None = None
) -> Course:
    """Return the calls of the emitted modules of attention within windows.

    A `network` of as many offsets and hidden units makes the bias of cosines.
    """
    calls = Calls(x)
    value = calls.run(Call(shape=cut.whole), 0) if cut.bordered else 0
    mask = hidden(calls, cut, of) if cut.shifted else None
    if cut.shifted:
        value = rolled(calls, cut, value)
    kind = Call(shape=of.rows, axes=AXES, places=("new",))
    windows = calls.run(kind if cut.copied else Look(shape=of.rows, axes=AXES, lies=contiguous(of.rows)), value)
    made = () if network is None or not options.qkv_bias else (_keyless(calls, of.channels),)
    joined = projected(calls, 3 * of.channels, windows, "qkv", bias=options.qkv_bias, holds=made)
    heads = calls.looked((3, *of.split), joined, spread=True)
    first = calls.run(Cuts(shape=of.split, count=3), heads, results=3, held=True)
    copied = not of.viewed, not of.viewed
    if network is None:
        scores = weighed(calls, of, calls.scaled(of.split, first), first + 1, of.scores, copies=copied)
        bias = offset_bias(calls, of, Own("relative_position_bias_table"))
    else:
        scores = cosine_scores(calls, of, first, copied)
        bias = network_bias(calls, of, *network)
    biased = calls.added(of.scores, scores, bias, (1,), held=mask is None)
    mixed = attended(calls, of, biased, mask, first + 2, options.attention_dropout)
    back(calls, cut, of, mixed, options, value)
    return calls.course(op)


def _keyless(calls: Calls, channels: int) -> int:
    """Add the bias of the projection, with zeros for the keys."""
    return calls.constant((3 * channels,), calls.constant((channels,)))


def attended(calls: Calls, of: Heads, scores: int, mask: int | None, values: int, dropped: float) -> int:
    """Add the mask, the softmax and the product with the values."""
    if mask is not None:
        scores = calls.added(of.scores, scores, mask, held=True)
    weights = calls.run(Call(shape=of.scores, keeps_result=True), scores, held=True)
    if dropped and of.training:
        weights = calls.run(Dropout(p=dropped), weights, held=True)
    return weighed(calls, of, weights, values, of.split, copies=(False, not of.viewed))


def back(calls: Calls, cut: Cut, of: Heads, mixed: int, options: Options, value: int) -> None:
    """Add the projection of the result, and what puts its windows back into the map."""
    together = side_by_side(calls, of, mixed)
    result = projected(calls, of.channels, together, "proj", bias=options.proj_bias, holds=(value,) if value else ())
    if options.dropout and of.training:
        result = calls.run(Dropout(p=options.dropout), result)
    _, columns = cut.counts
    if columns > 1 and cut.window[0] > 1:
        result = calls.copied(cut.whole, result, anew=True)
    else:
        result = calls.looked(cut.whole, result)
    if cut.shifted:
        result = rolled(calls, cut, result)
    if cut.bordered:
        for at in (1, 2):
            if cut.whole[at] != cut.shape[at]:
                part = (*cut.shape[: at + 1], *cut.whole[at + 1 :])
                result = calls.looked(part, result, spread=True)
        n = cut.shape[0]
        if n > 1 or cut.whole[2] != cut.shape[2]:
            calls.copied(cut.shape, result)
