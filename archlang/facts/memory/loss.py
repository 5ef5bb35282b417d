"""The loss of a step of training: what it keeps of each output of the net, and the gradient that it gives back.

Cross entropy between the classes along the channels, where these are axis 1, and a class for each position; elsewhere
the mean squared difference to a target of the output's own shape. Both average, and those of several outputs are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archlang.facts.memory.backward import Gradients
from archlang.facts.memory.operations import Operations
from archlang.facts.memory.values import Held


@dataclass(frozen=True, slots=True)
class Lost:
    """What the loss of an output keeps: the storage of its logarithms, or the output itself."""

    output: Held
    bytes: int
    logarithms: int | None


def losses(outputs: Sequence[Held], operations: Operations) -> list[Lost]:
    """The loss of each output of which a gradient is wanted; its target is among the inputs."""
    heap, setup = operations.heap, operations.setup
    found: list[Lost] = []
    for output in outputs:
        if not output.type.is_float:
            continue
        shape, size = output.type.shape, setup.bytes(output.type.shape, output.type.dtype)
        classes = is_classified(output.type.axes)
        heap.begin("loss", output.path, "cross entropy" if classes else "squared error")
        target = setup.bytes((shape[0], *shape[2:]), "int64") if classes else size
        heap.take(target, "inputs", "target")
        # the mean of squares stays in the memory of the squares
        scalar = setup.bytes((), output.type.dtype)
        heap.take(scalar if classes else size, "kept by operators", "loss")
        logarithms = heap.take(size, "kept by operators", "loss") if classes else None
        if output.needs:
            if logarithms is None:
                operations.hold(output)
            found.append(Lost(output, size, logarithms))
        elif logarithms is not None:
            heap.drop(logarithms)
    return found


def is_classified(axes: Sequence[str]) -> bool:
    """Whether an output has classes along its second axis, as torch's cross entropy takes them."""
    return axes[:2] == ("n", "c")


def run_back(found: Sequence[Lost], operations: Operations, gradients: Gradients) -> None:
    """The backward pass: the gradient of the loss, of each output, the last first, and of all before them."""
    heap = operations.heap
    heap.begin("backward", "", "loss")
    dtype = found[0].output.type.dtype if found else "float32"
    first = heap.take(operations.setup.bytes((), dtype), "gradients of activations", "loss")
    for one in reversed(found):
        heap.begin("backward", one.output.path, "squared error" if one.logarithms is None else "cross entropy")
        gradient = heap.take(one.bytes, "gradients of activations", one.output.path)
        if one.logarithms is None:
            heap.drop(one.output.storage)
        else:  # that of the logarithms, and then that of what they are taken of
            before, gradient = gradient, heap.take(one.bytes, "gradients of activations", one.output.path)
            heap.drop(before)
            heap.drop(one.logarithms)
        gradients.values[one.output.number] = gradient, True
    gradients.run_back(operations.tape)
    heap.drop(first)
