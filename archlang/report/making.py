"""The report of a net: its rows from its layers, each block asked once."""

from __future__ import annotations

from dataclasses import asdict, replace

from archlang.facts.work import Counts, Totals, retyped
from archlang.ir import Graph, Layer
from archlang.report.beginnings import starts_of
from archlang.report.data import LayerRow, Mode, NamedType, Report, ReportTotals
from archlang.report.facts import ReportFacts
from archlang.report.hierarchy import blocks_of
from archlang.report.lecture_rows import factors_after, lecture_row, multiplied, with_input
from archlang.report.shown import ShownReport


def report(graph: Graph, batch: int = 1, dtype: str | None = None, mode: Mode = "eval") -> Report:
    """Return the report of a net over `batch` images; `dtype` replaces the dtype of float tensors.

    `mode` is `eval` or `train`: the counts of evaluation or of training.
    """
    if mode not in ("eval", "train"):
        raise ValueError(f"mode is eval or train, not {mode}")
    facts = ReportFacts(graph, batch, dtype, mode == "train")
    counts = facts.counts
    ports = tuple(NamedType(port.name, retyped(graph.root.types[port.value], dtype)) for port in graph.root.inputs)
    rows = layer_rows(facts)
    totals = _in_training(counts.net, rows) if facts.training else counts.net
    sums = ReportTotals(**asdict(totals), layers=rows)
    return ShownReport(graph.name, batch, mode, ports, sums, rows, blocks_of(facts, counts), facts)


def layer_rows(facts: ReportFacts) -> tuple[LayerRow, ...]:
    """Return a row for each operator of a net, calls expanded."""
    root, counts = facts.graph.root, facts.counts
    factors = {at: multiplied(retyped(root.types[port.value], facts.dtype)) for at, port in enumerate(root.inputs)}
    known: dict[object, LayerRow] = {}
    rows: list[LayerRow] = []
    for layer in facts.graph.flat():
        key = layer.block.id, layer.node.outputs, layer.training_only, layer.reused, layer.frozen
        if key not in known:
            known[key] = _row(layer, counts, facts)
        row = known[key]
        entering = factors[layer.inputs[0]] if layer.inputs else ()
        lecture = row.lecture and with_input(row.lecture, entering)
        rows.append(replace(row, path=layer.path, values=layer.outputs, lecture=lecture))
        leaving = (factors_after(lecture is not None, type, entering) for type in row.outputs)
        factors.update(zip(layer.outputs, leaving, strict=True))
    return tuple(rows)


def _row(layer: Layer, counts: Counts, facts: ReportFacts) -> LayerRow:
    node = layer.node
    told = counts.of(layer)
    if facts.training:
        told = counts.of(replace(layer, training_only=False))
        told = replace(told, macs=facts.passes[layer.outputs].forward.macs)
    return LayerRow(
        layer.path,
        node.op.word,
        layer.block.id,
        named=node.name is not None or node.module is not None,
        runs=facts.training or not layer.training_only,
        inputs=tuple(retyped(type, facts.dtype) for type in layer.input_types),
        outputs=tuple(retyped(type, facts.dtype) for type in layer.output_types),
        **asdict(told),
        lecture=lecture_row(layer),
        values=layer.outputs,
        starts=starts_of(layer),
        facts=facts,
    )


def _in_training(net: Totals, rows: tuple[LayerRow, ...]) -> Totals:
    """Return the counts of a net in training: more runs than in evaluation."""
    return replace(
        net,
        macs=sum(row.macs for row in rows),
        output_values=sum(row.output_values for row in rows),
        output_bytes=sum(row.output_bytes for row in rows),
    )
