"""Planted faults: which there are, and that tests are asked about each."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.faults import ROOT, faults

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


def test_a_file_with_a_fault_is_python_and_differs_there_alone() -> None:
    for fault in faults(ROOT / "archlang" / "shapes.py"):
        text, planted = fault.path.read_text(encoding="utf-8"), fault.planted()
        ast.parse(planted)
        assert planted[: fault.start] == text[: fault.start] and planted.endswith(text[fault.end :])
        assert text.splitlines()[fault.line - 1].strip() == fault.row and fault.before in text


@pytest.mark.sweep
def test_the_command_tells_what_tests_notice(tmp_path: Path) -> None:
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
