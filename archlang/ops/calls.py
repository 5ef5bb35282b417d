"""Calls of torch that are parts of operators, told by their results: each makes new memory, or is a view."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from archlang.ops import blocked
from archlang.ops.answers import Computed
from archlang.ops.base import Autocast, GradientPlace, Operator, Saved, Scratch, Temporaries, Wanted
from archlang.ops.layouts import Strides, contiguous
from archlang.ops.runs import ONE_CALL
from archlang.ops.views import View
from archlang.shapes import TensorType, param_type


class _Told(Operator):
    """A part whose result has this shape, the batch included, and these names of axes."""

    shape: tuple[int, ...]
    axes: tuple[str, ...] = ()
    dtype: str = "float32"

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        return (TensorType(self.shape, self.axes or ("_",) * len(self.shape), self.dtype),)


class Call(_Told):
    """A part that makes new memory, and one tensor of the size of each gradient.

    `keeps` lists the inputs that are saved, each with the inputs for whose gradients it is. `places` says where the
    gradients are allocated, if that is not new memory. `own` are the shapes of tensors that it makes for the backward
    pass, by name, without a batch; `beside` are those of tensors that are alive meanwhile. The values that its kernels
    take and free by themselves are `taken`, and in the backward pass `taken_back`. A `passing` result is freed by the
    call of torch of which this one is a part, whose last part counts it as taken.
    """

    runs = ONE_CALL

    keeps: tuple[tuple[int, tuple[int, ...]], ...] = ()
    keeps_result: bool = False
    own: tuple[tuple[str, tuple[int, ...]], ...] = ()
    places: tuple[GradientPlace, ...] = ()
    beside: tuple[tuple[int, ...], ...] = ()
    lies: Strides = ()
    cast: Computed = "given"
    taken: int = 0
    taken_back: int = 0
    passing: bool = False

    def autocast(self, *inputs: TensorType) -> Autocast:
        return Autocast(self.cast)

    def spare_values(self, *inputs: TensorType) -> tuple[int, ...]:
        return (-prod(self.shape),) if self.passing else ()

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch:
        own = super().scratch(training, *inputs) or ()
        return (*own, param_type((self.taken,), self.dtype)) if self.taken else own

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        return (param_type((self.taken_back,), self.dtype),) if self.taken_back else ()

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        kept = tuple(Saved("input", at, when=when) for at, when in self.keeps)
        made = tuple(Saved("own", shape=shape, per_image=False, name=name) for name, shape in self.own)
        return (*kept, *made, *(Saved("output", when="inputs"),) * self.keeps_result)

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        new: GradientPlace = "new"
        return self.places or (new,) * len(inputs)

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        return tuple((TensorType(shape, ("_",) * len(shape), self.dtype),) for shape in self.beside)

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (self.lies or contiguous(self.shape),)


class Constant(Call):
    """A part whose result has no gradient, whatever it is made of."""

    detached: ClassVar[bool] = True


def product(shape: tuple[int, ...], axes: tuple[str, ...] = ()) -> Call:
    """Return the part that multiplies two batches of matrices: each is saved for the gradient of the other."""
    return Call(shape=shape, axes=axes, keeps=((0, (1,)), (1, (0,))), cast="lower")


def copied(shape: tuple[int, ...], axes: tuple[str, ...] = ()) -> Call:
    """Return the part that copies a value, perhaps in another shape: its gradient is the result's."""
    return Call(shape=shape, axes=axes, places=("whole",))


def standardized(shape: tuple[int, ...], *, gain: bool) -> Call:
    """Return the part that normalises each row by itself, as batch norm does it, and scales it by a gain."""
    own, inputs = (("mean", shape[1:2]), ("deviation", shape[1:2])), (0, 1)[: 1 + gain]
    return Call(shape=shape, keeps=tuple((at, inputs) for at in inputs), own=own)


class Convolved(Call):
    """A part that convolves a value by kernels that are a value too. Both are saved for either gradient."""

    keeps: tuple[tuple[int, tuple[int, ...]], ...] = ((0, (0, 1)), (1, (0, 1)))
    cast: Computed = "lower"
    groups: int
    stride: tuple[int, ...]

    def _convolving(self, x: TensorType, kernels: TensorType) -> blocked.Convolving:
        (y,) = self.outputs(x)
        return blocked.convolving(x, y, kernels.shape, self.groups, self.stride, bias=False)

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch:
        return blocked.forward(self._convolving(*inputs[:2]))

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        whole = Wanted(wanted.inputs[:1], weights=wanted.inputs[1])
        return blocked.backward(self._convolving(*inputs[:2]), whole)


class Look(_Told, View):
    """A part that is a view of its input, with these strides. The gradient is `spread` where it is a part of it."""

    runs = View.runs

    lies: Strides
    spread: bool = False

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (self.lies,)

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        return ("new",) if self.spread else ("whole",)


class Cuts(Look):
    """A part that cuts a value into views of one shape. Their gradients are put together anew."""

    count: int = 2

    lies: Strides = ()
    spread: bool = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType, ...]:  # type: ignore[override]
        return super().outputs(*inputs) * self.count

    def strides(self, x: TensorType) -> tuple[Strides, ...]:  # type: ignore[override]
        return (contiguous(self.shape),) * self.count
