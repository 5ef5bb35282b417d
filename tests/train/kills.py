"""Kills runs, resumes them, and holds them against a run that was left alone: `python -m tests.train.kills`.

Some die at a random moment, others within a write, which stops when a part of the file is on the disk, when all of it
is, or when it has its name. A run that was killed goes on until it ends; then the next one begins, until there were
enough kills. All must end with the same weights, the same state of the optimiser and the same table.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import torch

import archlang.train.running
from archlang.recipes import Evaluated
from archlang.train.data import open_data
from archlang.train.running import Where, run
from archlang.train.transforming import transformed
from tests.train.recipes import lines_of, recipe_of
from tests.train.test_running import assert_equal

RECIPE = lines_of(
    augment="augment randomcrop 8 padding=1",
    schedule="schedule onecycle max_lr=0.1 by=step",
    metric="metric accuracy",
    ema="ema 0.9",
).replace("flatten ->", "flatten -> dropout 0.3 ->")
STAGES = ("half written", "written, without its name", "renamed")
MOST_WRITES = 40  # of one try that go well before the one in which it dies


class Draws:
    """Random numbers of a seed."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def below(self, most: int) -> int:
        """Return a number from 0 to before `most`."""
        return int(torch.randint(most, (), generator=self.generator))

    def share(self) -> float:
        """Return a number from 0 to 1."""
        return float(torch.rand((), generator=self.generator))


def die() -> None:
    """End this process as the system would: nothing of it runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_within_a_write(stage: str, write: int, share: float) -> None:
    """Have this process die within its write number `write`, with a share of the file on the disk."""
    count = 0
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        nonlocal count
        is_file = stat.S_ISREG(os.fstat(handle).st_mode)  # and not a folder, whose names are written
        count += is_file
        if is_file and count == write and stage == STAGES[0]:
            os.ftruncate(handle, int(os.fstat(handle).st_size * share))
            die()
        fsync(handle)

    def replaced(source: str, target: str) -> None:
        if count >= write and stage == STAGES[1]:
            die()
        replace(source, target)
        if count >= write and stage == STAGES[2]:
            die()

    os.fsync, os.replace = synced, replaced  # type: ignore[assignment]


def in_child(made: Evaluated, folder: Path, prepare: Callable[[], None]) -> int:
    """Start a run, or go on with it, in a process of its own; return its number."""
    child = os.fork()
    if child == 0:
        try:
            prepare()
            run(made.recipe, made.graph, Where(folder, resume=True), {})
            os._exit(0)
        except BaseException:  # noqa: BLE001  a copy of this process must not go on as this one does
            traceback.print_exc()
            os._exit(1)
    return child


def ended(child: int) -> bool:
    """Wait for a process; return whether it ran to its end. Any other end than that and SIGKILL is a failure."""
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"a run ended with {code}")
    return code == 0


def killed_at_random(made: Evaluated, folder: Path, seconds: float) -> bool:
    """Let a run go on for so long, and kill it; return whether it was still running then."""
    child = in_child(made, folder, lambda: None)
    until = monotonic() + seconds
    while monotonic() < until:
        sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return not ended(child)


def killed_in_a_write(made: Evaluated, folder: Path, draws: Draws) -> bool:
    """Let a run go on until it dies within a write; return whether it came so far."""
    stage, write, share = STAGES[draws.below(len(STAGES))], 1 + draws.below(MOST_WRITES), draws.share()
    return not ended(in_child(made, folder, lambda: die_within_a_write(stage, write, share)))


def kills(count: int, within: int, seed: int, folder: Path) -> str:
    """Kill runs so many times, of which `within` are within a write, and compare each with one that was left alone."""
    archlang.train.running.SAVED_EVERY = 0.02
    made, draws = recipe_of(RECIPE), Draws(seed)
    transformed(made.recipe, open_data(made.recipe.data, None))  # the children have what this imports
    torch.optim.SGD([torch.zeros(1)])  # and this, which imports most of torch
    start = monotonic()
    assert ended(in_child(made, folder / "whole", lambda: None))
    seconds = monotonic() - start
    left = {"at random": count - within, "in a write": within}
    runs, one = 0, folder / "0"
    while any(left.values()):
        how = "in a write" if draws.below(sum(left.values())) < left["in a write"] else "at random"
        was_killed = (
            killed_in_a_write(made, one, draws)
            if how == "in a write"
            else killed_at_random(made, one, draws.share() * seconds)
        )
        left[how] -= was_killed
        if not was_killed or not any(left.values()):
            assert ended(in_child(made, one, lambda: None))
            assert_equal(folder / "whole", one)
            assert not list(one.glob(".archlang-*")), "a kill left a file behind"
            runs += 1
            one = folder / str(runs)
    return f"{count} kills, {within} of them within a write, in {runs} runs: each ended as the one that was left alone"


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.train.kills", description="Kill runs, resume them, compare them.")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--within-writes", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        sys.stdout.write(kills(chosen.count, chosen.within_writes, chosen.seed, Path(folder)) + "\n")


if __name__ == "__main__":
    main()
