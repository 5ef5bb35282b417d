"""The arguments in which two layers differ, each as the language writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from archlang.diff.changes import ArgumentChange
from archlang.diff.tree import USUAL, attributes
from archlang.ir import Layer
from archlang.ops.base import Operator
from archlang.shapes import Window


def argument_changes(before: Layer, after: Layer) -> Iterator[ArgumentChange]:
    """The arguments of one operator that differ, and what else is told of the layers: ties, reuse, training.

    Arguments of different operators are not compared.
    """
    if before.op.word == after.op.word:
        for name in type(before.op).model_fields:
            values = getattr(before.op, name), getattr(after.op, name)
            if values[0] != values[1]:
                yield ArgumentChange(name, *(_written(value, before.op.positional.get(name)) for value in values))
    said = {**USUAL, **attributes(before)}, {**USUAL, **attributes(after)}
    for name in dict.fromkeys((*said[0], *said[1])):
        if said[0].get(name) != said[1].get(name):
            yield ArgumentChange(name, said[0].get(name, ""), said[1].get(name, ""))


def _written(value: object, kind: str | None = None) -> str:
    """A value: true and false in lower case, a window as `3x3`, any other tuple as a list; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Operator):
        given = (f"{name}={_written(getattr(value, name))}" for name in sorted(value.model_fields_set))
        return f"{value.word}({', '.join(given)})" if value.model_fields_set else value.word
    if isinstance(value, str):
        return value if value.isidentifier() else f'"{value}"'
    if isinstance(value, Sequence):
        items = cast("Sequence[object]", value)
        if kind == "window":
            return str(Window(cast("tuple[int, ...]", value)))
        return f"[{', '.join(map(_written, items))}]"
    return str(value)
