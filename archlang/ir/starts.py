"""Checks the initial weights that a Graph names. The elaborator refuses a wrong initialiser earlier, at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ir.nodes import OpNode
from archlang.ops.fans import refuse_fans
from archlang.ops.initialisers import refuse_start

if TYPE_CHECKING:
    from archlang.ir.graph import Graph


def check_starts(graph: Graph) -> None:
    """Raise ValueError if an initialiser is given for a weight that does not exist, or does not fit its weight."""
    for block in graph.blocks:
        for node in block.nodes:
            if not isinstance(node, OpNode) or not node.starts:
                continue
            weights = {w.name: w for w in node.op.weights(*block.types_of(node.inputs)) if not w.buffer}
            for name, start in node.starts.items():
                if name not in weights or name in node.ties or node.module is not None:
                    raise ValueError(f"{node.path} has no weight of its own called {name!r} to initialise")
                try:
                    refuse_start(start.word, start.values, weights[name].shape)
                    refuse_fans(start.word, start.values, weights[name].fans)
                except Rejected as rejected:
                    raise ValueError(f"{node.path}: {rejected.message}") from None
