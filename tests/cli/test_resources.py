"""The command for specs that ask for much: what it tells of an answer, of a death, and of a slow command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resource_specs import SPECS
from tests.resources import COMMANDS, KILLED, ran, runs

FEW = ("rows in rows, 60", "doubling, 30", "holes, 1,000", "recursion that doubles, 25", "windows, 9,999")


@pytest.mark.parametrize("name", FEW)
def test_a_few_are_answered_or_refused(name: str) -> None:
    for run in runs({name: SPECS[name]}, ("check n.arch", "memory n.arch --batch 8")):
        assert not run.wrong(KILLED / 4), run


def test_a_death_and_a_slow_command_are_told(tmp_path: Path) -> None:
    run = ran("none", "check nosuch.arch", tmp_path)
    assert (run.status, run.wrong(KILLED)) == (2, "")
    assert run.wrong(0).endswith(" s")
    assert ran("none", "nosuch", tmp_path).status == 2


def test_there_are_a_hundred_specs_and_each_command() -> None:
    assert len(SPECS) >= 100
    words = {line.split()[0] for line in COMMANDS}
    assert words >= {"check", "report", "why", "fit", "memory", "build", "diff", "render", "plot", "fmt"}
