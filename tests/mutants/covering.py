"""Which test runs which line, found out once by a run of all tests under `coverage`, and how long each test takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import process_time

import coverage
import pytest

from tests.mutants.faults import ROOT, Fault

PACKAGE = ROOT / "archlang"


@dataclass(frozen=True, slots=True)
class Covering:
    """The tests that run each line of each file, by name, and the seconds of processor time that each test takes."""

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests(self, fault: Fault) -> list[str]:
        """The tests that run the line of a fault, the fastest first."""
        found = self.lines.get(fault.name, {}).get(fault.line, [])
        return sorted(found, key=lambda test: (self.seconds[test], test))


@dataclass(slots=True)
class _Clock:
    """A plugin: what each test that passes takes, and the context in which coverage notes its lines."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failed: set[str] = field(default_factory=set[str])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        start = process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = process_time() - start
            self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def covering(tests: Iterable[str], folder: Path) -> Covering:
    """The lines that the tests run; from the folder, where it was noted there for these very sources."""
    words = list(tests)
    noted = folder / f"{_digest(words)}.json"
    if not noted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(noted, _recorded(words))
    read = json.loads(noted.read_text(encoding="utf-8"))
    names: list[str] = read["tests"]
    lines = {
        path: {int(line): [names[at] for at in found] for line, found in rows.items()}
        for path, rows in read["lines"].items()
    }
    return Covering(lines, read["seconds"])


def _write(noted: Path, found: Covering) -> None:
    names = list(found.seconds)
    numbers = {name: at for at, name in enumerate(names)}
    lines = {
        path: {line: [numbers[name] for name in tests] for line, tests in rows.items()}
        for path, rows in found.lines.items()
    }
    noted.write_text(json.dumps({"tests": names, "seconds": found.seconds, "lines": lines}), encoding="utf-8")


def _digest(words: list[str]) -> str:
    told = sha256(repr(words).encode())
    helpers = (path for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_"))
    chosen = (ROOT / word for word in words if word.endswith(".py"))
    for path in sorted([*PACKAGE.rglob("*.py"), *helpers, *chosen]):
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def _recorded(tests: list[str]) -> Covering:
    """Run the tests in a process of their own, so that this one imports nothing of the package."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w", encoding="utf-8") as out:
            json.dump(_run(tests), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as received:
        lines, seconds = json.load(received)
    os.waitpid(child, 0)
    return Covering({path: {int(line): found for line, found in rows.items()} for path, rows in lines.items()}, seconds)


def _run(tests: list[str]) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
    measured = coverage.Coverage(data_file=None, include=[f"{PACKAGE}/*"])
    clock = _Clock(measured)
    measured.start()
    pytest.main([*tests, "-q", "-p", "no:cacheprovider", "-p", "no:randomly"], plugins=[clock])
    measured.stop()
    data = measured.get_data()
    passed = clock.seconds.keys() - clock.failed
    found: dict[str, dict[int, list[str]]] = {}
    for path in data.measured_files():
        contexts = data.contexts_by_lineno(path)
        rows = {line: [test for test in tests if test in passed] for line, tests in contexts.items()}
        found[str(Path(path).relative_to(ROOT))] = rows
    return found, {test: clock.seconds[test] for test in passed}
