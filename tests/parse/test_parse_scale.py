"""Parsing grows in step with the text: ten times the steps take about ten times the time."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archlang.parse import parse
from archlang.parse.trail import Trail
from archlang.source import Source
from benchmarks.parse import SHAPES, SMALL, TIMES
from tests.clock import of_call, ratio
from tests.specs import net_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_times_the_steps_take_about_ten_times_the_time(shape: str) -> None:
    small, large = (Source("spec.arch", SHAPES[shape](steps)) for steps in (500, 5_000))
    assert ratio(of_call(lambda: parse(large)), of_call(lambda: parse(small)), 3) <= 20


@pytest.mark.sweep
@pytest.mark.parametrize("shape", SHAPES)
def test_parse_grows_with_the_text(shape: str) -> None:
    """A process of its own, so that neither the heap nor the peak is this one's."""
    command = [sys.executable, "-m", "benchmarks.parse", "--shape", shape]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = re.search(r"ratio (\S+) peak (\d+) MiB", printed)
    assert found is not None, printed
    assert (SMALL, TIMES) == (10_000, 10)
    assert float(found[1]) <= 20, printed  # 10 or 11 where nothing else runs, and 100 for a square
    assert int(found[2]) < 1024, printed


def test_mistakes_at_the_end_of_a_long_net_read_it_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, read = 2_000, 0
    takes = Trail._takes  # pyright: ignore[reportPrivateUsage]

    def counted(self: Trail, stack: list[Any], kind: str) -> bool:
        nonlocal read
        read += 1
        return takes(self, stack, kind)

    monkeypatch.setattr(Trail, "_takes", counted)
    source = Source("spec.arch", net_of("\n  ".join([*["relu -> tanh"] * steps, *["relu -> -> tanh"] * 15])))
    diagnostics = parse(source)[1]
    assert [one.code for one in diagnostics] == ["unexpected-word"] * 15
    assert 4 * steps < read < 8 * steps


def test_parsing_restores_the_garbage_collector() -> None:
    source = Source("spec.arch", net_of("conv 3x3 8 ->"))
    assert gc.isenabled()
    assert parse(source)[1]
    assert gc.isenabled()
    gc.disable()
    try:
        parse(source)
        assert not gc.isenabled()
    finally:
        gc.enable()
