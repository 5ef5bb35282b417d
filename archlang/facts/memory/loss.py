"""The loss of a step of training: what it saves for each output of the net, and the gradient that it returns.

Cross entropy between the classes along the channels, if the channels are axis 1, with a class for each position;
otherwise the mean squared difference to a target of the output's own shape. Both are averages. The losses of several
outputs are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archlang.facts.memory.backward import Gradients
from archlang.facts.memory.casts import Held
from archlang.facts.memory.operations import Operations


@dataclass(frozen=True, slots=True)
class Lost:
    """What the loss of an output saves: the storage of its log-softmax, or the output itself or its cast.

    `bytes` is the size of the output in the dtype of the loss; `given` its size in its own dtype if that differs.
    """

    output: Held
    bytes: int
    logarithms: int | None
    values: int
    given: int | None


def losses(outputs: Sequence[Held], operations: Operations) -> list[Lost]:
    """Return the loss of each output whose gradient is wanted; its target is among the inputs."""
    heap, setup = operations.heap, operations.setup
    found: list[Lost] = []
    means: list[int] = []
    for output in outputs:
        if not output.type.is_float:
            continue
        dtype = "float32" if setup.autocast else output.type.dtype  # autocast computes losses in float32
        shape, size = output.type.shape, setup.bytes(output.type.shape, dtype)
        given = None if dtype == output.type.dtype else setup.bytes(shape, output.type.dtype)
        classes = is_classified(output.type.axes)
        heap.begin("loss", output.path, "cross entropy" if classes else "squared error")
        target = setup.bytes((shape[0], *shape[2:]), "int64") if classes else size
        operations.targets += target
        # the mean of squares stays in the memory of the squares
        scalar = setup.bytes((), dtype)
        means.append(heap.take(scalar if classes else size, "kept by operators", "loss"))
        logarithms = heap.take(size, "kept by operators", "loss") if classes else None
        # the squares, from whose memory torch makes the mean; of half precision, their copy in float32
        squares = size + setup.bytes(shape, "int32") * (setup.bytes((), dtype) == 2)
        heap.brush(0 if classes else squares)
        if output.needs:
            values = output.storage
            if logarithms is None and given is not None:
                values = heap.take(size, "kept by operators", "loss")
            elif logarithms is None:
                operations.hold(output)
            found.append(Lost(output, size, logarithms, values, given))
        elif logarithms is not None:
            heap.drop(logarithms)
    if len(means) > 1:
        _added(means, operations)
    return found


def _added(means: Sequence[int], operations: Operations) -> None:
    """Add the losses of several outputs, and free them: an addition saves none of its terms."""
    heap, setup = operations.heap, operations.setup
    heap.begin("loss", "", "sum")
    heap.take(setup.bytes((), "float32"), "kept by operators", "loss")
    for one in means:
        heap.drop(one)


def is_classified(axes: Sequence[str]) -> bool:
    """Return whether an output has classes along its second axis, as torch's cross entropy takes them."""
    return axes[:2] == ("n", "c")


def run_back(found: Sequence[Lost], operations: Operations, gradients: Gradients) -> None:
    """Run the backward pass: the gradient of the loss, of each output, the last first, and of all before them."""
    heap = operations.heap
    heap.begin("backward", "", "loss")
    dtype = found[0].output.type.dtype if found and not operations.setup.autocast else "float32"
    first = heap.take(operations.setup.bytes((), dtype), "gradients of activations", "loss")
    for one in reversed(found):
        heap.begin("backward", one.output.path, "squared error" if one.logarithms is None else "cross entropy")
        gradient = heap.take(one.bytes, "gradients of activations", one.output.path)
        if one.logarithms is None:
            heap.drop(one.values)
        else:  # the gradient of the logarithms, then that of their argument
            before, gradient = gradient, heap.take(one.bytes, "gradients of activations", one.output.path)
            heap.drop(before)
            heap.drop(one.logarithms)
        if one.given is not None:
            before, gradient = gradient, heap.take(one.given, "gradients of activations", one.output.path)
            heap.drop(before)
        gradients.values[one.output.number] = gradient, True
    gradients.run_back(operations.tape)
    heap.drop(first)
