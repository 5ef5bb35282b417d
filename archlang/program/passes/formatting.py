"""Marks a net to run in another memory format: its inputs and weights of four axes are converted."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from archlang.ir import Block, OpNode, Port
from archlang.ops.base import Expression, Operator, Reach, Work
from archlang.ops.layouts import MEMORY_FORMATS, MemoryFormat, Strides, converted, is_channels_last, laid
from archlang.ops.runs import ONE_CALL
from archlang.program.regions import Call, Program
from archlang.shapes import TensorType
from archlang.source import Span


class ToChannelsLast(Operator):
    """A map n c h w with its channels innermost in memory: a copy, or the map itself if it has this layout already.

    It is no operator of the language; the pass inserts it.
    """

    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    pointwise = True
    word: ClassVar[str] = "channels_last"

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work()

    def reach(self, x: TensorType) -> Reach:
        return Reach()

    def view(self, x: TensorType) -> bool:
        return is_channels_last(laid(x))

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (converted(laid(x)),)

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.to(memory_format=torch.channels_last)")


def in_memory_format(program: Program, format: MemoryFormat | None) -> Program:
    """Return the Program with the net's region marked to run in a memory format; None marks nothing.

    Inputs of four axes are converted by a call of their own as they enter. Raises ValueError if torch has no such
    format, if a weight of the net has five axes, and if nothing in the net has four.
    """
    if format is None:
        return program
    if format not in MEMORY_FORMATS:
        raise ValueError(f"a memory format is one of {', '.join(MEMORY_FORMATS)}, not {format}")
    block = program.root.block
    maps = [port for port in block.inputs if len(block.types[port.value].shape) == 4]
    _refuse(program, format, bool(maps))
    entering = {port.value: number for number, port in enumerate(maps, len(block.types))}
    calls = tuple(_call(block, port, entering[port.value]) for port in maps)
    root = replace(
        program.root,
        block=_with_inputs(block, entering),
        entries=(*calls, *program.root.entries),
        inputs=tuple(entering.get(value, value) for value in program.root.inputs),
        memory_format=format,
    )
    *callees, net = program.regions
    return Program(program.graph, {**{callee: program.regions[callee] for callee in callees}, net: root})


def _refuse(program: Program, format: MemoryFormat, has_maps: bool) -> None:
    """Refuse a net with a weight that torch cannot convert, and one in which nothing would be converted."""
    ranks: set[int] = set()
    for layer in program.graph.flat():
        own = {len(weight.shape) for weight in layer.op.weights(*layer.input_types)}
        if 5 in own:
            where = f"`{layer.path}` ({layer.op.word})"
            raise ValueError(f"{format} is an order of four axes, and a weight of {where} has five")
        ranks |= own
    if 4 not in ranks and not has_maps:
        name = program.graph.name
        raise ValueError(f"{format} is an order of four axes, and no input and no weight of {name} has four")


def _call(block: Block, port: Port, entering: int) -> Call:
    """Return the call that converts an input; the unconverted value has a number of its own."""
    type = block.types[port.value]
    span = block.nodes[0].span if block.nodes else Span("", 1, 1, 1, 1)
    node = OpNode(op=ToChannelsLast(), scope="", name=port.name, inputs=(entering,), outputs=(port.value,), span=span)
    return Call(node, (type, type), training_only=False)


def _with_inputs(block: Block, entering: dict[int, int]) -> Block:
    """Return the net's block with other numbers of its inputs."""
    ports = tuple(port.model_copy(update={"value": entering.get(port.value, port.value)}) for port in block.inputs)
    types = (*block.types, *(block.types[value] for value in entering))
    return block.model_copy(update={"inputs": ports, "types": types})
