"""A fault planted in a process of its own, and the tests that must notice it."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

import pytest

from tests.mutants.faults import ROOT, Fault

HEAVY = ("torch", "numpy", "lark", "pydantic", "networkx", "scipy.optimize")  # imported once for all
PATIENCE = 3  # times the processor time that the tests take otherwise
GRACE = 20  # seconds for imports
MEMORY = 6 << 30  # bytes; a fault may take away a limit
IDLE = 20  # times as much by the clock on the wall: what waits takes no processor time

_NO_TESTS = 5  # of those asked for: they are no longer there
_BROKEN = "pytest itself failed: "


class _Planted(SourceFileLoader):
    """Loads one module with a fault in it."""

    def __init__(self, name: str, fault: Fault, text: str) -> None:
        super().__init__(name, str(fault.path))
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the module that has a fault."""

    def __init__(self, fault: Fault) -> None:
        parts = fault.path.relative_to(ROOT).with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self._fault, self._text = fault, fault.planted()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        spec.loader = _Planted(fullname, self._fault, self._text)
        return spec


class _Killer:
    """A plugin that chooses the tests, and writes the name of the one that fails."""

    def __init__(self, out: int, tests: Sequence[str]) -> None:
        self._out = out
        self._tests = tests

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._out, report.nodeid.encode())

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            os.write(self._out, b"collection")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that are asked for, in the order in which they are asked for.

        One that is asked for is a test, all cases of a function, or all tests of a file.
        """
        found: dict[str, list[pytest.Item]] = {}
        for item in items:
            for name in dict.fromkeys((item.nodeid, item.nodeid.partition("[")[0], item.nodeid.partition("::")[0])):
                found.setdefault(name, []).append(item)
        items[:] = [item for test in self._tests for item in found.get(test, ())]


def warm() -> None:
    """Import what is heavy and no part of the package, so that every process that is forked has it."""
    for name in HEAVY:
        import_module(name)
    assert not any(name.split(".")[0] == "archlang" for name in sys.modules)


def planted(fault: Fault | None, tests: Sequence[str], seconds: float) -> tuple[str, bool]:
    """Run the tests with a fault; the first that fails, and whether the processor time ran out."""
    finder = _Finder(fault) if fault is not None else None
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _attempt(finder, tests, writing, int(GRACE + PATIENCE * seconds))
    os.close(writing)
    with os.fdopen(reading, "rb") as received:
        killer = received.read().decode()
    _, status = os.waitpid(child, 0)
    timed_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM)
    if killer.startswith(_BROKEN):
        raise RuntimeError(killer)
    if not killer and not timed_out and status not in (0, _NO_TESTS << 8):
        killer = "the run as a whole"
    return killer, timed_out


def _attempt(finder: _Finder | None, tests: Sequence[str], out: int, limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.alarm(limit * IDLE)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    if finder is not None:
        sys.meta_path.insert(0, finder)
    status = 1
    try:
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        status = pytest.main([*files, "-x", "-q", "-p", "no:cacheprovider"], plugins=[_Killer(out, tests)])
    except BaseException as error:  # noqa: BLE001  nothing is above this process
        os.write(out, f"{_BROKEN}{error!r}".encode())
    os._exit(int(status))
