"""The help of joins if one map lost borders: the steps with the padding that keeps the size."""

from __future__ import annotations

from archlang import ir
from archlang.elaborate.state.kinds import Tensor
from archlang.elaborate.state.session import Here
from archlang.ops.written import arguments


def that_keep_the_size(inputs: tuple[Tensor, ...], here: Here) -> str | None:
    """Return the steps to write if the maps differ only by lost borders.

    None if they do not differ in their sides, or if a smaller map was made within a block, or by a step that is small
    on purpose: one with a stride that is written.
    """
    maps = [tensor for tensor in inputs if "n" in tensor.type.axes and len(tensor.type.shape) > 2]
    sides = sorted({tensor.type.shape[2:] for tensor in maps})
    if len(sides) < 2 or len({tensor.type.axes for tensor in maps}) > 1:
        return None
    small = [tensor for tensor in maps if tensor.type.shape[2:] != sides[-1]]
    found = [_on_the_way(tensor.value, sides[-1], here) for tensor in small]
    if not all(found):
        return None
    *steps, last = dict.fromkeys(f"`{step}`" for steps in found for step in steps)
    return f"{', '.join(steps)} and {last} keep the size" if steps else f"{last} keeps the size"


def _on_the_way(value: int, wanted: tuple[int, ...], here: Here) -> list[str]:
    """Return the steps, in their order, which made this map smaller than wanted, so written that they keep the size.

    Empty if one of them cannot, or if no map of that size comes first.
    """
    contents, steps = here.builder.contents, list[str]()
    made_by = {output: node for node in contents.nodes for output in node.outputs}
    while contents.types[value].shape[2:] != wanted:
        node = made_by.get(value)
        if not isinstance(node, ir.OpNode) or len(node.inputs) != 1:
            return []
        (value,) = node.inputs
        before = contents.types[value]
        if len(before.shape) < 3 or "n" not in before.axes:
            return []
        if contents.types[node.outputs[0]].shape[2:] != before.shape[2:]:
            kept = node.op.keeping(before)
            if kept is None:
                return []
            steps.insert(0, " ".join([kept.word, *arguments(kept)]))
    return steps
