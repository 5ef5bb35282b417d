"""The arguments in which two layers differ, each as the language writes it."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.diff.changes import ArgumentChange
from archlang.diff.tree import USUAL, attributes
from archlang.ir import Layer
from archlang.ir.open_arguments import open_arguments
from archlang.ops.written import argument


def argument_changes(before: Layer, after: Layer) -> Iterator[ArgumentChange]:
    """Yield the arguments of one operator that differ, and other attributes of the layers: ties, reuse, training.

    Arguments of different operators are not compared. Those that are made of sizes when the net runs are compared by
    how they are made.
    """
    if before.op.word == after.op.word:
        made = open_arguments(before.node, before.block), open_arguments(after.node, after.block)
        for name in type(before.op).model_fields:
            values = getattr(before.op, name), getattr(after.op, name)
            if made[0].get(name) != made[1].get(name) or (values[0] != values[1] and name not in made[0]):
                written = (argument(value, before.op.positional.get(name)) for value in values)
                yield ArgumentChange(name, *(one.get(name, text) for one, text in zip(made, written, strict=True)))
    said = {**USUAL, **attributes(before)}, {**USUAL, **attributes(after)}
    for name in dict.fromkeys((*said[0], *said[1])):
        if said[0].get(name) != said[1].get(name):
            yield ArgumentChange(name, said[0].get(name, ""), said[1].get(name, ""))
