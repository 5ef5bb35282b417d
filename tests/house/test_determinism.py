"""Verdicts are the same at each run: random examples do not depend on anything that ran before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRAW = """
import sys
from hypothesis import given, strategies as st
import tests.conftest

sys.path.insert(0, {folder!r})
{line}

drawn = []

@given(st.integers(), st.text(max_size=20), st.floats())
def draw(whole, text, number):
    drawn.append((whole, text, number))

draw()
print(drawn)
"""


def drawn(folder: Path, line: str) -> str:
    command = [sys.executable, "-c", DRAW.format(folder=str(folder), line=line)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_random_examples_do_not_depend_on_imported_modules(tmp_path: Path) -> None:
    """Hypothesis would draw the constants of a module of ours."""
    (tmp_path / "of_ours.py").write_text("NUMBERS = 31415, 27182, 14142\nWORDS = 'one of ours', 'another'\n")
    alone, after = (drawn(tmp_path, line) for line in ("", "import of_ours"))
    assert alone == after
    assert len(alone.splitlines()) == 1
