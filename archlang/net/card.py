"""The card of a net: its inputs, outputs and totals, and its parts with their shares."""

from __future__ import annotations

from archlang.cards import card, table_html
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
    return card(graph.name, lines, table_html(headings, rows, ("sum", "", "", whole.params, whole.macs), numbers=2))
