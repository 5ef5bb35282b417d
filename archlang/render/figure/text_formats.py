"""A figure as DOT and as Mermaid: what is in it and how it is linked, for others to lay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archlang.render.figure.model import Figure, Node, Panel
from archlang.render.figure.themes import FONT, colours
from archlang.render.looks import RANKS, Direction

_SHAPES = {"join": "circle", "dot": "point", "port": "box", "box": "box", "block": "box"}
_MERMAID = {"join": ("((", "))"), "dot": ("((", "))"), "port": ("([", "])"), "box": ("(", ")"), "block": ("[[", "]]")}


def figure_dot(figure: Figure, direction: Direction = "right", dark: bool = False) -> str:
    """Return the figure as DOT: a cluster for the overview and for each inset."""
    return "\n".join(["digraph figure {", *_dot_lines(figure, RANKS[direction], colours(dark)), "}"]) + "\n"


def _dot_lines(figure: Figure, way: str, paints: Mapping[str, str]) -> Iterator[str]:
    title = _quoted("\n".join(("  ".join(filter(None, (figure.name, figure.totals))), *figure.mistakes)))
    ink, line = f'fontcolor="{paints["ink"]}"', f'color="{paints["link"]}"'
    page = f'bgcolor="{paints["page"]}", {ink}'
    yield f"  graph [rankdir={way}, compound=true, label={title}, labelloc=t, fontname={_quoted(FONT)}, {page}];"
    yield f'  node [fontname={_quoted(FONT)}, fontsize=11, style="rounded,filled", {ink}];'
    yield f"  edge [fontname={_quoted(FONT)}, fontsize=9, {line}, {ink}];"
    for at, panel in enumerate((figure.overview, *figure.insets)):
        label = _quoted("  ".join(filter(None, (panel.name, panel.note)))) if at else '""'
        yield f"  subgraph cluster_{at} {{"
        yield f'    label={label}; color="{paints["frame"]}";'
        for node in panel.nodes:
            style = "rounded,filled,dashed" if node.dashed else "rounded,filled"
            fill, line = paints[node.fill], paints["line wrong" if node.red else f"line {node.family}"]
            ink = f', fontcolor="{paints["inverse"]}"' if node.kind == "port" else ""
            words = _quoted(chr(10).join(_rows(node)))
            yield (
                f"    p{at}_{node.key} [label={words}, tooltip={_quoted(node.title)}, shape={_SHAPES[node.kind]}, "
                f'style="{style}", fillcolor="{fill}", color="{line}"{ink}];'
            )
        for link in panel.links:
            style = ", style=dashed" if link.dashed else ""
            label = f"label={_quoted(link.label)}" if not at else 'label=""'
            yield f"    p{at}_{link.tail} -> p{at}_{link.head} [{label}{style}];"
        for before, key in panel.loose:
            yield f"    p{at}_{before} -> p{at}_{key} [style=invis];"
        yield "  }"


def _rows(node: Node) -> list[str]:
    return [" ".join(text.words for text in row) for row in node.rows]


def _quoted(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def mermaid(figure: Figure, direction: Direction = "right", dark: bool = False) -> str:
    """Return the figure as a Mermaid flowchart, a subgraph for the overview and for each inset."""
    return "\n".join(_mermaid_lines(figure, RANKS[direction], colours(dark))) + "\n"


def _mermaid_lines(figure: Figure, way: str, paints: Mapping[str, str]) -> Iterator[str]:
    yield f"flowchart {way}"
    for at, panel in enumerate((figure.overview, *figure.insets)):
        yield f'  subgraph p{at}["{_plain(panel.name if at else f"{figure.name}: {figure.totals}")}"]'
        yield f"    direction {way}"
        yield from _mermaid_panel(panel, at, paints)
        yield "  end"
    for at, mistake in enumerate(figure.mistakes):
        yield f'  mistake{at}["{_plain(mistake)}"]:::wrong'
    families = {node.family for panel in (figure.overview, *figure.insets) for node in panel.nodes}
    for family in sorted(families | ({"wrong"} if figure.mistakes else set())):
        ink = paints["inverse" if family == "port" else "ink"]
        fill, line = paints[f"fill {family}"], paints[f"line {family}"]
        yield f"  classDef {_word(family)} fill:{fill},stroke:{line},color:{ink}"
    yield "  classDef optional stroke-dasharray:5 3"


def _mermaid_panel(panel: Panel, at: int, paints: Mapping[str, str]) -> Iterator[str]:
    for node in panel.nodes:
        start, end = _MERMAID[node.kind]
        words = "<br/>".join(map(_plain, _rows(node))) or " "
        yield f'    p{at}_{node.key}{start}"{words}"{end}:::{_word(node.family)}'
        if node.share is not None:
            yield f"    style p{at}_{node.key} fill:{paints[node.fill]}"
        if node.dashed:
            yield f"    class p{at}_{node.key} optional"
    for link in panel.links:
        label = f'|"{_plain(link.label)}"|' if not at and link.label else ""
        yield f"    p{at}_{link.tail} {'-.->' if link.dashed else '-->'}{label} p{at}_{link.head}"
    for before, key in panel.loose:
        yield f"    p{at}_{before} ~~~ p{at}_{key}"


def _word(family: str) -> str:
    return family.replace(" ", "_").replace("-", "_")


def _plain(words: str) -> str:
    """Return words without what Mermaid would read as its own."""
    return words.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
