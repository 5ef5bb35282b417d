"""The report as data: the inputs of a net, a row for each operator, and totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import prod

from archlang.facts.work import Counts, Totals, count, retyped
from archlang.ir import Graph, Layer
from archlang.report.hierarchy import BlockRow, Repeat, blocks_of, repeats_of
from archlang.shapes import TensorType

REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class NamedType:
    """An input of the net."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class LectureRow:
    """A row of the CS231n table: its name, how its weights multiply out, and their number without and of biases."""

    name: str
    formula: str
    weights: int
    biases: int
    fan_in: int  # inputs of one unit of the first weight, 0 without weights

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "formula": self.formula, "weights": self.weights, "biases": self.biases}


@dataclass(frozen=True, slots=True)
class LayerRow:
    """An operator of the net. Types are for one image, counts for the batch.

    `block` is the id of the block that holds it. `path` is that of the scope where the operator is not `named`.
    `lecture` is None where it belongs to the row above.
    """

    path: str
    op: str
    block: str
    named: bool
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    params: int
    trainable_params: int
    buffers: int
    macs: int
    output_values: int
    output_bytes: int
    lecture: LectureRow | None

    @property
    def output(self) -> tuple[int, ...]:
        """The sizes of the first output, without the batch."""
        return sizes(self.outputs[0])

    def to_json(self) -> dict[str, object]:
        """The row as plain JSON values; docs/report.md has every field."""
        return {
            "path": self.path,
            "op": self.op,
            "block": self.block,
            "named": self.named,
            "inputs": [_type_json(type) for type in self.inputs],
            "output": list(self.output),
            "outputs": [_type_json(type) for type in self.outputs],
            "params": self.params,
            "trainable_params": self.trainable_params,
            "buffers": self.buffers,
            "macs": self.macs,
            "output_values": self.output_values,
            "output_bytes": self.output_bytes,
            "lecture": self.lecture and self.lecture.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a net is and counts, over one forward pass of `batch` images.

    `blocks` are those that it calls; two of one structure differ in numbers alone.
    """

    name: str
    batch: int
    inputs: tuple[NamedType, ...]
    totals: Totals
    layers: tuple[LayerRow, ...]
    blocks: tuple[BlockRow, ...]
    repeats: tuple[Repeat, ...]

    def to_json(self) -> dict[str, object]:
        """The report as plain JSON values; docs/report.md has every field."""
        return {
            "version": REPORT_VERSION,
            "name": self.name,
            "batch": self.batch,
            "inputs": [{"name": port.name, **_type_json(port.type)} for port in self.inputs],
            "totals": asdict(self.totals),
            "layers": [layer.to_json() for layer in self.layers],
            "blocks": [asdict(block) for block in self.blocks],
        }


def report(graph: Graph, batch: int = 1, dtype: str | None = None) -> Report:
    """The report of a net over `batch` images; `dtype` takes the place of the dtype of float tensors."""
    counts = count(graph, batch, dtype)
    ports = tuple(NamedType(port.name, retyped(graph.root.types[port.value], dtype)) for port in graph.root.inputs)
    factors = {number: multiplied(port.type) for number, port in enumerate(ports)}
    known: dict[object, LayerRow] = {}
    rows: list[LayerRow] = []
    for layer in graph.flat():
        key = layer.block.id, layer.node.outputs, layer.training_only, layer.reused, layer.frozen
        if key not in known:
            known[key] = _row(layer, counts, dtype)
        row = known[key]
        entering = factors[layer.inputs[0]] if layer.inputs else ()
        rows.append(replace(row, path=layer.path, lecture=row.lecture and _with_input(row.lecture, entering)))
        leaving = (_factors_after(row, type, entering) for type in row.outputs)
        factors.update(zip(layer.outputs, leaving, strict=True))
    return Report(graph.name, batch, ports, counts.net, tuple(rows), blocks_of(graph, counts), repeats_of(graph))


def sizes(type: TensorType) -> tuple[int, ...]:
    """The sizes without the batch, in the order of the axes."""
    return tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")


def channels_last(type: TensorType) -> tuple[int, ...]:
    """The sizes as the lecture writes them, without the batch: height, width, channels."""
    inner = [size for size, axis in zip(type.shape, type.axes, strict=True) if axis not in ("n", "c")]
    return (*inner, type["c"]) if "c" in type.axes else tuple(inner)


def multiplied(type: TensorType) -> tuple[int, ...]:
    """The factors of the size for one image, channels last; a map of one position has its channels alone."""
    written = channels_last(type)
    return written[-1:] if "c" in type.axes and set(written[:-1]) <= {1} else written


def _row(layer: Layer, counts: Counts, dtype: str | None) -> LayerRow:
    node = layer.node
    inputs = tuple(retyped(type, dtype) for type in layer.input_types)
    outputs = tuple(retyped(type, dtype) for type in layer.output_types)
    told = asdict(counts.of(layer))
    return LayerRow(
        layer.path,
        node.op.word,
        layer.block.id,
        node.name is not None or node.module is not None,
        inputs,
        outputs,
        **told,
        lecture=_lecture(layer),
    )


def _lecture(layer: Layer) -> LectureRow | None:
    told = layer.op.lecture(*layer.input_types)
    if told is None:
        return None
    weights = [weight for weight in layer.op.weights(*layer.input_types) if not weight.buffer]
    biases = sum(weight.count for weight in weights if weight.name == "bias")
    first = weights[0].shape if weights else (0, 0)
    return LectureRow(
        told.name, told.weights, sum(weight.count for weight in weights) - biases, biases, fan_in=prod(first[1:])
    )


def _with_input(row: LectureRow, entering: Sequence[int]) -> LectureRow:
    """The row with `{input}` filled in: the factors that entered, where they multiply to the width of the weight."""
    if "{input}" not in row.formula:
        return row
    factors = entering if prod(entering) == row.fan_in else (row.fan_in,)
    return replace(row, formula=row.formula.replace("{input}", "*".join(map(str, factors))))


def _factors_after(row: LayerRow, type: TensorType, entering: tuple[int, ...]) -> tuple[int, ...]:
    """How the size of an output multiplies out: a map that is only flattened keeps the factors of the map."""
    own = multiplied(type)
    keeps = row.lecture is None and len(own) == 1 and prod(entering) == own[0]
    return entering if keeps else own


def _type_json(type: TensorType) -> dict[str, object]:
    return {"shape": list(sizes(type)), "dtype": type.dtype}
