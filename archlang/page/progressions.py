"""Lists that repeat, written short: what the layers of a block have at each of its calls.

Numbers in a row that grow by equal steps become one entry, so that the calls of one block take as much room as one. The
page reads both notations in `web/src/progressions.ts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Written = str | int | None | list[list[object]]

_NUMBER = re.compile(r"0|[1-9]\d*")
_HOLE = "\x00"


def numbers(values: Sequence[int | None]) -> Written:
    """Return the value if all are equal, otherwise `[first, step, count]` for each run of equal steps."""
    runs: list[list[object]] = []
    at = 0
    while at < len(values):
        first, end, step = values[at], at + 1, 0
        if first is None:
            while end < len(values) and values[end] is None:
                end += 1
        elif end < len(values) and (after := values[end]) is not None:
            step = after - first
            while end < len(values) and values[end] == first + step * (end - at):
                end += 1
        runs.append([first, step if end - at > 1 else 0, end - at])
        at = end
    if len(runs) == 1 and not runs[0][1]:
        return values[0]
    return runs


def texts(values: Sequence[str]) -> Written:
    """Return the text if all are equal, otherwise `[template, count, firsts, steps]` for each run.

    A template has a zero character for each number; the numbers of a run grow by equal steps.
    """
    if len(set(values)) <= 1:
        return values[0] if values else ""
    split = [(_NUMBER.sub(_HOLE, text), [int(found) for found in _NUMBER.findall(text)]) for text in values]
    runs: list[list[object]] = []
    at = 0
    while at < len(split):
        template, first = split[at]
        end = at + 1
        steps = [0] * len(first)
        if end < len(split) and split[end][0] == template:
            steps = [after - before for before, after in zip(first, split[end][1], strict=True)]
            while end < len(split) and split[end] == (template, _after(first, steps, end - at)):
                end += 1
        runs.append([template, end - at, first, steps])
        at = end
    return runs


def _after(first: Sequence[int], steps: Sequence[int], times: int) -> list[int]:
    return [start + step * times for start, step in zip(first, steps, strict=True)]
