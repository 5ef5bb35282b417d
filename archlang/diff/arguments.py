"""The arguments in which two layers differ, each as the language writes it."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.diff.changes import ArgumentChange
from archlang.diff.tree import USUAL, attributes
from archlang.ir import Layer
from archlang.ops.written import argument


def argument_changes(before: Layer, after: Layer) -> Iterator[ArgumentChange]:
    """Yield the arguments of one operator that differ, and other attributes of the layers: ties, reuse, training.

    Arguments of different operators are not compared.
    """
    if before.op.word == after.op.word:
        for name in type(before.op).model_fields:
            values = getattr(before.op, name), getattr(after.op, name)
            if values[0] != values[1]:
                yield ArgumentChange(name, *(argument(value, before.op.positional.get(name)) for value in values))
    said = {**USUAL, **attributes(before)}, {**USUAL, **attributes(after)}
    for name in dict.fromkeys((*said[0], *said[1])):
        if said[0].get(name) != said[1].get(name):
            yield ArgumentChange(name, said[0].get(name, ""), said[1].get(name, ""))
