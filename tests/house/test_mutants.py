"""Planted faults: which there are, and that tests run against each."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.covering import Covering
from tests.mutants.faults import ROOT, faults
from tests.mutants.outcomes import History, Outcome, score
from tests.planted import FAULTS, Named

TEXT = '''"""A docstring: 1 < 2."""

LIMIT: int = 3


def first(xs: list[int], most: int = 4) -> str:
    """Not this: any."""
    é = "é" if (len(xs) <= LIMIT) and not any(x == 0 for x in xs if x) else "ü"
    for x in xs:
        if not (x or xs):
            break
        most += x * 2
    print(f"{1 + 1}")
    return "a" + "b" if most > 1 else é
'''
FOUND = """
(len(xs) <= LIMIT) and not any(x == 0 for x in xs if x) -> True
(len(xs) <= LIMIT) and not any(x == 0 for x in xs if x) -> False
<= -> <
and -> or
not -> not not
any -> all
== -> !=
0 -> 1
x -> True
not -> not not
not (x or xs) -> True
not (x or xs) -> False
or -> and
break -> continue
most += x * 2 -> pass
* -> +
2 -> 3
print(f"{1 + 1}") -> pass
most > 1 -> True
most > 1 -> False
> -> >=
1 -> 2
"""


def test_every_fault_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text(TEXT, encoding="utf-8")
    assert [f"{fault.before} -> {fault.after}" for fault in faults(path)] == FOUND.strip().splitlines()


def test_a_file_with_a_planted_fault_parses_and_differs_only_there() -> None:
    for fault in faults(ROOT / "archlang" / "shapes.py"):
        text, planted = fault.path.read_text(encoding="utf-8"), fault.planted()
        ast.parse(planted)
        assert planted[: fault.start] == text[: fault.start] and planted.endswith(text[fault.end :])
        assert text.splitlines()[fault.line - 1].strip() == fault.row and fault.before in text


def test_a_line_is_known_by_its_text_or_by_the_nearest_above_that_is_known() -> None:
    path = ROOT / "archlang" / "facts" / "named_values.py"
    fault = next(iter(faults(path)))
    rows = [row.strip() for row in path.read_text(encoding="utf-8").splitlines()[: fault.line]]
    found = Covering()
    assert found.tests(fault) == []
    found.add({fault.name: {rows[0]: ["slow", "quick"]}}, {"slow": 2.0, "quick": 1.0, "other": 0.5})
    assert found.tests(fault) == ["quick", "slow"]
    found.add({fault.name: {fault.row: ["other"], rows[0]: ["other"]}}, {})
    assert found.tests(fault) == ["other"]


def test_the_test_that_noticed_a_fault_is_remembered(tmp_path: Path) -> None:
    first, second, third = faults(ROOT / "archlang" / "shapes.py")[:3]
    outcomes = [Outcome(first, "a test", tests=2), Outcome(second, tests=3), Outcome(third, timed_out=True, tests=1)]
    history = History(tmp_path)
    for outcome in outcomes:
        history.add(outcome)
    read = History(tmp_path)
    assert [read.killer(fault) for fault in (first, second, third)] == ["a test", "", "the clock"]
    outcomes = [read.outcome(first), outcomes[1], read.outcome(third)]
    rest = [fault for fault in faults(first.path) if fault not in (first, second, third)]
    assert [read.killer(fault) for fault in rest] == [""] * len(rest)
    head, *rows = score(outcomes, 50).splitlines()
    assert head == "of 3 faults, drawn from 50: 1 killed, 1 timed out: 66.7%; 2 of them in an earlier run"
    assert rows == [f"SURVIVED    {second}  [3 tests]"]


@pytest.mark.sweep
def test_the_command_lists_what_tests_notice(tmp_path: Path) -> None:
    words = [
        "--packages",
        "facts.named_values",
        "--tests",
        "tests/facts/test_fact_corners.py",
        "--count",
        "5",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rows = done.stdout.splitlines()
    outcomes = [row for row in rows if row.startswith(("killed", "SURVIVED", "NO TEST", "timed out"))]
    assert len([row for row in outcomes if row.startswith("killed")]) >= 1
    assert any(row.startswith("of 5 faults, drawn from ") for row in rows)
    assert "DOUBTFUL" not in done.stderr


@pytest.mark.parametrize("named", FAULTS, ids=lambda named: named.breaks)
def test_a_named_fault_is_still_in_its_file(named: Named) -> None:
    """`python -m tests.planted` plants them; each replaces a piece that occurs once in its file."""
    fault = named.fault()
    assert fault.before == named.before
    ast.parse(fault.planted())


def test_a_named_fault_that_no_longer_applies_is_reported() -> None:
    with pytest.raises(SystemExit, match="has this 0 times, not once"):
        Named("nothing", "sizes.py", "no such line", "", ()).fault()
