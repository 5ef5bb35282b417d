"""Promises made from a net's own report: they are kept, and broken if they are off by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from archlang.facts.net import NetFacts
from archlang.ir import Graph, is_at
from archlang.promises import verify
from archlang.report import report
from archlang.report.data import COUNTS, unknown_counts
from archlang.shapes import Window
from tests.generator.nodes import path_text

FACTS = (
    "params", "trainable_params", "buffers", "macs", "flops", "output_values", "backward_macs", "saved_bytes",
    "bias_adds", "normalised", "activated", "elementwise", "comparisons", "moved",
)  # fmt: skip
PATHS, VALUES = 3, 4  # promises are made for this many paths and labels

Fact = tuple[str, int | tuple[int, ...]]


def promised(graph: Graph) -> list[Fact]:
    """Return promises, each with its number, window or shape, for the whole net, some paths and some labels."""
    facts = list(_counts(graph))
    root = graph.root
    for path, value in list(root.labels.items())[-VALUES:]:
        type = root.types[value]
        sizes = tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")
        if sizes:
            facts.append((path_text(path), sizes))
    return facts


def _counts(graph: Graph) -> Iterator[Fact]:
    evaluation, training = report(graph), report(graph, mode="train")
    tops = list(dict.fromkeys(row.path.partition(".")[0] for row in evaluation.layers if row.path))
    for path in ("", *tops[:PATHS]):
        for fact in FACTS if not path else FACTS[:: 1 + len(tops) % 3]:
            all_rows = (training if fact == "saved_bytes" else evaluation).layers
            rows = [row for row in all_rows if not path or is_at(row.path, path)]
            if fact in unknown_counts(rows):
                continue  # a promise about it cannot be checked
            total = sum(COUNTS[fact](row) for row in rows)
            yield (f"{path_text(path)}.{fact}" if path else fact), total


def with_promises(text: str, facts: list[Fact]) -> str:
    """Return the text with these facts promised by its last net, and below each the same with its number off by one."""
    lines: list[str] = []
    for (subject, value), off in product(facts, (0, 1)):
        moved = Window((value[0] + off, *value[1:])) if isinstance(value, tuple) else value + off
        lines.append(f"  expect {subject} == {moved}\n")
    return text.rstrip()[:-1] + "".join(lines) + "}\n"


def verdicts(graph: Graph, facts: int) -> list[str]:
    """Return the code and the message of each promise of `with_promises`, an empty text if it is kept."""
    told = {diagnostic.span: f"{diagnostic.code}: {diagnostic.message}" for diagnostic in verify(NetFacts(graph))}
    return [told.get(promise.span, "") for promise in graph.promises[-2 * facts :]]
