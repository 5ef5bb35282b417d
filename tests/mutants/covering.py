"""Which tests run which line: each test file is run once under `coverage`, and what it runs is noted in a folder.

A line is known by its text, not by its number, so that a note stays of use while the file changes elsewhere. A test
file is run again when its own text has changed. A note that is old can only miss tests: the score is then too low.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutants.faults import ROOT, Fault

PACKAGE = ROOT / "archlang"
CORNERS = "_corners.py::"  # files of tests that were written for faults which nothing noticed
Rows = dict[str, dict[str, list[str]]]
"""The tests that run each row of each file."""


@dataclass(slots=True)
class Covering:
    """The tests that run each row of each file, by name, and the seconds of processor time that each test takes."""

    rows: Rows = field(default_factory=Rows)
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def tests(self, fault: Fault) -> list[str]:
        """Return the tests that run the line of a fault: those for faults that once survived, then the fastest first.

        A row that was not there when the tests were noted counts as the nearest one above it that was.
        """
        known = self.rows.get(fault.name, {})
        for row in reversed(fault.path.read_text(encoding="utf-8").splitlines()[: fault.line]):
            if found := known.get(row.strip()):
                return sorted(found, key=lambda test: (CORNERS not in test, self.seconds[test], test))
        return []

    def add(self, rows: Rows, seconds: dict[str, float]) -> None:
        self.seconds.update(seconds)
        for path, found in rows.items():
            ours = self.rows.setdefault(path, {})
            for row, tests in found.items():
                ours.setdefault(row, []).extend(tests)


def _spent() -> float:
    """Return seconds of processor time of this process, and of those that it has started and that have ended."""
    return sum(os.times()[:4])


@dataclass(slots=True)
class _Clock:
    """A plugin: what each test that passes takes, and the context in which coverage notes its lines."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failed: set[str] = field(default_factory=set[str])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        start = _spent()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = _spent() - start
            self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def covering(files: Iterable[str], folder: Path, jobs: int) -> Covering:
    """Return what the test files run; from the folder, for files that are noted there and have not changed since."""
    folder.mkdir(parents=True, exist_ok=True)
    words = list(files)
    with ThreadPoolExecutor(jobs) as pool:
        notes = list(pool.map(partial(_noted, folder=folder), words))
    found = Covering()
    for note in notes:
        names: list[str] = list(note["seconds"])
        rows = {
            path: {row: _chosen(names, int(bits, 16)) for row, bits in noted.items()}
            for path, noted in note["rows"].items()
        }
        found.add(rows, note["seconds"])
    return found


def _noted(file: str, folder: Path) -> Any:
    digest = sha256((ROOT / file).read_bytes()).hexdigest()[:12]
    note = folder / f"{file.replace('/', '.')}.{digest}.json"
    if not note.exists():
        _record(file, note)
    return json.loads(note.read_text(encoding="utf-8"))


def _chosen(names: Sequence[str], bits: int) -> list[str]:
    return [name for at, name in enumerate(names) if bits >> at & 1]


def _record(file: str, note: Path) -> None:
    """Run the tests in a process of their own, so that this one imports nothing of the package."""
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        rows, seconds = _run(file)
        numbers = {test: at for at, test in enumerate(seconds)}
        bits = {
            path: {row: f"{sum(1 << numbers[test] for test in tests):x}" for row, tests in found.items()}
            for path, found in rows.items()
        }
        begun = note.with_suffix(".begun")
        begun.write_text(json.dumps({"seconds": seconds, "rows": bits}), encoding="utf-8")
        begun.rename(note)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"{file} could not be run")


def _run(file: str) -> tuple[dict[str, dict[str, set[str]]], dict[str, float]]:
    measured = coverage.Coverage(data_file=None, include=[f"{PACKAGE}/*"])
    clock = _Clock(measured)
    measured.start()
    pytest.main([file, "-q", "-m", "not sweep", "-p", "no:cacheprovider"], plugins=[clock])
    measured.stop()
    data = measured.get_data()
    passed = clock.seconds.keys() - clock.failed
    rows: dict[str, dict[str, set[str]]] = {}
    for path in data.measured_files():
        text = Path(path).read_text(encoding="utf-8").splitlines()
        found = rows.setdefault(str(Path(path).relative_to(ROOT)), {})
        for line, tests in data.contexts_by_lineno(path).items():
            found.setdefault(text[line - 1].strip(), set()).update(passed.intersection(tests))
    return rows, {test: clock.seconds[test] for test in passed}
