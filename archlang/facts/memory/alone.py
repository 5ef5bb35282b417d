"""One operator alone on the heap: what its forward pass and its backward pass allocate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from archlang.facts.memory.backward import Gradients
from archlang.facts.memory.casts import Held
from archlang.facts.memory.heap import Heap
from archlang.facts.memory.operations import Operations
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.values import Operators
from archlang.ir import Block, Layer, OpNode
from archlang.ops.base import Operator
from archlang.ops.layouts import Laid
from archlang.shapes import TensorType
from archlang.source import Span


def alone(
    op: Operator, inputs: Sequence[TensorType], types: Sequence[Laid], setup: Setup, counted: Callable[[int], int]
) -> tuple[int, int] | None:
    """Return the most bytes that are allocated in the forward pass besides the inputs, and in the backward pass.

    `types` are those of the `inputs` at the batch of the setup, with strides. The gradient that enters is alive before,
    and `counted` returns the bytes of an allocation that count. None stands for unknown.
    """
    heap = Heap()
    heap.begin("forward", "", op.word)
    operators = Operators(setup, types[0].weights)
    operations = Operations(setup, heap, operators)
    layer = _layer(op, inputs)
    given = [_input(x, operations) for x in types]
    start = len(heap.log)
    results = operations.run(layer, "", given)
    if operators.untold:
        return None
    forward = _most(heap, start, counted)
    entered = next((y for y in results if y.needs), None)
    if entered is None:
        return forward, 0
    gradients = Gradients(heap, computed=True)
    size = setup.bytes(entered.type.shape, entered.type.dtype)
    gradients.values[entered.number] = heap.take(size, "gradients of activations", ""), False
    heap.hold(gradients.values[entered.number][0])
    start = len(heap.log)
    gradients.run_back(operations.tape)
    return forward, _most(heap, start, counted)


def _layer(op: Operator, inputs: Sequence[TensorType]) -> Layer:
    outputs: tuple[TensorType, ...] = op.outputs(*inputs)
    first, end = len(inputs), len(inputs) + len(outputs)
    node = OpNode.model_construct(
        op=op, scope="", name="alone", module=None, ties={}, inputs=tuple(range(first)),
        outputs=tuple(range(first, end)), span=Span("", 0, 0, 0, 0),
    )  # fmt: skip
    block = Block.model_construct(id="alone", types=(*inputs, *outputs), nodes=(node,), frozen=())
    return Layer("alone", node, block, node.inputs, node.outputs, False, False, False)


def _input(x: Laid, operations: Operations) -> Held:
    number = next(operations.operators.numbers)
    storage = operations.heap.take(operations.setup.bytes(x.shape, x.dtype), "inputs", "")
    laid = Laid(x.shape, x.axes, x.dtype, x.strides, number, x.weights)
    return Held(number, laid, storage, "", x.is_float and operations.setup.training)


def _most(heap: Heap, start: int, counted: Callable[[int], int]) -> int:
    """Return the most bytes that are alive of what was allocated after so many log entries."""
    log = heap.log[start:]
    new = {number for number, sign in log if sign > 0}
    changes = (sign * counted(heap.bytes[number]) for number, sign in log if number in new)
    return max(accumulate(changes, initial=0))
