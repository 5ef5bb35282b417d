"""What an operator answers with: weights, work, what is saved, its reach, its torch call, its row in the lecture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from math import prod
from typing import Literal

from archlang.shapes import DTYPE_BYTES, TensorType

Ratio = int | Fraction
# where the gradient of an input lies: in memory of its own, which may first be that of the result's size before it is
# summed up, or be `shared` by all such inputs; or in that of the result's gradient, all of it or a part
GradientPlace = Literal["new", "summed", "shared", "whole", "part"]


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the state dict: its key below the operator's path, its shape, and whether it is a buffer."""

    name: str
    shape: tuple[int, ...]
    buffer: bool = False
    dtype: str = "float32"

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Work:
    """The arithmetic of one forward pass over one image; each column counts its own kind, none includes another."""

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
        """The work over so many images, of which a part is done once for all of them."""
        return self * images if once is NOTHING else self * images + once * (1 - images)


NOTHING = Work()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which gradients a backward pass must give: of each input, and of the weights."""

    inputs: tuple[bool, ...]
    weights: bool

    @property
    def any(self) -> bool:
        return self.weights or any(self.inputs)


@dataclass(frozen=True, slots=True)
class Saved:
    """A tensor that autograd keeps for the backward pass: an input, the output, or one of the operator's own.

    Parameters and buffers are not listed: they live anyway. An own tensor tells its name, its shape and dtype, and
    whether it grows with the batch. `when` says for which gradients it is kept: any, those of the weights, those of the
    inputs, or those of the inputs at some places. What is kept in training mode alone is `training_only`.
    What is `wide` stays float32 where autocast lets values of a lower dtype flow.
    """

    what: Literal["input", "output", "own"]
    index: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    per_image: bool = True
    when: Literal["any", "weights", "inputs"] | tuple[int, ...] = "any"
    name: str = ""
    training_only: bool = False
    wide: bool = False

    @property
    def bytes(self) -> int:
        """Bytes of an own tensor, for one image."""
        return prod(self.shape) * DTYPE_BYTES[self.dtype]

    def is_kept(self, wanted: Wanted) -> bool:
        """Whether it is kept where these gradients are wanted."""
        if isinstance(self.when, tuple):
            return any(wanted.inputs[at] for at in self.when)
        kinds = {"any": wanted.any, "weights": wanted.weights, "inputs": any(wanted.inputs)}
        return kinds[self.when]


@dataclass(frozen=True, slots=True)
class Autocast:
    """In which dtype torch.autocast lets an operator compute on the CPU.

    `lower` is that of autocast, to which inputs and weights are cast; `widest` that of the widest input; `given` that
    of all inputs alike. Of the weights that are cast, autograd keeps those of `keeps`, by name, where gradients of
    anything are wanted or of the inputs. `evaluates` says whether its evaluation is known where inputs of the lower
    dtype flow in.
    """

    dtype: Literal["lower", "widest", "given"]
    keeps: tuple[tuple[str, Literal["any", "inputs"]], ...] = ()
    evaluates: bool = True


@dataclass(frozen=True, slots=True)
class Slide:
    """What an output position sees along one axis of an input: position i sees those from i*step - before on, `extent`
    of them, dilation included.

    Where it differs from phase to phase, as behind an upsampling, these are fractions, and position i sees the whole
    numbers from i*step - before to i*step - before + extent - 1 at most. A step of 0 is of an axis that all positions
    see alike, or that is gone. `axis` is the output's axis along which it moves, where that has another name.
    """

    extent: Ratio = 1
    step: Ratio = 1
    before: Ratio = 0
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an output value sees of its inputs: the axes slid over, all others being pointwise.

    `slides` holds for all inputs and outputs; `inputs` and `outputs` say, in order, what holds besides for each. A
    border that repeats values from further in counts as positions outside. Channels are no positions: that a
    convolution mixes them all is not said here.
    """

    slides: Mapping[str, Slide] = field(default_factory=dict[str, Slide])
    inputs: tuple[Mapping[str, Slide], ...] = ()
    outputs: tuple[Mapping[str, Slide], ...] = ()

    def between(self, at: int, output: int = 0) -> Mapping[str, Slide]:
        """The axes of input `at` over which this output slides."""
        own = (parts[place] for parts, place in ((self.inputs, at), (self.outputs, output)) if parts)
        return {axis: slide for slides in (self.slides, *own) for axis, slide in slides.items()}


def seeing_all(x: TensorType, axes: Iterable[str] | None = None) -> dict[str, Slide]:
    """The slides of these axes of x, or of all its positions, where each output position sees the whole axis."""
    seen = x.axes if axes is None else axes
    return {axis: Slide(x[axis], 0) for axis in seen if axis not in ("n", "c", "_")}


@dataclass(frozen=True, slots=True)
class Module:
    """A torch module as data: `torch.nn.Conv2d`, its arguments in order, its keyword arguments.

    Arguments are pairs of torch's own name and the value, so that a differing number can be named in a class.
    Options are triples of name, value and torch's default; one that has its default need not be written.
    `source` holds a class to emit where torch has none.
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
    """A tensor that a module holds itself: the template that makes it, `{shape}`, `{tuple}` and `values` filled in."""

    template: str
    shape: tuple[int, ...]
    values: tuple[tuple[str, float], ...] = ()
    buffer: bool = False


@dataclass(frozen=True, slots=True)
class Lecture:
    """A row of the CS231n table: `CONV3-64`, and how its weights multiply out: `(3*3*3)*64`.

    `{input}` in the formula stands for the sizes that enter the layer, HxWxC as the lecture writes them.
    """

    name: str
    weights: str = ""
