"""How the parser grows: `python -m benchmarks.parse` parses nets of 10,000 and of 100,000 written steps in turn."""

from __future__ import annotations

import re
import resource
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from archlang.limits import raised
from archlang.parse import parse
from archlang.source import Source

SMALL = 10_000  # steps
TIMES = 10
STEPS_OF_A_BLOCK = 10


@dataclass(frozen=True)
class Growth:
    """Seconds of CPU for `SMALL` steps and for `TIMES` as many, and their ratio: the medians over pairs of parses."""

    small: float
    large: float
    ratio: float


def flat(steps: int) -> str:
    """Return one net, its steps written one after the other."""
    return _net(["conv 3x3 8 pad=1 -> relu"] * (steps // 2))


def blocks(steps: int) -> str:
    """Return a net of many blocks of ten steps, each called once."""
    body = "  conv 3x3 width pad=1 -> relu\n" * (STEPS_OF_A_BLOCK // 2)
    numbers = range(steps // STEPS_OF_A_BLOCK)
    declared = "".join(f"block b{number}(width) {{\n{body}}}\n" for number in numbers)
    return declared + _net([f"b{number} 8" for number in numbers])


def _net(lines: list[str]) -> str:
    return "\n  ".join(["net written {", "input image: 3x32x32", *lines, "output"]) + "\n}\n"


SHAPES: dict[str, Callable[[int], str]] = {"flat": flat, "blocks": blocks}


def growth(shape: Callable[[int], str], pairs: int) -> Growth:
    """Parse the two sizes one right after the other, `pairs` times; the text must be right."""
    small, large = Source("small.arch", shape(SMALL)), Source("large.arch", shape(SMALL * TIMES))
    _seconds(small)
    measured = [(_seconds(small), _seconds(large)) for _ in range(pairs)]
    middle = statistics.median
    ratio = middle(large / small for small, large in measured)
    return Growth(middle(small for small, _ in measured), middle(large for _, large in measured), ratio)


def _seconds(source: Source) -> float:
    start = process_time()
    with raised(words=10**7):
        file, diagnostics = parse(source)
    taken = process_time() - start
    assert file.declarations and not diagnostics
    return taken


def main() -> None:
    """Print a line for the shape asked for, or for each: `flat 0.40 s 4.03 s ratio 10.1 peak 247 MiB`."""
    parser = ArgumentParser(prog="python -m benchmarks.parse", description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append")
    parser.add_argument("--pairs", type=int, default=3)
    chosen = parser.parse_args()
    for name in chosen.shape or SHAPES:
        found = growth(SHAPES[name], chosen.pairs)
        line = f"{name} {found.small:.2f} s {found.large:.2f} s ratio {found.ratio:.1f} peak {peak():.0f} MiB"
        sys.stdout.write(f"{line}\n")


def peak() -> float:
    """Return the most memory that this process had, in MiB, without the memory of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
