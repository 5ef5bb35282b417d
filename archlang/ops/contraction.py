"""Sums of products over two values, by a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Example,
    Expression,
    GradientPlace,
    Kind,
    Reach,
    Saved,
    Scratch,
    Slide,
    Wanted,
    Work,
)
from archlang.ops.checks import check_dtype
from archlang.ops.joining import Join, shapes
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid, viewed
from archlang.ops.pairs import Pairs, pairs
from archlang.ops.runs import ONE_CALL_FORWARD
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Einsum(Join):
    """Sums of products by Einstein's convention: `einsum "n t c, n s c -> n t s"` is each query times each key.

    Names stand for the axes of the two values in order, as in `rearrange`. The result begins with the batch. Axes that
    it does not name are summed: before the products if only one value has the axis, else together with them.
    `products` is the product of the sizes of all names without those that are summed before. If no other name is
    summed, the values are multiplied one by one, which is no MAC. No weights. If an axis of only one value is summed,
    the memory of a training step is unknown: torch spreads the gradient over that axis without copying it.

        MACs = products
    """

    runs = ONE_CALL_FORWARD
    word: ClassVar[str] = "einsum"
    positional: ClassVar[Mapping[str, Kind]] = {"pattern": "string"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Einsum", "EinsumDense", "tensordot", "contract")
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("wrong-dtype", "unequal-dtypes", "batch-axis", "axes-clash"),
        "too-few-inputs": "of one value, `permute` and `sum` do the same",
        "too-many-inputs": "the order of the products depends on whether opt_einsum is installed",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example('einsum "n t c, n s c -> n t s"', "6x4 n t c, 5x4 n t c"),
        Example('einsum "n t c, n s c -> n s t"', "6x4 n t c, 5x4 n t c"),
        Example('einsum "n t s, n s c -> n t c"', "6x5 n t c, 5x4 n t c"),
        Example('einsum "n t c, c k -> n t k"', "6x4 n t c, 4x3 param"),
        Example('einsum "n c h w, n c row w -> n h row c"', "3x4x5, 3x2x5"),
        Example('einsum "n c h w, n c k -> n k h"', "3x4x5, 3x2"),
        Example('einsum "n c t, n k -> n c k t"', "3x4, 5"),
    )

    pattern: str

    def _pairs(self, inputs: tuple[TensorType, ...]) -> Pairs:
        return pairs(self.pattern, *self.two(inputs))

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        found = self._pairs(inputs)
        for x in inputs:
            check_dtype(x, self.word)
        self.check_dtypes(inputs)
        axes = found.axes()
        if "n" in axes[1:] or ("n" in axes) != any("n" in x.axes for x in inputs):
            message = f"the batch must be the first axis of the result of einsum, once: {shapes(inputs)}"
            raise Rejected("batch-axis", message, about="pattern")
        return (TensorType(tuple(found.sizes[name] for name in found.right), axes, inputs[0].dtype),)

    def work(self, *inputs: TensorType) -> Work:
        found = self._pairs(inputs)
        sums = sum(x.values - prod(found.reduced(at)) for at, x in enumerate(inputs))
        if found.is_product:
            return Work(macs=found.products, elementwise=sums)
        return Work(elementwise=sums + found.products)

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        found = self._pairs(inputs)
        images = max(x["n"] if "n" in x.axes else 1 for x in inputs)
        return {"products": found.products // images if found.is_product else 0}

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        shapes = [self._pairs(inputs).reduced(at) for at in range(2)]
        known = tuple(map(laid, inputs))
        found = self._pairs(known)
        return tuple(_kept(found, at, x, shapes[at]) for at, x in enumerate(known))

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        known = tuple(map(laid, inputs))
        found = self._pairs(known)
        if not found.is_product:
            spread = [_spread(found, at, x) for at, x in enumerate(known)]
            shape = tuple(map(max, *(x.shape for x in spread)))
            return (blended(shape, *spread)[: len(found.right)],)
        # one matrix product for each position of what both have
        sides = (found.columns, found.rows) if found.is_swapped else (found.rows, found.columns)
        order = (*found.both, *sides[0], *sides[1])
        lying = dict(zip(order, contiguous([found.sizes[name] for name in order]), strict=True))
        return (tuple(lying[name] for name in found.right),)

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...] | None:
        """Return where gradients are allocated. That of a value that is summed first takes less memory."""
        found = self._pairs(inputs)
        return None if any(map(found.lone, range(2))) else super().gradient_places(*inputs)

    def backward_in_one_call(self, *inputs: TensorType) -> bool | None:
        """Return True for a product of matrices whose result is not turned, and of which nothing is summed before."""
        found = self._pairs(tuple(map(laid, inputs)))
        in_order = found.right == (*found.both, *found.rows, *found.columns) and not found.is_swapped
        return True if found.is_product and in_order and not any(map(found.lone, range(2))) else None

    def viewed_gradients(self, *inputs: TensorType) -> tuple[int, ...]:
        return (0, 1) if self.backward_in_one_call(*inputs) else ()

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch | None:
        return () if self.backward_in_one_call(*inputs) else None

    def reach(self, *inputs: TensorType) -> Reach:
        found = self._pairs(inputs)
        named = dict(zip(found.right, found.axes(), strict=True))
        slides: list[Mapping[str, Slide]] = []
        for names, x in zip(found.left, inputs, strict=True):
            seen: dict[str, Slide] = {}
            for name, axis, size in zip(names, x.axes, x.shape, strict=True):
                if axis not in ("n", "c", "_") and named.get(name) != axis:
                    seen[axis] = Slide(axis=named[name]) if name in named else Slide(size, 0)
            slides.append(seen)
        return Reach(inputs=tuple(slides))

    def autocast(self, *inputs: TensorType) -> Autocast:
        return Autocast("lower" if self._pairs(inputs).is_product else "given")

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(f'torch.einsum("{self._pairs(inputs).letters()}", {{0}}, {{1}})')


def _kept(found: Pairs, at: int, x: Laid, shape: tuple[int, ...]) -> Saved:
    """Return a side as it is saved for the other's gradient: itself, or a copy if it is summed or not a matrix."""
    when, batched = (1 - at,), "n" in x.axes
    own = Saved("own", shape=shape, dtype=x.dtype, per_image=batched, when=when, name="copy")
    if found.lone(at):
        return own
    if found.is_product:
        place = {name: (size, stride) for name, size, stride in zip(found.left[at], x.shape, x.strides, strict=True)}
        outer, inner = (found.rows, found.summed) if at == 0 else (found.summed, found.columns)
        groups = [[place[name] for name in group if name in place] for group in (found.both, outer, inner)]
        sizes, strides = ([part[of] for group in groups for part in group] for of in (0, 1))
        if viewed(sizes, strides, [prod(size for size, _ in group) for group in groups]) is None:
            return own
    return Saved("input", at, when=when)


def _spread(found: Pairs, at: int, x: Laid) -> Laid:
    """Return a side over all axes of the pattern, those of the result first. Axes that it lacks have size 1."""
    place = {name: (size, stride) for name, size, stride in zip(found.left[at], x.shape, x.strides, strict=True)}
    place |= dict.fromkeys(found.lone(at), (1, 1))
    axes = (*found.right, *found.gone)
    sides = [place.get(name, (1, 1)) for name in axes]
    shape = tuple(size for size, _ in sides)
    strides = contiguous(shape) if found.lone(at) else tuple(stride for _, stride in sides)
    return replace(x, shape=shape, axes=axes, strides=strides)
