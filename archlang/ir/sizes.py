"""Checks the formulas of a Graph, which compute numbers from sizes that are only known when the net runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlang.formulas import MOST_PARTS, Formula, SizeOf, parts, value_at
from archlang.ir.nodes import Block, Guard, OpNode
from archlang.open_numbers import numbers_in

if TYPE_CHECKING:
    from archlang.ir.graph import Graph


def check_sizes(graph: Graph) -> None:
    """Raise ValueError if a formula reads a value before it exists, or does not give the number at the default."""
    for block in graph.blocks:
        for node in block.nodes:
            made = min(node.outputs, default=0)
            if isinstance(node, OpNode) and node.sizes:
                _arguments(node, block, made)
            _guards(node.guards, block, made)
        _guards(block.guards, block, len(block.types))


def _arguments(node: OpNode, block: Block, made: int) -> None:
    for name, formulas in node.sizes.items():
        value = getattr(node.op, name) if name in node.op.open_arguments else None
        numbers = numbers_in(value)
        if len(formulas) != len(numbers) or any(
            _value(one, block, made) != number for one, number in zip(formulas, numbers, strict=True)
        ):
            raise ValueError(f"{node.path}: the sizes that make `{name}` of {node.op.word} do not give its value")


def _guards(guards: Sequence[Guard], block: Block, made: int) -> None:
    for guard in guards:
        left, right = _value(guard.left, block, made), _value(guard.right, block, made)
        if not guard.holds(left, right):
            raise ValueError(f"{block.id}: {left} {guard.comparison} {right} does not hold at the default")


def _value(formula: Formula, block: Block, made: int) -> float:
    """Return the number that a formula gives at the default; it takes sizes of values before the value `made`."""
    for count, part in enumerate(parts(formula), 1):
        if count > MOST_PARTS:
            raise ValueError(f"{block.id}: a formula is too long")
        if isinstance(part, SizeOf) and not _is_there(part, block, made):
            raise ValueError(f"{block.id}: a formula uses a size that does not exist")
    try:
        return value_at(formula, lambda size: block.types[size.value].shape[size.axis])
    except (ZeroDivisionError, OverflowError, ValueError):
        raise ValueError(f"{block.id}: a formula divides by 0, or gives no number") from None


def _is_there(size: SizeOf, block: Block, made: int) -> bool:
    is_made = 0 <= size.value < min(made, len(block.types))
    return is_made and 1 <= size.axis < len(block.types[size.value].shape)
