"""Expressions with sizes that are open: what keeps them open, and what they are compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archlang import syntax as s
from archlang.elaborate.evaluating.parts import as_text, placed
from archlang.elaborate.state.builtins import compute, keeps_open, limited
from archlang.elaborate.state.kinds import Given, Value
from archlang.elaborate.state.open_sizes import fixed, guard
from archlang.elaborate.state.session import Here
from archlang.formulas import ARITHMETIC
from archlang.open_numbers import OpenFloat, OpenInt, OpenText, closed, is_open, joined
from archlang.source import Span

_NUMBERS = (int, float, OpenInt, OpenFloat)


def open_binary(node: s.Binary, left: Value, right: Value, here: Here) -> Value:
    """Compute with sizes that are open. A comparison of two numbers is a condition on sizes; arithmetic keeps them open
    except in powers.
    """
    are_numbers = type(left) in _NUMBERS and type(right) in _NUMBERS and node.operator != "**"
    are_lists = node.operator == "+" and isinstance(left, tuple) and isinstance(right, tuple)
    if not (are_numbers or are_lists):
        left, right = fixed(left, node.left.span, here), fixed(right, node.right.span, here)
    sign = node.operator
    if are_numbers and sign in ARITHMETIC:  # a decimal on the left would not ask the size on its right
        return placed(node.span, lambda: limited(lambda: joined(sign, left, right), f"`{sign}`"))
    result = placed(node.span, lambda: compute(sign, left, right))
    if isinstance(result, bool) and isinstance(left, (int, float)) and isinstance(right, (int, float)):
        guard(sign, left, right, result, node.span, here)
    return result


@dataclass(frozen=True, slots=True)
class Hole:
    """The value that fills a hole of a string, and its place."""

    value: Value
    span: Span


def filled(parts: Sequence[str | Hole], here: Here) -> str:
    """Return a string with its holes filled. A size after `=` stays open, one in another place does not."""
    text, opened = "", dict[int, tuple[OpenInt, Span]]()
    for part in parts:
        if isinstance(part, Hole) and isinstance(part.value, OpenInt):
            opened[len(text)] = part.value, part.span
        if isinstance(part, Hole) and isinstance(part.value, OpenFloat):
            fixed(part.value, part.span, here)
        text += part if isinstance(part, str) else as_text(closed(part.value), part.span)
    numbers: list[int] = []
    for found in re.finditer(r"=(\d+)", text) if opened else ():
        number, _ = opened.get(found.start(1), (None, None))
        is_whole = number is not None and found[1] == str(int(number))
        numbers.append(opened.pop(found.start(1))[0] if is_whole else int(found[1]))
    for number, span in opened.values():
        fixed(number, span, here)
    return OpenText(text, numbers) if is_open(tuple(numbers)) else text


def taken(function: str, given: Sequence[Given], here: Here) -> list[Value]:
    """Return the values that a function of the language takes. Sizes stay open if the result keeps its formula."""
    values = [argument.value for argument in given]
    if not here.session.has_open_sizes or keeps_open(function, values):
        return values
    return [fixed(argument.value, argument.at, here) for argument in given]
