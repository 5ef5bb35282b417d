"""Long benchmarks in slices: a process for each case with bounds of its own, and rows that are kept in a file."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SECONDS, ADDRESSES = 300, 12 * 2**30  # of one process
# imported once for all of them
IMPORTED = ["torch.profiler", "archlang.compiler", "archlang.lower", "archlang.facts.memory", "tests.allocator"]

Task = Callable[[int], "DataclassInstance"]


def run(task: Task, wanted: Sequence[int], file: Path) -> None:
    """Run these cases, each in a process of its own, and keep what each returns, or why it failed, as a line."""
    for number in wanted:
        found = alone(task, number)
        line = json.dumps({"number": number, "failed": found} if isinstance(found, str) else found)
        sys.stderr.write(f"{line}\n")
        with file.open("a", encoding="utf-8") as to:
            to.write(f"{line}\n")


def alone(task: Task, number: int) -> dict[str, object] | str:
    """Return what a case returns in a process of its own, or why there is nothing."""
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_bounded, args=(send, task, number))
    process.start()
    send.close()
    try:
        found = receive.recv() if receive.poll(SECONDS) else f"it took more than {SECONDS} seconds"
    except EOFError:
        process.join()
        found = f"the process ended with {process.exitcode}"
    process.kill()
    process.join()
    return found


def _bounded(send: Connection, task: Task, number: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    send.send(asdict(task(number)))


def kept(file: Path) -> list[dict[str, Any]]:
    """Return the rows that a file keeps, the last one of each number; makes the file's folder if there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = {row["number"]: row for row in map(json.loads, lines)}
    return [rows[number] for number in sorted(rows)]


def part_of(numbers: Sequence[int], part: str) -> list[int]:
    """Return the slice `2/8` of the numbers: every eighth, from the second on. `0/1` is none.

    Raises ValueError for other words.
    """
    at, of = map(int, part.split("/"))
    if part == "0/1":
        return []
    if not 1 <= at <= of:
        raise ValueError(f"a slice is one of 1/{of} to {of}/{of}, not {part}")
    return list(numbers[at - 1 :: of])
