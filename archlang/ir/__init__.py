"""The Graph: what a spec means. Every shape known, every hyperparameter a value, blocks kept.

A Graph holds blocks. A block is elaborated once for each set of arguments and input types; a node either applies an
operator or calls a block, as functions are called. Values are numbered within their block: first its inputs, then what
its nodes give, in order. Paths within a block are relative to it.
"""

from __future__ import annotations

from archlang.ir.graph import VERSION, Graph, json_schema
from archlang.ir.layers import Layer
from archlang.ir.module_names import MODULE_ATTRIBUTES
from archlang.ir.names import check_label, check_names
from archlang.ir.nodes import FACTS, Block, CallNode, Node, OpNode, Port, Promise, Start, is_at, join_path

__all__ = [
    "FACTS", "MODULE_ATTRIBUTES", "VERSION", "Block", "CallNode", "Graph", "Layer", "Node", "OpNode", "Port", "Promise",
    "Start",
    "check_label", "check_names", "is_at", "join_path", "json_schema",
]  # fmt: skip
