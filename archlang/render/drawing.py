"""The picture of a Graph as DOT: a node for each operator, a cluster for each scope and call, shapes on the edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import count, pairwise
from re import sub
from textwrap import wrap
from typing import TYPE_CHECKING

from archlang.diagnostics import Diagnostic
from archlang.ir import Block, Graph, OpNode
from archlang.ir.partial import is_wrong
from archlang.ir.unknown import UNKNOWN
from archlang.ops.base import Operator
from archlang.ops.written import arguments
from archlang.packages import need
from archlang.program import Call, Program, Region, program_of
from archlang.render.looks import RANKS, Direction
from archlang.render.told import WIDE, listed, short_lines, wrong_totals

if TYPE_CHECKING:
    import graphviz

# Graphviz 14 lays out 3,000 operators in a second; reading is the limit. A column of 300 boxes is 20,000 points long,
# which a PNG of 144 dots an inch can no longer hold, and blocks that repeat say more where they are drawn once.
FOLD_ABOVE = 300

# laid out by the first, which is wider than most: an SVG is shown in the first of these that its reader has
FONT = "Open Sans,Helvetica,Arial,sans-serif"
INK, FAINT, LINE = "#1f2933", "#7b8794", "#52606d"

_GRAPH = {"nodesep": "0.35", "ranksep": "0.32", "fontname": FONT, "fontsize": "14", "fontcolor": INK,
          "labelloc": "t", "pad": "0.2", "bgcolor": "white"}  # fmt: skip
_NODE = {"shape": "box", "style": "rounded,filled", "fontname": FONT, "fontsize": "11", "fontcolor": INK,
         "margin": "0.17,0.06", "height": "0.34", "penwidth": "1"}  # fmt: skip
_EDGE = {"fontname": FONT, "fontsize": "9", "fontcolor": LINE, "color": LINE, "arrowsize": "0.6"}
_CLUSTER = {"style": "rounded,filled", "color": "#c3ccd5", "fillcolor": "#f5f7fa", "fontsize": "11",
            "fontcolor": INK, "labeljust": "l", "margin": "12"}  # fmt: skip

_END = {"fillcolor": "#323f4b", "color": "#323f4b", "fontcolor": "white"}  # an input or output of the net
_WEIGHTED = {"fillcolor": "#d8e6f5", "color": "#5b85b5"}  # an operator that has weights
_JOIN = {"fillcolor": "#fbeccb", "color": "#c79a3b"}  # an operator that brings several values together
_PLAIN = {"fillcolor": "white", "color": "#9aa5b1"}
_WRONG = {"fillcolor": "#fdeef0", "color": "#b00020", "penwidth": "2"}  # the place of a mistake
_RED = "#b00020"  # the letters of what is wrong
_CALL = {"fillcolor": "#e9e4f3", "color": "#8672b0", "peripheries": "2"}  # a block that is drawn elsewhere


@dataclass(slots=True)
class _Cluster:
    """A box around nodes while it is being filled. `scopes` are the labelled braces within it, by name."""

    label: str
    nodes: list[tuple[str, str, dict[str, str]]] = field(default_factory=list[tuple[str, str, dict[str, str]]])
    inner: list[_Cluster] = field(default_factory=list["_Cluster"])
    scopes: dict[str, _Cluster] = field(default_factory=dict[str, "_Cluster"])


@dataclass(slots=True)
class _Sheet:
    """What has been drawn so far: numbers given to nodes, edges, and the blocks drawn, where each is drawn `once`."""

    program: Program
    once: bool
    numbers: Iterator[int] = field(default_factory=count)
    edges: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    drawn: set[str] = field(default_factory=set[str])


def dot(
    graph: Graph, title: str | None = None, direction: Direction = "down", mistakes: Sequence[Diagnostic] = ()
) -> str:
    """Return the DOT of a net. Repeats become `×N`; above `FOLD_ABOVE` operators each block is drawn once.

    What is drawn of a wrong net has its `mistakes` below its name.
    """
    need("graphviz", "pictures are written by")
    import graphviz

    program = program_of(graph)
    sheet = _Sheet(program, once=_operators(program) > FOLD_ABOVE)
    page = _Cluster("<br/>".join([_bold(graph.name if title is None else title), *_listed(mistakes)]))
    root = graph.root
    given = {port.value: _add_node(sheet, page, _bold(port.name), _END) for port in root.inputs}
    _draw(sheet, page, program.root, given)
    for port in root.outputs:
        end = _add_node(sheet, page, _bold(port.name) + (_faint(" when training") if port.training else ""), _END)
        _add_edge(sheet, root, given, port.value, end)
    picture = graphviz.Digraph(
        "net",
        graph_attr={**_GRAPH, "rankdir": RANKS[direction], "label": f"<{page.label}>"},
        node_attr=_NODE,
        edge_attr=_EDGE,
    )
    _emit(picture, page, count())
    for tail, head, shape in sheet.edges:
        picture.edge(tail, head, label=f" {shape} ")  # pyright: ignore[reportUnknownMemberType]
    for before, one in _loose(sheet):
        picture.edge(before, one, style="invis")  # pyright: ignore[reportUnknownMemberType]
    source: str = picture.source
    return source


def _loose(sheet: _Sheet) -> Iterator[tuple[str, str]]:
    """Yield what is linked to nothing, such as the place of a mistake, behind what is drawn before it."""
    linked = {name for tail, head, _ in sheet.edges for name in (tail, head)}
    for before, one in pairwise(f"n{at}" for at in range(next(sheet.numbers))):
        if one not in linked:
            yield before, one


def _draw(sheet: _Sheet, around: _Cluster, region: Region, given: dict[int, str]) -> None:
    """Draw the entries of a region. `given` says which drawn node gives a value; it is filled as they are drawn."""
    for run in region.runs():
        first = run[0]
        if isinstance(first, Region):
            _draw(sheet, _braces(around, first.name or ""), first, given)
            continue
        calls = [call for call in run if isinstance(call, Call)]
        if first.callee is not None and (not sheet.once or first.callee not in sheet.drawn):
            inside = around if first.name is None and len(calls) == 1 else _cluster(around, _call_label(sheet, calls))
            results = _draw_open(sheet, inside, first.callee, [given[value] for value in first.inputs])
        else:
            label, style = _operator(first) if first.callee is None else (_call_label(sheet, calls), _CALL)
            drawn = _add_node(sheet, around, label, style)
            for value in first.inputs:
                _add_edge(sheet, region.block, given, value, drawn)
            results = [drawn] * len(first.outputs)
        for call in calls:
            given.update(zip(call.outputs, results, strict=True))


def _draw_open(sheet: _Sheet, inside: _Cluster, callee: str, sources: list[str]) -> list[str]:
    """Draw what a called block holds, and say which drawn nodes give its outputs."""
    region = sheet.program.regions[callee]
    sheet.drawn.add(callee)
    given = dict(zip(region.inputs, sources, strict=True))
    _draw(sheet, inside, region, given)
    return [given[port.value] for port in region.block.outputs]


def _braces(around: _Cluster, name: str) -> _Cluster:
    """Return the cluster of braces; make it if it is missing."""
    if name not in around.scopes:
        around.scopes[name] = _cluster(around, _bold(name))
    return around.scopes[name]


def _operator(call: Call) -> tuple[str, dict[str, str]]:
    assert isinstance(call.node, OpNode)
    op = call.node.op
    if is_wrong(call.node):
        return _place_of_mistake(op), _WRONG
    label = " ".join([_bold(op.word), *map(_text, arguments(op))])
    style = _JOIN if op.join else _PLAIN if call.is_stateless else _WEIGHTED
    return (label if call.name is None else f"{_faint(call.name)}&#160; {label}"), style


def _place_of_mistake(op: Operator) -> str:
    lines = short_lines(str(getattr(op, "told", "")))
    return "<br/>".join([_bold(str(getattr(op, "text", ""))), *map(_red, lines)])


def _listed(mistakes: Sequence[Diagnostic]) -> list[str]:
    """Return the lines below the name of a wrong net."""
    if not mistakes:
        return []
    told = [line for mistake in listed(mistakes) for line in wrap(mistake, 2 * WIDE)]
    return [_faint(wrong_totals(mistakes)), *map(_red, told)]


def _call_label(sheet: _Sheet, run: list[Call]) -> str:
    first, last = run[0], run[-1]
    block = sheet.program.regions[first.callee or ""].block
    label = _bold(block.name) + (f" ×{len(run)}" if len(run) > 1 else "")
    names = list(dict.fromkeys(name for name in (first.name, last.name) if name is not None))
    return f"{_faint('–'.join(names))}&#160; {label}" if names else label


def _cluster(around: _Cluster, label: str) -> _Cluster:
    inner = _Cluster(label)
    around.inner.append(inner)
    return inner


def _add_node(sheet: _Sheet, where: _Cluster, label: str, style: dict[str, str]) -> str:
    name = f"n{next(sheet.numbers)}"
    where.nodes.append((name, label, style))
    return name


def _add_edge(sheet: _Sheet, block: Block, given: dict[int, str], value: int, head: str) -> None:
    type = block.types[value]
    sheet.edges.append((given[value], head, "unknown" if type == UNKNOWN else str(type)))


def _emit(picture: graphviz.Digraph, cluster: _Cluster, numbers: Iterator[int]) -> None:
    import graphviz

    for name, label, style in cluster.nodes:
        picture.node(name, label=f"<{label}>", **style)  # pyright: ignore[reportUnknownMemberType]
    for inner in cluster.inner:
        # spaces make the cluster twice as wide as its label, so that the edge that enters midway does not cross it
        spaces = "&#160;" * (5 + 2 * len(sub("<[^>]*>|&[^;]*;", "", inner.label)))
        attributes = {**_CLUSTER, "label": f"<{inner.label}{spaces}>"}
        below = graphviz.Digraph(f"cluster_{next(numbers)}", graph_attr=attributes)
        _emit(below, inner, numbers)
        picture.subgraph(below)  # pyright: ignore[reportUnknownMemberType]


def _operators(program: Program) -> int:
    """Return how many operators there are to draw, calls expanded, repeats once."""
    counts: dict[str, int] = {}
    for name, region in program.regions.items():
        counts[name] = _drawn(region, counts)
    return list(counts.values())[-1]  # the net's own region stands last


def _drawn(region: Region, counts: Mapping[str, int]) -> int:
    firsts = [run[0] for run in region.runs()]
    return sum(
        _drawn(first, counts) if isinstance(first, Region) else counts[first.callee] if first.callee else 1
        for first in firsts
    )


def _text(words: str) -> str:
    """Return text for an HTML-like label: markup is escaped, and unprintable characters are written out.

    Graphviz reads XML and then still replaces `\\N` by the node's name, so that backslashes are doubled.
    """
    if not words:
        return "&#160;"  # an empty element is an error
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return escape(printable.replace("\\", "\\\\"))


def _bold(words: str) -> str:
    return f"<b>{_text(words)}</b>"


def _red(words: str) -> str:
    return f'<font color="{_RED}">{_text(words)}</font>'


def _faint(words: str) -> str:
    return f'<font color="{FAINT}">{_text(words)}</font>'
