"""The command for specs that ask for much: what it tells of an answer, of a death, and of a slow command."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.resource_specs import SPECS
from tests.resources import COMMANDS, KILLED, Run, ran, runs

FEW = ("rows in rows, 60", "doubling, 30", "holes, 1,000", "recursion that doubles, 25", "windows, 9,999")


@pytest.fixture(scope="module")
def fresh() -> Iterator[Executor]:
    """Give a new interpreter that forks the commands: what this one has imported may fill their addresses."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def tried(name: str) -> list[Run]:
    return list(runs({name: SPECS[name]}, ("check n.arch", "memory n.arch --batch 8")))


@pytest.mark.parametrize("name", FEW)
def test_a_few_are_answered_or_refused(name: str, fresh: Executor) -> None:
    for run in fresh.submit(tried, name).result():
        assert not run.wrong(KILLED / 4), run


def test_a_death_and_a_slow_command_are_told(tmp_path: Path, fresh: Executor) -> None:
    run = fresh.submit(ran, "none", "check nosuch.arch", tmp_path).result()
    assert (run.status, run.wrong(KILLED)) == (2, "")
    assert run.wrong(0).endswith(" s")
    assert fresh.submit(ran, "none", "nosuch", tmp_path).result().status == 2


def test_there_are_a_hundred_specs_and_each_command() -> None:
    assert len(SPECS) >= 100
    words = {line.split()[0] for line in COMMANDS}
    assert words >= {"check", "report", "why", "fit", "memory", "build", "diff", "render", "plot", "fmt"}
