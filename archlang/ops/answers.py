"""The answers of an operator: weights, work, saved tensors, reach, torch call, row in the lecture's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from math import ceil, floor, prod
from typing import Literal

from archlang.shapes import TensorType, bytes_of

Ratio = int | Fraction
Span = tuple[int, int]  # the first and the last position
# Where the gradient of an input is allocated. `new`: in its own memory. `shared`: in memory that all such inputs share.
# `summed`: in its own memory, as the sum over a tensor of the result's size. `resized`: in the memory of such a tensor,
# which never shrinks. `whole` and `part`: in the memory of the result's gradient.
GradientPlace = Literal["new", "summed", "resized", "shared", "whole", "part"]
Computed = Literal["lower", "float32", "widest", "given"]  # as `Autocast` says
Fans = tuple[int | None, int | None]
Keeps = tuple[tuple[str, Literal["any", "inputs"]], ...]  # names of weights


def is_view(place: GradientPlace, rank: int, result: int) -> bool:
    """Return whether the place makes the gradient of an input with `rank` axes a view.

    It is a view if it is a part of another gradient, or if a sum removes some of the result's `result` axes. A sum over
    all axes is no view.
    """
    return place == "part" or (place == "summed" and 0 < rank < result)


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the state dict: its key relative to the operator's path, its shape, and whether it is a buffer.

    `fans` are the inputs and the outputs of a unit, if torch would read others from the shape; one that differs within
    the weight is None. A `factor` scales what the other weights give, and is filled by its own name alone, not by
    `init=`. A buffer that is not `persistent` has no key.
    """

    name: str
    shape: tuple[int, ...]
    buffer: bool = False
    dtype: str = "float32"
    fans: Fans | None = None
    factor: bool = False
    persistent: bool = True

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Work:
    """The arithmetic of one forward pass over one image. Each operation is counted in one column."""

    macs: int = 0  # multiply-accumulates of convolutions and matrix products
    bias_adds: int = 0
    normalised: int = 0  # values that a normalisation scales and shifts
    activated: int = 0  # values that a nonlinear function maps
    elementwise: int = 0  # additions, multiplications and divisions, value by value
    comparisons: int = 0
    moved: int = 0  # values copied without arithmetic

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, times: int) -> Work:
        return Work(*(getattr(self, f.name) * times for f in fields(self)))

    def over(self, images: int, once: Work) -> Work:
        """Return the work for this number of images; the part `once` of it is done once for all of them."""
        return self * images if once is NOTHING else self * images + once * (1 - images)


NOTHING = Work()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The gradients that a backward pass must compute: of each input, and of the weights.

    `outputs` says which outputs get a gradient themselves; if it is empty, all of them do.
    """

    inputs: tuple[bool, ...]
    weights: bool
    outputs: tuple[bool, ...] = ()

    @property
    def any(self) -> bool:
        return self.weights or any(self.inputs)


@dataclass(frozen=True, slots=True)
class Saved:
    """A tensor that autograd saves for backward: an input, an output, or one of the operator's own.

    Parameters and buffers are not listed, since they are alive anyway. A tensor of its own has a name, a shape and a
    dtype, and grows with the batch if it is `per_image`; if a part does not, that is listed too, under the same name.
    `when` says for which gradients it is saved: any, those of the weights, those of the inputs, or those of the inputs
    with these numbers. `beside` and `without` are also numbers of inputs: it is saved only if the gradients of all
    inputs in `beside` are wanted, and of none in `without`. A tensor of its own with `outputs` is saved only if one of
    the outputs with these numbers gets a gradient. `training_only` and `evaluation_only` limit it to one mode. One that
    is `wide` stays float32 under autocast, and one that is `full` also where the net is in half precision.
    """

    what: Literal["input", "output", "own"]
    index: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    per_image: bool = True
    when: Literal["any", "weights", "inputs"] | tuple[int, ...] = "any"
    name: str = ""
    training_only: bool = False
    evaluation_only: bool = False
    beside: tuple[int, ...] = ()
    without: tuple[int, ...] = ()
    wide: bool = False
    full: bool = False
    outputs: tuple[int, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes of an own tensor, for one image."""
        return bytes_of(self.shape, self.dtype)

    def is_of(self, *, training: bool) -> bool:
        """Return whether it is saved in training mode, or in evaluation."""
        return not (self.evaluation_only if training else self.training_only)

    def is_kept(self, wanted: Wanted) -> bool:
        """Return whether it is saved if these gradients are wanted."""
        if not all(wanted.inputs[at] for at in self.beside) or any(wanted.inputs[at] for at in self.without):
            return False
        if self.outputs and wanted.outputs and not any(wanted.outputs[at] for at in self.outputs):
            return False
        if isinstance(self.when, tuple):
            return any(wanted.inputs[at] for at in self.when)
        kinds = {"any": wanted.any, "weights": wanted.weights, "inputs": any(wanted.inputs)}
        return kinds[self.when]


@dataclass(frozen=True, slots=True)
class Autocast:
    """The dtype in which an operator computes under torch.autocast on the CPU.

    `lower`: inputs and weights are cast to autocast's dtype. `float32`: inputs are cast to float32. `widest`: inputs
    are cast to the dtype of the widest one. `given`: all inputs have one dtype, and nothing is cast. The `result` has
    this dtype, or that of the inputs if it is cast back. `keeps` names the cast weights that autograd saves: if any
    gradient is wanted, or only if a gradient of the inputs is. It is unknown if some of several inputs want none.

    `known` says how far this goes: to `all` saved tensors and temporaries; to those of `float32` inputs; to all in
    `training`, but in evaluation to those of float32 inputs; to all in `evaluation`, but not in training; or to the
    dtype of the `result` alone, where torch computes in several dtypes. `results` says it of each output where they
    differ. torch refuses inputs of the lower dtype unless it `takes_lower`.
    """

    dtype: Computed
    keeps: Keeps = ()
    known: Literal["all", "training", "evaluation", "float32", "result"] = "all"
    result: Literal["computed", "given"] = "computed"
    results: tuple[Literal["computed", "given"], ...] = ()
    takes_lower: bool = True

    def is_known(self, *, training: bool, lower: bool) -> bool:
        """Return whether saved tensors and temporaries are known, of inputs in the lower dtype or in float32."""
        if lower and not self.takes_lower:
            return False
        if self.known == "evaluation":
            return not training
        return self.known == "all" or (
            self.known != "result" and (not lower or (self.known == "training" and training))
        )


@dataclass(frozen=True, slots=True)
class Slide:
    """The positions along one axis of an input on which output position i depends.

    These are `extent` positions from i*step - before on, of which a dilated window sees each `every`-th. If this
    differs from position to position, as after an upsampling, the numbers are fractions: position i depends at most on
    the whole numbers from i*step - before to i*step - before + extent - 1. The step is 0 if all positions depend on the
    same ones, or if the output lacks the axis. `axis` is the output's axis along which it moves, if that has another
    name. If it is `at_most`, each position depends on some of these: by their values, or in another order.

    Where no line holds it exactly, `phases` holds what each of the first positions sees, from one to the other, or None
    for nothing. It repeats after them, by `step` times their number. If `past`, all positions before are seen too. What
    is seen also lies within each slide `beside` it, along other axes of the output.
    """

    extent: Ratio = 1
    step: Ratio = 1
    before: Ratio = 0
    axis: str = ""
    at_most: bool = False
    every: int = 1
    phases: tuple[Span | None, ...] = ()
    past: bool = False
    beside: tuple[Slide, ...] = ()

    @property
    def spans(self) -> tuple[Span | None, ...]:
        """What each position sees until it repeats, from one position to the other; None if it sees nothing."""
        if self.phases:
            return self.phases
        starts = [at * self.step - self.before for at in range(Fraction(self.step).denominator)]
        ends = [(ceil(start), floor(start + self.extent - 1)) for start in starts]
        return tuple(end if end[0] <= end[1] else None for end in ends)

    def seen(self, position: int) -> range:
        """Return the positions on which an output position depends at most."""
        turn, at = divmod(position, len(self.spans))
        span = self.spans[at]
        if span is None:
            return range(0)
        moved = int(turn * len(self.spans) * self.step)
        return range(min(span[0] + moved, 0) if self.past else span[0] + moved, span[1] + moved + 1, self.every)


@dataclass(frozen=True, slots=True)
class Reach:
    """The positions of the inputs on which an output value depends: along axes that are not listed, the same position.

    `slides` holds for all inputs and outputs; `inputs` and `outputs` add, in order, what holds for each. A border that
    repeats inner values counts as positions outside the input. Channels are not positions, so it is not said here which
    of them are mixed.
    """

    slides: Mapping[str, Slide] = field(default_factory=dict[str, Slide])
    inputs: tuple[Mapping[str, Slide], ...] = ()
    outputs: tuple[Mapping[str, Slide], ...] = ()

    def between(self, at: int, output: int = 0) -> Mapping[str, Slide]:
        """Return the slides of this output over input `at`, by axis."""
        own = (parts[place] for parts, place in ((self.inputs, at), (self.outputs, output)) if parts)
        return {axis: slide for slides in (self.slides, *own) for axis, slide in slides.items()}


def seeing_all(x: TensorType, axes: Iterable[str] | None = None) -> dict[str, Slide]:
    """Return slides that cover the whole of these axes of x, or of all its axes of positions."""
    seen = x.axes if axes is None else axes
    return {axis: Slide(x[axis], 0) for axis in seen if axis not in ("n", "c", "_")}


@dataclass(frozen=True, slots=True)
class Module:
    """A torch module as data: `torch.nn.Conv2d`, its arguments in order, its keyword arguments.

    Arguments are pairs of torch's name and the value, so that the emitter can name a number that differs.
    Options are triples of name, value and torch's default; an option with its default is not written.
    `source` holds a class to emit if torch has none.
    """

    target: str
    args: tuple[tuple[str, object], ...] = ()
    options: tuple[tuple[str, object, object], ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A torch expression over the inputs, `{0}`, `{1}`, ... or `{all}` for all of them with commas between."""

    template: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that a module holds: the template of its initial value, into which shape and `values` are filled."""

    template: str
    shape: tuple[int, ...]
    values: tuple[tuple[str, float | str | tuple[float, ...]], ...] = ()
    buffer: bool = False
    persistent: bool = True  # whether the state dict holds it


@dataclass(frozen=True, slots=True)
class Lecture:
    """A row of the CS231n table: `CONV3-64`, and how its weights multiply out: `(3*3*3)*64`.

    `{input}` in the formula stands for the sizes that enter the layer, HxWxC as the lecture writes them.
    """

    name: str
    weights: str = ""
