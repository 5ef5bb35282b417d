"""The figure of a Graph: its overview, the insets of its blocks, and the families for the legend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from archlang.diagnostics import Diagnostic
from archlang.facts.work import Counts, count
from archlang.ir import Graph
from archlang.ops.law import FAMILIES
from archlang.program import Scope
from archlang.render.figure.items import Item, Shelf
from archlang.render.figure.labels import Labels, block_name, type_text
from archlang.render.figure.letters import Letters
from archlang.render.figure.model import HEAD, Figure, Link, Node, Panel, Text
from archlang.render.figure.names import distinct, through
from archlang.render.figure.panels import Ends, panel
from archlang.render.figure.words import si
from archlang.render.looks import Cost
from archlang.render.told import listed, wrong_totals
from archlang.structure import Piece, structure_of
from archlang.structure.alike import numbers
from archlang.structure.folding import Unit

MOST_INSETS = 12
DENSE = "dense: each takes what all before it give, side by side"
MISSING = -1  # no value


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a figure is asked to show: `depth` levels opened, these paths opened, boxes coloured by a cost."""

    depth: int | None = None
    expanded: tuple[str, ...] = ()
    costs: Cost | None = None
    title: str | None = None
    mistakes: tuple[Diagnostic, ...] = ()


def figure_of(graph: Graph, wanted: Wanted) -> Figure:
    """Return the figure of a net; of a wrong one, its `mistakes` stand in the place of the counts."""
    shelf = Shelf(structure_of(graph))
    counts = count(graph)
    items = shelf.overview(wanted.depth, wanted.expanded)
    overview = panel(shelf, items, _net_ends(shelf), Labels(shelf, counts, costs=wanted.costs), "overview")
    insets = _insets(shelf, counts, items, wanted.costs)
    panels = (overview, *insets)
    known = {node.family for each in panels for node in each.nodes}
    families = tuple(family for family in FAMILIES if family in known and family not in ("join", "layout"))
    name = graph.name if wanted.title is None else wanted.title
    totals = wrong_totals(wanted.mistakes) if wanted.mistakes else totals_of(shelf, counts)
    return Figure(name, totals, overview, tuple(insets), families, listed(wanted.mistakes))


def totals_of(shelf: Shelf, counts: Counts) -> str:
    """Return what stands beside the name of a net: its parameters, multiply-accumulates and inputs."""
    net, flow = counts.net, shelf.structure.flow
    inputs = " and ".join(type_text(flow, at) for at, _ in enumerate(flow.graph.root.inputs))
    return f"{net.params:,} parameters, {si(net.macs)} MACs" + (f", {inputs}" if inputs else "")


def _net_ends(shelf: Shelf) -> Ends:
    root, tree = shelf.structure.flow.graph.root, shelf.structure.flow.tree
    entering = [
        _port(f"i{at}", port.name, f"input {port.name} · {type_text(shelf.structure.flow, at)}")
        for at, port in enumerate(root.inputs)
    ]
    leaving: list[Node] = []
    for at, (port, value) in enumerate(zip(root.outputs, tree.outputs, strict=True)):
        title = f"output {port.name} · {type_text(shelf.structure.flow, value)}"
        name = f"{port.name} when training" if port.training else port.name
        leaving.append(_port(f"o{at}", name, title, port.training))
    return Ends([range(len(root.inputs))], [tree.outputs], entering, leaving)


def _port(key: str, name: str, title: str, dashed: bool = False) -> Node:
    return Node(key, "port", "port", ((Text(name, HEAD, True, "inverse"),),), title, dashed)


@dataclass(slots=True)
class _Inset:
    """A block that gets an inset: its name, and its units by the rows of its table."""

    name: str
    groups: list[tuple[Piece, str]]


def _insets(shelf: Shelf, counts: Counts, items: Sequence[Item], costs: Cost | None) -> list[Panel]:
    """Return the insets of the blocks that these items show closed, and of those within them."""
    found: list[Panel] = []
    drawn: set[str] = set()
    rest = list(items)
    while rest and len(found) < MOST_INSETS:
        wanted: dict[str, _Inset] = {}
        for item in (item for item in rest if item.is_block):
            name = block_name(shelf, item)
            wanted.setdefault(name, _Inset(name, [])).groups.append((item.piece, item.name))
        rest = list[Item]()
        for name, inset in wanted.items():
            if name in drawn or len(found) == MOST_INSETS:
                continue
            drawn.add(name)
            made, inner = _inset(shelf, counts, inset, costs)
            found.append(made)
            rest += inner
    return _united(found)


def _united(panels: Sequence[Panel]) -> list[Panel]:
    """Return the insets; those that show the same are one, under all of their names."""
    found: dict[object, Panel] = {}
    for one in panels:
        nodes = tuple((node.key, node.kind, node.rows, node.dashed) for node in one.nodes)
        links = tuple((link.tail, link.head, link.dashed) for link in one.links)
        key = nodes, links, one.note, one.table
        found[key] = replace(one, name=f"{found[key].name}, {one.name}") if key in found else one
    return list(found.values())


def inset_of(shelf: Shelf, counts: Counts, piece: Piece, name: str) -> Panel:
    """Return the inset of a piece that repeats: its calls laid over each other, with letters for what varies."""
    return _inset(shelf, counts, _Inset(name, [(piece, name)]), None)[0]


def _inset(shelf: Shelf, counts: Counts, inset: _Inset, costs: Cost | None) -> tuple[Panel, list[Item]]:
    """Return the inset of a block, with all of its calls laid over each other, and the items in it."""
    units = [unit for piece, _ in inset.groups for unit in piece.units]
    inside = shelf.structure.inside(Piece((tuple(units),)))
    groups = _groups(inset)
    items = shelf.in_block(inside)
    ends = _block_ends(shelf, units)
    first = Letters(groups)
    panel(shelf, items, ends, Labels(shelf, counts, first, costs), inset.name)
    labels = Labels(shelf, counts, first.settled(), costs)
    made = panel(shelf, items, ends, labels, inset.name, _note(items, groups))
    is_dense = not made.note and _is_gathered(made) and _follow(shelf, [piece for piece, _ in inset.groups])
    return (_fanned(made) if is_dense else made), items


def _fanned(made: Panel) -> Panel:
    """Return a dense block as a fan: two of its boxes and one for the others, each linked with all before it."""
    start, box, join, end = made.nodes
    other = replace(box, key=f"{box.key}b")
    rest = replace(box, key=f"{box.key}r", rows=((Text("…", HEAD, True),),), title=f"{box.title}, again", dashed=True)
    row = (start, box, other, rest, join)
    links = (Link(one.key, another.key) for one, another in combinations(row, 2))
    return replace(made, note=DENSE, nodes=(*row, end), links=(*links, Link(join.key, end.key)))


def _is_gathered(made: Panel) -> bool:
    """Return whether a panel is one box, and a join that puts what enters and what the box gives side by side."""
    start, box, join, end = made.nodes if len(made.nodes) == 4 else (None, None, None, None)
    if start is None or box is None or join is None or end is None or join.kind != "join":
        return False
    links = {(link.tail, link.head) for link in made.links}
    wanted = {(start.key, box.key), (start.key, join.key), (box.key, join.key), (join.key, end.key)}
    return links == wanted and join.rows[0][0].words == "||"


def _follow(shelf: Shelf, pieces: Sequence[Piece]) -> bool:
    """Return whether each piece repeats, each time with what the time before gives, and with nothing else."""
    flow = shelf.structure.flow
    for piece in pieces:
        for before, after in pairwise(piece.units):
            made, own = set(flow.makes(numbers(before)[-1:])), set(flow.makes(numbers(after)))
            if not {value for value in flow.reads(numbers(after)) if value not in own} <= made:
                return False
    return all(piece.times > 1 for piece in pieces)


def _groups(inset: _Inset) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rows of the table: the name of each, and those of the calls in it."""
    paths = [[_path(unit, name) for unit in piece.units] for piece, name in inset.groups]
    calls = iter(distinct([path for row in paths for path in row]))
    names = [tuple(next(calls) for _ in row) for row in paths]
    tops = distinct([name for _, name in inset.groups]) if len(inset.groups) > 1 else [inset.groups[0][1]]
    told = [
        through(row[0], row[-1]) if _path(piece.units[0], top) == name else top
        for row, top, (piece, name) in zip(names, tops, inset.groups, strict=True)
    ]
    return list(zip(distinct(told) if len(set(told)) == len(told) > 1 else told, names, strict=True))


def _path(unit: Unit, name: str) -> str:
    return next((part.path for part in unit if isinstance(part, Scope)), name)


def _block_ends(shelf: Shelf, units: Sequence[Unit]) -> Ends:
    """Return the ends of a block: dots, which are named if there are several."""
    calls = [unit[0] for unit in units if len(unit) == 1 and isinstance(unit[0], Scope) and unit[0].call is not None]
    if len(calls) == len(units):
        return _call_ends(calls)
    flow = shelf.structure.flow
    inputs: list[list[int]] = []
    outputs: list[list[int]] = []
    for unit in units:
        layers = numbers(unit)
        made, read = set(flow.makes(layers)), Counter(flow.reads(layers))
        inputs.append(list(dict.fromkeys(value for value in flow.reads(layers) if value not in made)))
        outputs.append([value for value in flow.makes(layers) if flow.uses[value] > read[value]])
    sides = ((inputs, "input"), (outputs, "output"))
    entering, leaving = (
        _dots([f"{word} {at + 1}" for at in range(max(map(len, found)))], word) for found, word in sides
    )
    return Ends(inputs, outputs, entering, leaving)


def _call_ends(calls: Sequence[Scope]) -> Ends:
    """Return the ends of calls of one block, by the names of its inputs and outputs."""
    entering = list(dict.fromkeys(port.name for call in calls for port in call.block.inputs))
    leaving = list(dict.fromkeys(port.name for call in calls for port in call.block.outputs))
    inputs, outputs = list[list[int]](), list[list[int]]()
    for call in calls:
        given = dict(zip((port.name for port in call.block.inputs), call.inputs, strict=True))
        made = dict(zip((port.name for port in call.block.outputs), call.outputs, strict=True))
        inputs.append([given.get(name, MISSING) for name in entering])
        outputs.append([made.get(name, MISSING) for name in leaving])
    return Ends(inputs, outputs, _dots(entering, "input"), _dots(leaving, "output"))


def _dots(names: Sequence[str], word: str) -> list[Node]:
    """Return the dots at which a block begins and ends; they are named if there are several."""
    several = len(names) > 1
    return [
        Node(f"{word[0]}{at}", "dot", "port", ((Text(name, tone="faint"),),) if several else (), f"{word} {name}")
        for at, name in enumerate(names)
    ]


def _note(items: Sequence[Item], groups: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Return a sentence that says when what is dashed is there."""
    kinds = {tuple(run is not None for run in item.piece.runs) for item in items if item.piece.is_optional}
    if not kinds:
        return ""
    names = [name for _, group in groups for name in group]
    firsts = tuple(at == 0 for _, group in groups for at, _ in enumerate(group))
    if len(kinds) == 1:
        (held,) = kinds
        if held == firsts and len(names) > len(groups):
            return "dashed: only the first of each stage; elsewhere the identity"
        having = [name for name, has in zip(names, held, strict=True) if has]
        return (
            f"dashed: only in {', '.join(having)}" if len(having) <= 3 else f"dashed: in {len(having)} of {len(names)}"
        )
    return "dashed: only in some of the calls"
