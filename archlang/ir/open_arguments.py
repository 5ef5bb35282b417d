"""The arguments of a step that depend on sizes when a net runs, as the language writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archlang.formulas import Formula, SizeOf, is_size, written
from archlang.ir.nodes import Block, OpNode
from archlang.shapes import AXIS_WORDS


def open_arguments(node: OpNode, block: Block) -> dict[str, str]:
    """Return the arguments whose numbers the module computes: `{"size": "[it.height // 2, kept.width]"}`.

    `it` is the input of the step; other values have their label, or the path of their step.
    """
    found: dict[str, str] = {}
    for name, formulas in node.sizes.items():
        texts = [written(formula, lambda size: _size(size, node, block)) for formula in formulas]
        value = getattr(node.op, name)
        if isinstance(value, str):
            found[name] = _in_pattern(value, formulas, texts)
        else:
            found[name] = f"[{', '.join(texts)}]" if isinstance(value, tuple) else texts[0]
    return found


def _in_pattern(pattern: str, formulas: Sequence[Formula], texts: Sequence[str]) -> str:
    """Return a pattern with holes for the sizes that are open: `"n (h={it.height // 2} a) -> n h a"`."""
    left = iter(zip(formulas, texts, strict=True))

    def hole(number: re.Match[str]) -> str:
        formula, text = next(left)
        return f"={{{text}}}" if is_size(formula) else number[0]

    filled = re.sub(r"=\d+", hole, pattern)
    return f'"{filled}"'


def _size(size: SizeOf, node: OpNode, block: Block) -> str:
    """Return a size as a spec asks for it: `kept.height`, or `kept.shape[2]` along an axis without a word."""
    axis = block.types[size.value].axes[size.axis]
    word = AXIS_WORDS.get(axis)
    return f"{_value(size.value, node, block)}.{word or f'shape[{size.axis}]'}"


def _value(value: int, node: OpNode, block: Block) -> str:
    if node.inputs == (value,):
        return "it"
    ports = [port.name for port in block.inputs if port.value == value]
    labels = sorted((label for label, named in block.labels.items() if named == value), key=len)
    paths = (made.path for made in block.nodes if value in made.outputs)
    return next(iter([*ports, *labels, *paths]), "it")
