"""The values of a net as they lie in memory, and what the operators tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from archlang.facts.gradients import trained_weights
from archlang.facts.memory.setup import Setup
from archlang.ir import Layer
from archlang.ops.base import GradientPlace, Saved, Wanted
from archlang.ops.layouts import Laid, at_batch

Weights = tuple[tuple[str, int], ...]  # names and bytes


@dataclass(frozen=True, slots=True)
class Held:
    """A value: its number, its type as it lies, its storage, the path of who made it, whether a gradient is wanted.

    That of a parameter or buffer is `lasting`: its storage lives all the time and has no number in the heap.
    """

    number: int
    type: Laid
    storage: int
    path: str
    needs: bool
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator tells of inputs that lie as they do; of each step on its way, the bytes."""

    view: bool
    types: tuple[Laid, ...]
    saved: tuple[Saved, ...]
    places: tuple[GradientPlace, ...]
    steps: tuple[int, ...]


@dataclass(slots=True)
class Operators:
    """What the operators have told: each of a block is asked once for each way in which its inputs lie."""

    setup: Setup
    numbers: Iterator[int] = field(default_factory=count)
    known: dict[object, Told] = field(default_factory=dict[object, Told])
    trained: dict[object, Weights] = field(default_factory=dict[object, Weights])

    def ask(self, layer: Layer, inputs: Sequence[Held]) -> Told:
        """What the layer's operator tells of these inputs."""
        places = [x.type.place for x in inputs]
        key = layer.block.id, layer.node.outputs, tuple((x.type.strides, places.index(x.type.place)) for x in inputs)
        if key not in self.known:
            types = [x.type for x in inputs]
            op = layer.op
            laid = tuple(
                Laid(type.shape, type.axes, type.dtype, strides)
                for type, strides in zip(self._outputs(layer), op.strides(*types), strict=True)
            )
            training = self.setup.training
            saved = op.saved(*types) if training else ()
            given = op.gradient_places(*types) if training else ()
            steps = tuple(sum(self.setup.bytes(x.shape, x.dtype) for x in step) for step in op.steps(*types))
            self.known[key] = Told(bool(inputs) and op.view(*types), laid, saved, given, steps)
        return self.known[key]

    def _outputs(self, layer: Layer) -> list[Laid]:
        types = (at_batch(type, self.setup.batch) for type in layer.output_types)
        return [Laid(type.shape, type.axes, type.dtype) for type in types]

    def weights(self, layer: Layer) -> Weights:
        """The names of the layer's weights that training changes, and their bytes."""
        key = layer.block.id, layer.node.outputs, layer.frozen
        if key not in self.trained:
            names = set(trained_weights(layer))
            weights = (one for one in layer.op.weights(*layer.input_types) if one.name in names)
            self.trained[key] = tuple((one.name, self.setup.weight_bytes(one)) for one in weights)
        return self.trained[key]


def is_kept(one: Saved, layer: Layer, wanted: Wanted, weights: Weights) -> bool:
    """Whether an operator keeps a tensor where these gradients are wanted, in training mode.

    For the gradient of a bias nothing is kept, and the weight beside it may be another's that is frozen.
    """
    if one.when == "weights" and layer.node.ties:
        wanted = replace(wanted, weights=wanted.weights and any(not name.endswith("bias") for name, _ in weights))
    return one.is_kept(wanted)
