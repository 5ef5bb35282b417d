"""The card of a net: its inputs, outputs and totals, its figure, and its parts with their sums."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from archlang.cards import card, table_html
from archlang.diagnostics import Rejected
from archlang.ir import Graph

MOST = 30  # parts that are listed


def net_card(graph: Graph) -> str:
    """Return the card as HTML."""
    from archlang.why import why

    root = graph.root
    whole = why(graph).scope
    assert whole is not None
    inputs = ", ".join(f"{port.name} {root.types[port.value]}" for port in root.inputs)
    outputs = ", ".join(f"{port.name} {root.types[port.value]}" for port in root.outputs)
    rows = [
        (part.name or f"({part.what})", part.what, ", ".join(map(str, part.outputs)), part.params, part.macs)
        for part in whole.parts[:MOST]
    ]
    rest = whole.parts[MOST:]
    if rest:
        rows.append(
            (f"and {len(rest)} more", "", "", sum(part.params for part in rest), sum(part.macs for part in rest))
        )
    lines = (
        f"{whole.params:,} parameters, {whole.macs:,} MACs for one image",
        f"{inputs} → {outputs}",
    )
    headings = ("part", "is", "output", "parameters", "MACs")
    table = table_html(headings, rows, ("sum", "", "", whole.params, whole.macs), numbers=2)
    return card(graph.name, lines, *_figure(graph), table)


def _figure(graph: Graph) -> list[str]:
    """Return the figure as an image within the card; none where Graphviz is not installed."""
    from archlang.render import picture

    try:
        drawn = picture(graph, "svg")
    except Rejected:
        return []
    data = b64encode(drawn).decode()
    return [f'<img alt="{escape(f"Figure of {graph.name}")}" src="data:image/svg+xml;base64,{data}">']
