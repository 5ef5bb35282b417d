"""The Graph: the meaning of a spec. Every shape is known, every hyperparameter has its value, and blocks are kept.

A Graph holds blocks. A block is elaborated once for each set of arguments and input types. A node applies an operator
or calls a block, as one calls a function. Values are numbered within their block: first its inputs, then the outputs of
its nodes, in order. Paths within a block are relative to it.
"""

from __future__ import annotations

from archlang.ir.graph import VERSION, Graph, json_schema
from archlang.ir.layers import Layer
from archlang.ir.module_names import MODULE_ATTRIBUTES
from archlang.ir.names import check_names, check_path
from archlang.ir.nodes import (
    FACTS,
    OPPOSITE,
    Block,
    CallNode,
    Comparison,
    Guard,
    Node,
    OpNode,
    Port,
    Promise,
    Start,
    is_at,
    join_path,
    values_of,
)
from archlang.ir.partial import PartialGraph

__all__ = [
    "FACTS", "MODULE_ATTRIBUTES", "OPPOSITE", "VERSION", "Block",
    "CallNode", "Comparison", "Graph", "Guard", "Layer", "Node", "OpNode", "PartialGraph", "Port", "Promise", "Start",
    "check_names", "check_path", "is_at", "join_path", "json_schema", "values_of",
]  # fmt: skip
