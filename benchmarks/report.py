"""`archlang report resnet50` against torchinfo on the meta device, whole processes: `python -m benchmarks.report`.

Each round runs both, one right after the other, for each case; odd rounds run torchinfo first. The kernel's own account
of each finished process gives its CPU seconds and its peak resident memory. A ratio is the median of the ratios within
the rounds, so that a machine whose speed drifts misleads neither. Both write their tables to nowhere, and both find
their modules compiled, as pip leaves them: their bytecode lies in a folder of the run, written by a round that does
not count.

torchinfo (1.8.0, `pip install torchinfo`) must be importable; it is no dependency of archlang. It is given the net as
`archlang build` prints it, made on the meta device, so that it pays neither for torchvision nor for weights.

Prints Markdown; docs/benchmarks/report.md is its output with a date. `--check` exits with 1 where a bar is missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

FASTER, LEANER, GROWTH = 8.0, 5.0, 1.1  # the bars: times faster, times less memory, most that a larger case may cost
SPEC = Path(__file__).parent.parent / "specs" / "resnet.arch"

THEIRS = """
import sys, torch, torchinfo
sys.path.insert(0, {folder!r})
from net import Resnet50
with torch.device("meta"):
    net = Resnet50()
torchinfo.summary(net, input_size=({batch}, 3, {side}, {side}), device="meta")
"""


@dataclass(frozen=True, slots=True)
class Case:
    """Images in a batch, and the side of an image."""

    batch: int
    side: int

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.side}x{self.side}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one finished process: seconds by the clock, seconds of CPU, MiB at its peak."""

    wall: float
    cpu: float
    peak: float


CASES = (Case(1, 224), Case(256, 224), Case(1, 1024), Case(256, 1024))


def cost(command: Sequence[str], folder: Path) -> Cost:
    """Run a process to its end, its bytecode in a folder; raises CalledProcessError where it fails."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = perf_counter() - start
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**10)  # Linux gives KiB


def commands(case: Case, folder: Path) -> tuple[list[str], list[str]]:
    """Return the two processes of a case; the net's source and its specs lie in the folder."""
    spec = folder / f"resnet{case.side}.arch"
    spec.write_text(SPEC.read_text(encoding="utf-8").replace("3x224x224", f"3x{case.side}x{case.side}"), "utf-8")
    ours = [sys.executable, "-m", "archlang", "report", f"{spec}:resnet50", "--batch", str(case.batch)]
    theirs = THEIRS.format(folder=str(folder), batch=case.batch, side=case.side)
    return ours, [sys.executable, "-c", theirs]


def measure(rounds: int) -> dict[Case, list[tuple[Cost, Cost]]]:
    """Return ours and theirs, of each case, `rounds` times after one that does not count."""
    measured: dict[Case, list[tuple[Cost, Cost]]] = {case: [] for case in CASES}
    with TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [sys.executable, "-m", "archlang", "build", f"{SPEC}:resnet50", "-o", str(folder / "net.py")], check=True
        )
        for number in range(rounds + 1):
            for case, kept in measured.items():
                ours, theirs = commands(case, folder)
                if number % 2:
                    other = cost(theirs, folder)
                    pair = cost(ours, folder), other
                else:
                    pair = cost(ours, folder), cost(theirs, folder)
                if number:
                    kept.append(pair)
    return measured


@dataclass(frozen=True, slots=True)
class Ratios:
    """Of a case, the medians over its rounds: theirs over ours, and ours over ours of the first case."""

    wall: float
    cpu: float
    peak: float
    growth_wall: float
    growth_cpu: float
    growth_peak: float

    @property
    def right(self) -> bool:
        """Whether the bars are met."""
        grown = max(self.growth_cpu, self.growth_peak)
        return min(self.wall, self.cpu) >= FASTER and self.peak >= LEANER and grown <= GROWTH


def ratios(pairs: Sequence[tuple[Cost, Cost]], first: Sequence[tuple[Cost, Cost]]) -> Ratios:
    """Return the ratios of a case, round by round."""
    both = list(zip(pairs, first, strict=True))
    return Ratios(
        median(theirs.wall / ours.wall for ours, theirs in pairs),
        median(theirs.cpu / ours.cpu for ours, theirs in pairs),
        median(theirs.peak / ours.peak for ours, theirs in pairs),
        median(ours.wall / base.wall for (ours, _), (base, _) in both),
        median(ours.cpu / base.cpu for (ours, _), (base, _) in both),
        median(ours.peak / base.peak for (ours, _), (base, _) in both),
    )


def _middle(costs: Sequence[Cost]) -> str:
    wall, cpu, peak = (median(getattr(one, name) for one in costs) for name in ("wall", "cpu", "peak"))
    return f"{wall:.2f} s, {cpu:.2f} s, {peak:.0f} MiB"


HEAD = (
    "| case | archlang: clock, CPU, peak | torchinfo: clock, CPU, peak | faster by the clock | in CPU | less memory |"
    " archlang against its first case: clock, CPU, peak |\n"
    "|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the table; with `--check`, exit with 1 where a bar is missed."""
    parser = ArgumentParser(prog="python -m benchmarks.report", description="archlang report against torchinfo.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    measured = measure(chosen.rounds)
    names = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchinfo"))
    lines = [f"{chosen.rounds} rounds, Python {sys.version.split()[0]}, {names}, {os.cpu_count()} CPUs.\n", HEAD]
    found = {case: ratios(pairs, measured[CASES[0]]) for case, pairs in measured.items()}
    for case, pairs in measured.items():
        one = found[case]
        ours, theirs = _middle([pair[0] for pair in pairs]), _middle([pair[1] for pair in pairs])
        grown = f"{one.growth_wall:.2f}, {one.growth_cpu:.2f}, {one.growth_peak:.2f}"
        lines.append(f"| {case} | {ours} | {theirs} | {one.wall:.1f} | {one.cpu:.1f} | {one.peak:.1f} | {grown} |")
    sys.stdout.write("\n".join(lines) + "\n")
    if chosen.check and not all(one.right for one in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
