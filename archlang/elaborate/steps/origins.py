"""Traces where the values in a message come from, back through loops and calls."""

from __future__ import annotations

from archlang.diagnostics import Label
from archlang.elaborate.state.builder import Builder
from archlang.elaborate.state.kinds import Tensor
from archlang.elaborate.state.session import Here
from archlang.source import Span

MAX_PLACES = 4  # shown for one value: where it is made, and the blocks that it passes through


def sides(inputs: tuple[Tensor, ...], span: Span, here: Here) -> tuple[Label, ...]:
    """Return a label for the origin of each value that flows in, unless it is on the same line as `span`."""
    labels: list[Label] = []
    for tensor in inputs:
        if here.builder.contents.origins[tensor.value].line != span.line or len(inputs) > 1:
            labels += _story(tensor, here)
    return tuple(dict.fromkeys(labels))


def _story(tensor: Tensor, here: Here) -> list[Label]:
    """Return labels for the place where a value is made. For an input of a block, the caller's places follow."""
    builder, value, labels = here.builder, tensor.value, list[Label]()
    while len(labels) < MAX_PLACES:
        entry = builder.entry
        if entry is not None and entry.inlined:
            builder = entry.caller  # an inlined block uses the values of its caller
            continue
        at = next((at for at, port in enumerate(builder.inputs) if port.value == value), None)
        where = f" from here{_turn(builder, value, here)}"
        if at is not None:
            where = f", the input of `{builder.definition.name.text}`"
        labels.append(Label(builder.contents.origins[value], f"{tensor.type}{where}"))
        if at is None or entry is None:
            break
        builder, value = entry.caller, entry.inputs[at].value
    return labels


def _turn(builder: Builder, value: int, here: Here) -> str:
    """Name the turn of a loop in which a value was made, unless the message already names it."""
    turn = builder.contents.turns[value]
    return "" if turn is None or any(turn is told for told in here.session.trace) else f", {turn().text}"
