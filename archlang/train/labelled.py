"""Nets that return more than their outputs: the labelled values that a loss compares."""

from __future__ import annotations

from collections.abc import Iterable

from archlang.diagnostics import Rejected
from archlang.ir import Block, Graph, Port


def returning(graph: Graph, names: Iterable[str]) -> Graph:
    """Return the net with these labels as further outputs. Names of inputs, and those that it returns, change nothing.

    Raises `Rejected` for a value inside a block, which the net itself cannot return.
    """
    root = graph.root
    ports = {port.name for port in (*root.inputs, *root.outputs)}
    more: list[Port] = []
    for name in dict.fromkeys(names):
        if name in ports:
            continue
        if name not in root.labels:
            help = "give it out of its block, and name it in the net"
            raise Rejected("loss-does-not-fit", f"`{name}` is inside a block, where no loss reaches it", help=help)
        more.append(Port(name=name, value=root.labels[name], training=_in_training_only(root, root.labels[name])))
    if not more:
        return graph
    changed = root.model_copy(update={"outputs": (*root.outputs, *more)})
    return graph.model_copy(update={"blocks": (*graph.blocks[:-1], changed)})


def _in_training_only(block: Block, value: int) -> bool:
    """Return whether a value exists in training alone."""
    return any(value in outputs for outputs in block.training_only)
