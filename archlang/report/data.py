"""The report as data: the inputs of a net, a row for each operator, the totals, and the counts that have a sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Literal

from archlang.facts.receptive import ReceptiveField
from archlang.facts.untold import Untold
from archlang.facts.work import Totals
from archlang.ops.base import Work
from archlang.report.facts import ReportFacts
from archlang.report.hierarchy import BlockRow
from archlang.report.lecture_rows import LectureRow
from archlang.report.reach import reach_json
from archlang.shapes import TensorType

REPORT_VERSION = 1
Mode = Literal["eval", "train"]


@dataclass(frozen=True, slots=True)
class NamedType:
    """An input of the net."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class LayerRow:
    """An operator of the net. Types are for one image, counts for the batch.

    `block` is the id of the block that holds it. `path` is that of the scope where the operator is not `named`.
    An operator that does not run in the mode of the report has its weights and no work. `lecture` is None if it belongs
    to the row above. `values` are the numbers of its outputs, as in `graph.flat()`. `starts` says how each weight
    starts, by its name.
    """

    path: str
    op: str
    block: str
    named: bool
    runs: bool
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    params: int
    trainable_params: int
    buffers: int
    macs: int
    output_values: int
    output_bytes: int
    lecture: LectureRow | None
    values: tuple[int, ...]
    starts: Mapping[str, str]
    facts: ReportFacts = field(repr=False, compare=False)

    @property
    def output(self) -> tuple[int, ...]:
        """The sizes of the first output, without the batch."""
        return sizes(self.outputs[0])

    @property
    def forward(self) -> Work:
        """The arithmetic of the forward pass."""
        return self.facts.passes[self.values].forward if self.runs else Work()

    @property
    def backward(self) -> Work:
        """The arithmetic of the backward pass."""
        return self.facts.passes[self.values].backward if self.runs else Work()

    @property
    def saved_bytes(self) -> int:
        """The bytes that it saves for backward and no earlier layer saves."""
        return self.facts.saved[self.values].new_bytes if self.runs else 0

    @property
    def saved_untold(self) -> tuple[Untold, ...]:
        """The answers that operators leave open; if there are any, the saved bytes are unknown."""
        return self.facts.saved[self.values].untold if self.runs else ()

    @property
    def receptive_field(self) -> ReceptiveField:
        """What one position of its output sees of the input."""
        return self.facts.fields[self.values[0]]

    def to_json(self) -> dict[str, object]:
        """Return the row as plain JSON values; docs/report.md has every field."""
        return {
            "path": self.path,
            "op": self.op,
            "block": self.block,
            "named": self.named,
            "runs": self.runs,
            "inputs": [_type_json(type) for type in self.inputs],
            "output": list(self.output),
            "outputs": [_type_json(type) for type in self.outputs],
            **{name: None if name in unknown_counts([self]) else of(self) for name, of in COUNTS.items()},
            **reach_json(self.receptive_field),
            "starts": dict(self.starts),
            "lecture": self.lecture and self.lecture.to_json(),
        }


def _counts() -> dict[str, Callable[[LayerRow], int]]:
    columns = [column.name for column in fields(Work)]
    return {
        **{name: attrgetter(name) for name in ("params", "trainable_params", "buffers", "macs")},
        "flops": lambda row: 2 * row.macs,
        **{name: attrgetter(f"forward.{name}") for name in columns if name != "macs"},
        **{f"backward_{name}": attrgetter(f"backward.{name}") for name in columns},
        **{name: attrgetter(name) for name in ("output_values", "output_bytes", "saved_bytes")},
    }


COUNTS: Mapping[str, Callable[[LayerRow], int]] = _counts()  # whatever adds up, by the name it has in the JSON


def unknown_counts(layers: Iterable[LayerRow]) -> frozenset[str]:
    """Return which counts of these layers are unknown."""
    return frozenset({"saved_bytes"} if any(layer.saved_untold for layer in layers) else ())


@dataclass(frozen=True, slots=True)
class ReportTotals(Totals):
    """The sums over the layers: what each of them has as an attribute and can be added up."""

    layers: tuple[LayerRow, ...] = field(default=(), repr=False, compare=False)

    @property
    def flops(self) -> int:
        """Twice the multiply-accumulates of the forward pass."""
        return 2 * self.macs

    @property
    def forward(self) -> Work:
        """The arithmetic of the forward pass."""
        return sum((layer.forward for layer in self.layers), Work())

    @property
    def backward(self) -> Work:
        """The arithmetic of the backward pass."""
        return sum((layer.backward for layer in self.layers), Work())

    @property
    def saved_bytes(self) -> int | None:
        """The bytes that the layers save for backward; None if they are unknown."""
        return None if unknown_counts(self.layers) else sum(layer.saved_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Report:
    """The layers and counts of a net, over one pass of `batch` images in a mode.

    `blocks` are those that it calls. Two blocks with one structure differ only in numbers.
    """

    name: str
    batch: int
    mode: Mode
    inputs: tuple[NamedType, ...]
    totals: ReportTotals
    layers: tuple[LayerRow, ...]
    blocks: tuple[BlockRow, ...]
    facts: ReportFacts = field(repr=False, compare=False)

    def __repr__(self) -> str:
        """Return one line, since `layers` may hold thousands of rows."""
        counts = f"{len(self.layers)} layers, {self.totals.params:,} parameters, {self.totals.macs:,} MACs"
        return f"<Report of {self.name}, batch {self.batch}, {self.mode}: {counts}>"

    def to_json(self) -> dict[str, object]:
        """Return the report as plain JSON values; docs/report.md has every field."""
        return {
            "version": REPORT_VERSION,
            "name": self.name,
            "batch": self.batch,
            "mode": self.mode,
            "inputs": [{"name": port.name, **_type_json(port.type)} for port in self.inputs],
            "totals": {
                name: None if name in unknown_counts(self.layers) else sum(map(of, self.layers))
                for name, of in COUNTS.items()
            },
            "layers": [layer.to_json() for layer in self.layers],
            "blocks": [block.to_json() for block in self.blocks],
        }


def sizes(type: TensorType) -> tuple[int, ...]:
    """Return the sizes without the batch, in the order of the axes."""
    return tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")


def _type_json(type: TensorType) -> dict[str, object]:
    return {"shape": list(sizes(type)), "dtype": type.dtype}
