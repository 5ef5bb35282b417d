"""`archlang memory` against torch's allocator, for the nets of `memory_cases.py`: `python -m benchmarks.memory`.

Each net is run in a process of its own: a step of training with SGD with momentum, one with Adam, and an inference,
float32, eager, on the CPU, with random weights and images. What one operator's call allocates and frees by itself is
left out of both figures, and told beside them (tests/allocator.py). `--held-out` and `--tuned` run one of the lists;
`--autocast` runs those of torch.autocast in bfloat16, with momentum.

Prints Markdown; docs/benchmarks/memory.md is its output with a date. `--check` exits with 1 where a bar is missed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.memory_cases import AUTOCAST, AUTOCAST_HELD_OUT, HELD_OUT, TUNED

MEDIAN, WORST = 0.001, 0.01  # the bars: relative errors
MODES = {"": ("momentum", "adam", "inference"), "bfloat16": ("momentum", "inference")}  # with autocast of what


@dataclass(frozen=True, slots=True)
class Row:
    """A net and what it ran: bytes at the peak as measured, as predicted, and as measured with scratch."""

    net: str
    batch: int
    mode: str
    measured: int
    predicted: int
    with_scratch: int

    @property
    def error(self) -> float:
        """Relative, above 0 where too much is predicted."""
        return self.predicted / self.measured - 1

    @property
    def scratch(self) -> float:
        """By how much the peak is higher with scratch."""
        return self.with_scratch / self.measured - 1


def rows(net: str, batch: int, autocast: str | None = None) -> Iterator[Row]:
    """Yield the rows of one net, measured here; with autocast of that dtype around forward and loss."""
    from archlang.compiler import load
    from archlang.facts.memory import Setup, memory
    from tests.allocator import images, inference, training

    found = load(net)
    module, inputs = found.module(seed=0), images(found.graph, batch)
    for mode in MODES[autocast or ""]:
        if mode == "inference":
            measured = inference(module, inputs, autocast)
            setup = Setup(batch, mode="inference", autocast=autocast)
        else:
            measured = training(found.graph, module, inputs, mode, autocast=autocast)
            setup = Setup(batch, optimizer=mode, autocast=autocast)
            module.zero_grad()
        told = memory(found.graph, setup)
        yield Row(net, batch, mode, measured.peak_bytes, told.peak_bytes, measured.with_scratch_bytes)


def measured(cases: Sequence[tuple[str, int]], autocast: bool) -> Iterator[Row]:
    """Yield the rows of all cases, each net in a process of its own."""
    for net, batch in cases:
        command = [sys.executable, "-m", "benchmarks.memory", "--case", net, str(batch)]
        command += ["--autocast"] if autocast else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                sys.stderr.write(f"{line}\n")
                yield Row(**json.loads(line))


def table(title: str, found: Sequence[Row]) -> Iterator[str]:
    """Yield the rows as Markdown, and what they come to."""
    yield f"## {title}\n"
    yield "| net | batch | step | measured bytes | predicted bytes | error | scratch beside |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    for row in found:
        yield (
            f"| {row.net} | {row.batch} | {row.mode} | {row.measured:,} | {row.predicted:,} | {row.error:+.5%} "
            f"| {row.scratch:.1%} |"
        )
    yield ""
    for name, part in (
        ("training", [row for row in found if row.mode != "inference"]),
        ("inference", [row for row in found if row.mode == "inference"]),
    ):
        errors = [abs(row.error) for row in part]
        yield f"{name}: median error {median(errors):.5%}, worst {max(errors):.5%} of {len(part)}\n"


def main() -> int:
    """Measure and print; the exit status."""
    parser = ArgumentParser(description="archlang memory against torch's allocator")
    parser.add_argument("--case", nargs=2, metavar=("NET", "BATCH"), help="one net alone, as lines of JSON")
    parser.add_argument("--held-out", action="store_true", help="the held-out list alone")
    parser.add_argument("--tuned", action="store_true", help="the other list alone")
    parser.add_argument("--autocast", action="store_true", help="under torch.autocast in bfloat16")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    arguments = parser.parse_args()
    if arguments.case:
        for row in rows(arguments.case[0], int(arguments.case[1]), "bfloat16" if arguments.autocast else None):
            sys.stdout.write(f"{json.dumps(asdict(row))}\n")
        return 0
    tuned, held_out = (AUTOCAST, AUTOCAST_HELD_OUT) if arguments.autocast else (TUNED, HELD_OUT)
    lists = {"Held out": held_out} if arguments.held_out else {"Tuned on": tuned} if arguments.tuned else {}
    right = True
    for title, cases in (lists or {"Tuned on": tuned, "Held out": held_out}).items():
        found = list(measured(cases, arguments.autocast))
        sys.stdout.write("\n".join(table(title, found)) + "\n")
        for part in (True, False):
            errors = [abs(row.error) for row in found if (row.mode == "inference") == part]
            right = right and median(errors) <= MEDIAN and max(errors) <= WORST
    return 0 if right or not arguments.check else 1


if __name__ == "__main__":
    raise SystemExit(main())
