"""What the page shows of a net, as plain JSON values. It grows with the blocks of the net, not with their calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archlang.diagnostics import Diagnostic, as_json
from archlang.facts.memory import Setup
from archlang.facts.work import Totals
from archlang.highlight.spans import coloured
from archlang.ir import Graph, PartialGraph
from archlang.page.accuracy import Published, accuracy_data
from archlang.page.blocks import blocks_data
from archlang.page.occurrences import COLUMNS, Occurrences, occurrences_of
from archlang.page.timeline import timeline_data
from archlang.report import Mode, report
from archlang.report.columns import heading
from archlang.report.facts import ReportFacts
from archlang.report.making import layer_rows
from archlang.source import Source
from archlang.why import Whys

PAGE_VERSION = 1


@dataclass(frozen=True, slots=True)
class PageSetup:
    """What is counted: a batch of this many images, in evaluation or in training; `dtype` replaces float dtypes."""

    batch: int = 1
    dtype: str | None = None
    mode: Mode = "eval"
    optimizer: str = "momentum"


def page_data(
    graph: Graph,
    sources: Mapping[str, Source],
    setup: PageSetup | None = None,
    published: Published | None = None,
) -> dict[str, Any]:
    """Return the data of a net's page. `sources` are the texts shown beside it, the spec's own first.

    `published` is the accuracy of the net's published weights, if it is a shipped one.
    """
    setup = setup or PageSetup()
    made = report(graph, setup.batch, setup.dtype, setup.mode)
    runs = [Setup(setup.batch, setup.dtype, mode, setup.optimizer) for mode in ("training", "inference")]
    return {
        **_net_data(graph, occurrences_of(made.layers, made.facts, Whys(graph)), sources, setup),
        "memory": [timeline_data(graph, run) for run in runs],
        "accuracy": accuracy_data(made.totals, published),
    }


def partial_data(
    known: PartialGraph, sources: Mapping[str, Source], setup: PageSetup | None = None
) -> dict[str, Any]:  # fmt: skip
    """Return the data of the page of a wrong net: what is known of it, and its mistakes. It has no sums."""
    setup, net = setup or PageSetup(), known.drawing
    facts = ReportFacts(net, setup.batch, setup.dtype, setup.mode == "train")
    return {
        **_net_data(net, occurrences_of(layer_rows(facts), facts, Whys(net)), sources, setup),
        "partial": True,
        "memory": [],
        "accuracy": accuracy_data(Totals(), None),
        "problems": problems_data(known.mistakes),
    }


def _net_data(
    graph: Graph, occurrences: Occurrences, sources: Mapping[str, Source], setup: PageSetup
) -> dict[str, Any]:  # fmt: skip
    files = {name: at for at, name in enumerate(sources)}
    blocks = blocks_data(graph, occurrences, files)
    return {
        "version": PAGE_VERSION,
        "name": graph.name,
        "arguments": " ".join(f"{name}={value}" for name, value in graph.arguments.items()),
        "batch": setup.batch,
        "mode": setup.mode,
        "dtype": setup.dtype,
        "columns": [[name, heading(name)] for name in COLUMNS],
        "blocks": blocks,
        "summaries": list(occurrences.summaries),
        "files": files_data(sources),
    }


def empty_data(name: str) -> dict[str, Any]:
    """Return the data of a page without a net: its spec has never been valid."""
    block: dict[str, Any] = {
        "name": name,
        "arguments": "",
        "inputs": [],
        "outputs": [],
        "types": "",
        "nodes": [],
        "entries": [],
    }
    return {
        "version": PAGE_VERSION,
        "name": name,
        "arguments": "",
        "batch": 1,
        "mode": "eval",
        "dtype": None,
        "columns": [[name, heading(name)] for name in COLUMNS],
        "blocks": [block],
        "summaries": [],
        "files": [],
        "memory": [],
        "accuracy": accuracy_data(Totals(), None),
        "problems": [],
    }


def files_data(sources: Mapping[str, Source]) -> list[dict[str, object]]:
    """Return the files with their lines in coloured parts: class and text in turn."""
    return [
        {"name": name, "lines": [[text for part in line for text in part] for line in coloured(source.text)]}
        for name, source in sources.items()
    ]


def problems_data(found: Sequence[Diagnostic]) -> list[dict[str, object]]:
    """Return errors and warnings as the page lists them."""
    return [as_json(one) for one in found]
