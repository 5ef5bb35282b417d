"""The parts in which torch computes multi-head attention of one input or three."""

from __future__ import annotations

from dataclasses import replace

from archlang.ops.base import GradientPlace, Operator, Saved, Scratch, Wanted, Weight
from archlang.ops.layouts import Strides, contiguous, laid
from archlang.ops.linear import Linear
from archlang.ops.parts import Own, Part
from archlang.ops.runs import ONE_CALL
from archlang.ops.scaled_dot_product import ScaledDotProduct
from archlang.ops.views import View
from archlang.shapes import TensorType, param_type


class Turned(View):
    """A part: n t c as t n c, or back."""

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        (a, b, c), (first, second, third) = x.shape, x.axes
        return (TensorType((b, a, c), (second, first, third), x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        a, b, c = laid(x).strides
        return ((b, a, c),)


class Projected(Linear):
    """A part: a linear layer over the last axis, wherever the batch is."""

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (TensorType((*x.shape[:-1], self.out), x.axes, x.dtype),)


class Affine(Projected):
    """A part: the same, which takes its weight and its bias as values."""

    def weights(self, x: TensorType, *weights: TensorType) -> tuple[Weight, ...]:
        return ()

    def outputs(self, x: TensorType, *weights: TensorType) -> tuple[TensorType]:
        return super().outputs(x)

    def parts(self, x: TensorType, *weights: TensorType) -> tuple[Part, ...]:
        return ()

    def saved(self, x: TensorType, *weights: TensorType) -> tuple[Saved, ...]:
        kept = tuple(replace(one, when=(1,)) for one in super().saved(x) or ())
        return (*kept, Saved("input", 1, when=(0,)))

    def scratch(self, training: bool, x: TensorType, *weights: TensorType) -> Scratch | None:
        return super().scratch(training, x)

    def scratch_backward(self, wanted: Wanted, x: TensorType, *weights: TensorType) -> Scratch | None:
        return super().scratch_backward(Wanted(wanted.inputs[:1], weights=any(wanted.inputs[1:])), x)

    def viewed_gradients(self, x: TensorType, *weights: TensorType) -> tuple[int, ...]:
        return (0, 1, 2)


class Cut(View):
    """A part: a weight cut along its first axis. Its gradient is put together anew."""

    runs = replace(View.runs, gradients="new")

    sizes: tuple[int, ...]

    def outputs(self, x: TensorType) -> tuple[TensorType, ...]:
        return tuple(param_type((size, *x.shape[1:])) for size in self.sizes)


class Stacked(Operator):
    """A part: several projections side by side in t n c, copied so that each lies by itself: 3 t n c."""

    runs = replace(ONE_CALL, gradients="whole", saved="nothing", autocast="given")

    count: int = 3

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (TensorType((self.count, *x.shape[:-1], x.shape[-1] // self.count), ("_", *x.axes), x.dtype),)


class Heads(View):
    """A part: t n c with the channels divided among heads, n h t c; or one of the projections of 3 t n c.

    The gradient of such a one is spread over a tensor of the whole size.
    """

    runs = View.runs

    heads: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        t, n, c = x.shape[-3:]
        return (TensorType((n, self.heads, t, c // self.heads), ("n", "h", "w", "c"), x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        t, n, c = laid(x).strides[-3:]
        return ((n, x.shape[-1] // self.heads * c, t, c),)

    def gradient_places(self, x: TensorType) -> tuple[GradientPlace, ...]:
        return ("new",) if len(x.shape) == 4 else ("whole",)


class Rows(View):
    """A part: n h t c as rows of all channels, which the fused kernel left in that order."""

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        n, heads, t, c = x.shape
        return (TensorType((t * n, heads * c), ("n", "c"), x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (contiguous(self.outputs(x)[0].shape),)


class Tokens(View):
    """A part: rows as t n c."""

    tokens: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        rows, c = x.shape
        return (TensorType((self.tokens, rows // self.tokens, c), ("t", "n", "c"), x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (contiguous(self.outputs(x)[0].shape),)


class Fused(Operator):
    """A part: all of self-attention, as torch computes it in one call where nothing is trained."""

    runs = ONE_CALL

    heads: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (x,)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        n, t, c = laid(x).shape
        return (param_type((max(n * self.heads * t * t + 2 * n * t * c, 5 * n * t * c),), x.dtype),)


class Mixed(ScaledDotProduct):
    """A part: the fused kernel, whose result is copied as t n c, so that its gradient is copied back."""

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        return (*super().scratch_backward(wanted, *inputs), *self.outputs(*inputs))


def self_attention(
    inputs: tuple[TensorType, ...], attend: Operator, heads: int, *, bias: bool, fused: bool
) -> tuple[Part, ...]:
    """Return the parts of attention of one value, be it one input or three. `attend` is the attention of the heads.

    torch computes all in one call, `fused`, for an even number of heads where nothing is trained or hidden.
    """
    if fused:
        return (Part(Fused(heads=heads), (0,)),)
    x, at = inputs[0], len(inputs)
    each = Part(Heads(heads=heads), (at + 2,))
    return (
        Part(Turned(), (0,)), Part(Projected(out=3 * x["c"], bias=bias), (at,), "in_proj_*"),
        Part(Stacked(), (at + 1,)), each, each, each, *_mixed(x, attend, bias, (at + 3, at + 4, at + 5)),
    )  # fmt: skip


def cross_attention(
    inputs: tuple[TensorType, ...], attend: Operator, heads: int, *, bias: bool, is_even: bool
) -> tuple[Part, ...]:
    """Return the parts of attention between three inputs, two of which may be one value.

    Of an even number of channels the weights are one tensor, which torch cuts; the biases always are.
    """
    width = inputs[0]["c"]
    together = is_even and laid(inputs[1]).place == laid(inputs[2]).place != -1
    sizes = (width, 2 * width) if together else (width,) * 3
    found = [Part(Turned(), (at,)) for at in range(len(sizes))]
    first = 3
    weights: list[int | Own] = [Own(f"{name}_proj_weight") for name in "qkv"]
    if is_even:
        weights = [3 + len(found) + at for at in range(len(sizes))]
        found.append(Part(Cut(sizes=sizes), (Own("in_proj_weight"),)))
    made = first + len(sizes) * (1 + is_even)
    biases = [(made + at,) if bias else () for at in range(len(sizes))]
    found += [Part(Cut(sizes=sizes), (Own("in_proj_bias"),))] if bias else []
    made += len(sizes) * bias
    for at, size in enumerate(sizes):
        found.append(Part(Affine(out=size), (first + at, weights[at], *biases[at])))
    heads_of = Heads(heads=heads)
    if together:
        found += [Part(Stacked(count=2), (made + 1,)), Part(heads_of, (made,))]
        found += [Part(heads_of, (made + 2,))] * 2
        made += 3
    else:
        found += [Part(heads_of, (made + at,)) for at in range(3)]
        made += 3
    return (*found, *_mixed(inputs[0], attend, bias, (made, made + 1, made + 2)))


def _mixed(x: TensorType, attend: Operator, bias: bool, heads: tuple[int, int, int]) -> tuple[Part, ...]:
    """Return the parts behind the projections: attention, and the projection of its result."""
    at = heads[-1] + 1
    return (
        Part(attend, heads), Part(Rows(), (at,)), Part(Projected(out=x["c"], bias=bias), (at + 1,), "out_proj"),
        Part(Tokens(tokens=x.shape[1]), (at + 2,)), Part(Turned(), (at + 3,)),
    )  # fmt: skip
