"""The peak of `archlang memory` against torch's allocator, operator by operator: `python -m benchmarks.peak`.

Each case of `peak_cases.py` is one net, run as a step of training (momentum) and as an inference, float32, eager, on
the CPU. Two figures are compared: what is alive between calls, and the highest the allocator reaches, with what single
kernels take and free by themselves (tests/allocator.py measures both). `--only WORD` runs the cases whose name has
that word, `--nets` the whole nets, `--worst` prints only what is off by more than 1%. `--size 1` and `--size 2` are
other sizes of the operators; `--check` ends with 1 unless 95% are within 0.1% without scratch, and all within 1%.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archlang.compiler import Net, load
from archlang.facts.memory import Setup, memory
from archlang.facts.memory.setup import MODES
from archlang.facts.untold import UnknownFact
from archlang.ir import Graph
from benchmarks.peak_cases import NETS, operator_cases
from tests.allocator import images, inference, training
from tests.specs import graph_of


@dataclass(frozen=True, slots=True)
class Row:
    """A net and a mode: what is told and measured in bytes, alive and at the peak."""

    name: str
    mode: str
    alive: int
    alive_told: int
    peak: int
    peak_told: int
    known: bool

    @property
    def error(self) -> float:
        """Relative, of what is alive."""
        return self.alive_told / self.alive - 1

    @property
    def peak_error(self) -> float:
        """Relative, of the peak."""
        return self.peak_told / self.peak - 1

    def __str__(self) -> str:
        alive = f"{self.alive:,} | {self.alive_told:,} | {self.error:+.2%}{'' if self.known else ' (a lower bound)'}"
        peak = f"{self.peak:,} | {self.peak_told:,} | {self.peak_error:+.2%}"
        return f"| {' '.join(self.name.split())} | {self.mode} | {alive} | {peak} |"


def rows(name: str, graph: Graph, batch: int) -> Iterator[Row]:
    """Yield the rows of one net."""
    for mode in MODES:
        try:
            told = memory(graph, Setup(batch, mode=mode))
        except UnknownFact as unknown:
            sys.stdout.write(f"| {name} | {mode} | {unknown} |\n")
            continue
        module, inputs = Net(graph).module(seed=0), images(graph, batch)
        if mode == "inference":
            found = inference(module, inputs)
        elif not told.by_kind.get("optimizer state"):
            continue  # nothing is trained
        else:
            found = training(graph, module, inputs, "momentum")
        peak = told.with_scratch_bytes
        yield Row(name, mode, found.peak_bytes, told.peak_bytes, found.with_scratch_bytes, peak, not told.untold)


def summary(found: Sequence[Row]) -> tuple[str, bool]:
    """Return the share of operators within 0.1% and within 1%, without scratch, and whether the bars are met."""
    worst: dict[str, float] = {}
    for row in found:
        name = " ".join(row.name.split())
        worst[name] = max(worst.get(name, 0.0), abs(row.error))
    near, near_enough = (sum(error <= bar for error in worst.values()) for bar in (0.001, 0.01))
    line = f"{len(worst)} operators, without scratch: {near} within 0.1%, {near_enough} within 1%"
    return line, near >= 0.95 * len(worst) and near_enough == len(worst)


def _cases(only: str, nets: bool, size: int) -> Iterator[tuple[str, Graph, int]]:
    for case in () if nets else operator_cases(size):
        if only in case.name:
            yield case.name, graph_of(case.text), case.batch
    for name, (text, batch) in NETS.items() if nets else ():
        if only in name:
            yield name, graph_of(text) if text.startswith("net ") else load(text).graph, batch


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = ArgumentParser(description="the peak of archlang memory against torch's allocator")
    parser.add_argument("--only", default="", help="the cases whose name has this word")
    parser.add_argument("--nets", action="store_true", help="whole nets instead of single operators")
    parser.add_argument("--worst", action="store_true", help="only what is off by more than 1%%")
    parser.add_argument("--size", type=int, default=0, choices=(0, 1, 2), help="of three sizes of the operators")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the bars are met")
    given = parser.parse_args(words)
    found: list[Row] = []
    sys.stdout.write("| net | step | alive, bytes | told | error | peak, bytes | told | error |\n")
    sys.stdout.write("|---|---|---:|---:|---:|---:|---:|---:|\n")
    for name, graph, batch in _cases(given.only, given.nets, given.size):
        for row in rows(name, graph, batch):
            found.append(row)
            if not given.worst or max(abs(row.error), abs(row.peak_error)) > 0.01:
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()
    line, is_right = summary(found)
    sys.stdout.write(f"\n{line}\n")
    return 0 if is_right or not given.check else 1


if __name__ == "__main__":
    raise SystemExit(main())
