"""What a block being built contains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archlang import ir
from archlang.diagnostics import Label
from archlang.ir.partial import Stop
from archlang.shapes import TensorType
from archlang.source import Span

MapSizes = tuple[int, ...]  # of a map


@dataclass
class Contents:
    """What a block contains, including the blocks inlined in it: values by number, nodes, scopes, labels."""

    types: list[TensorType] = field(default_factory=list[TensorType])
    origins: list[Span] = field(default_factory=list[Span])  # where each value is made
    turns: list[Callable[[], Label] | None] = field(default_factory=list["Callable[[], Label] | None"])  # of a loop
    positions: dict[int, MapSizes] = field(default_factory=dict[int, MapSizes])  # values that are positions in a map
    tables: dict[int, tuple[float, ...]] = field(default_factory=dict[int, tuple[float, ...]])  # whole numbers, known
    used: set[int] = field(default_factory=set[int])
    nodes: list[ir.OpNode | ir.CallNode] = field(default_factory=list["ir.OpNode | ir.CallNode"])
    scopes: list[str] = field(default_factory=list[str])
    dotted: bool = False  # whether a label has dots
    labels: dict[str, int] = field(default_factory=dict[str, int])
    freezes: dict[str, Span] = field(default_factory=dict[str, Span])  # by path
    layers: int = 0
    stops: dict[tuple[Span, tuple[int, ...]], Stop] = field(  # where the walk stopped at a mistake
        default_factory=dict[tuple[Span, tuple[int, ...]], Stop]
    )
    alike: list[ir.Guard] = field(default_factory=list[ir.Guard])  # of inputs: sizes of one name
