"""How far a step travels: `python -m benchmarks.hops` counts the files that take part in elaborating one step.

A net is elaborated with the step and without it, under a profiler. What the step adds is counted: the files of
`archlang/elaborate` in which a function runs, and the crossings, each change from one file of it to another, by a call
or by a return.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from archlang.elaborate import elaborate
from archlang.parse import parse
from archlang.source import Source

FOLDER = str(Path(__file__).parent.parent / "archlang" / "elaborate")
BLOCK = "block unit(width, act=relu) { conv 3x3 width -> act }"
STEPS = {"conv 3x3 64": "conv 3x3 64", "a block call": "unit 16"}


@dataclass(frozen=True)
class Way:
    """What one step adds: the files, the crossings between them, and the most frequent of these."""

    files: frozenset[str]
    crossings: int
    edges: Counter[tuple[str, str]]


def way(step: str) -> Way:
    """Return what a step adds to the elaboration of a net."""
    edges = _edges(step)
    edges.subtract(_edges(""))
    added = Counter({edge: count for edge, count in edges.items() if count > 0})
    return Way(frozenset(file for edge in added for file in edge), added.total(), added)


def _edges(step: str) -> Counter[tuple[str, str]]:
    """Return the changes of file while a net with this step is elaborated, the second time."""
    source = Source("spec.arch", f"{BLOCK}\nnet n {{\n  input x: 3x8x8\n  conv 3x3 8\n  {step}\n  output\n}}\n")
    file, wrong = parse(source)
    assert not wrong
    elaborate(file, "n")
    edges: Counter[tuple[str, str]] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "return"):
            inner, outer = _file_of(frame), _file_of(_caller(frame))
            if inner and outer and inner != outer:
                edges[(outer, inner) if event == "call" else (inner, outer)] += 1

    sys.setprofile(profile)
    try:
        elaborate(file, "n")
    finally:
        sys.setprofile(None)
    return edges


def _caller(frame: FrameType) -> FrameType | None:
    """Return the nearest caller that is a function of the folder."""
    outer = frame.f_back
    while outer is not None and not _file_of(outer):
        outer = outer.f_back
    return outer


def _file_of(frame: FrameType | None) -> str:
    name = frame.f_code.co_filename if frame is not None else ""
    return str(Path(name).relative_to(FOLDER)) if name.startswith(FOLDER) else ""


def main() -> None:
    for what, step in STEPS.items():
        found = way(step)
        sys.stdout.write(f"{what}: {len(found.files)} files, {found.crossings} crossings\n")
        if "-v" in sys.argv:
            sys.stdout.writelines(
                f"  {count:3} {one} -> {other}\n" for (one, other), count in found.edges.most_common()
            )


if __name__ == "__main__":
    main()
