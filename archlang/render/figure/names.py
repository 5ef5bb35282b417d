"""Names of several calls in a row: `layer1`, `inception3a–3b`, `layer0–28`."""

from __future__ import annotations

import re
from collections.abc import Sequence


def through(first: str, last: str) -> str:
    """Return the name of a row of calls: that of the first, and what differs in that of the last."""
    if first == last:
        return first
    last = last.rpartition("–")[2] if "–" in last else last
    start, end = re.search(r"\d*[A-Za-z]?$", first), re.search(r"\d*[A-Za-z]?$", last)
    stem = first[: start.start()] if start else first
    if end and last[: end.start()] == stem:
        return f"{first.split('–', maxsplit=1)[0]}–{last.removeprefix(stem)}"
    around = first.rpartition(".")[0]
    return f"{first.split('–', maxsplit=1)[0]}–{last.removeprefix(around + '.') if around else last}"


def short(path: str, around: str) -> str:
    """Return a path without that of the scope around it; a position keeps the name before it."""
    below = path.removeprefix(around + ".") if around else path
    return ".".join(path.split(".")[-2:]) if below.isdecimal() else below


def distinct(paths: Sequence[str]) -> list[str]:
    """Return paths without the parts that all of them end with, and without those that all of them begin with."""
    parts = [path.split(".") for path in paths]
    while (
        {*map(len, parts)} - {0, 1} and len({part[-1] for part in parts}) == 1 and all(len(part) > 1 for part in parts)
    ):
        parts = [part[:-1] for part in parts]
    while all(len(part) > 1 for part in parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]
    told = [".".join(part) for part in parts]
    return paths_of(paths, told) if any(name[:1].isdecimal() for name in told) else told


def paths_of(paths: Sequence[str], told: Sequence[str]) -> list[str]:
    """Return names with the part of the path before them, where a position alone says too little."""
    first = paths[0].split(".")
    before = next((first[at - 1] for at in range(1, len(first)) if first[at] == told[0].split(".")[0]), "")
    return [f"{before}.{name}" if before else name for name in told]
