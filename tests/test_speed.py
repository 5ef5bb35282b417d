"""Speed, as ratios measured side by side in one run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from archlang.parse.table import compiled
from archlang.paths import GRAMMAR

BASE = "import lark; from pydantic import BaseModel; type('M', (BaseModel,), {})"
# torch unimportable, and a table that is fresh, as it is in a wheel
READY = "import sys, pathlib, archlang.paths as p; sys.modules['torch'] = None; p.TABLE = pathlib.Path({table!r}); "
MORE = "import archlang.ops; archlang.ops.__path__.append({folder!r}); assert len(archlang.ops.registry()) >= 130; "
CHECK = "from archlang.cli import main; sys.exit(main(['check', {spec!r}]))"

SPEC = """
net generated{number}(classes=1000) {{
  input image: 3x224x224
  features: {{
    for i, depth in enumerate([2, 2, 3, 3, 3]) {{
      repeat depth {{ conv 3x3 (min(512, 64 * 2**i)) pad=1 -> batchnorm -> relu }}
      maxpool 2x2/2
    }}
  }}
  flatten
  classifier: {{ linear 4096 -> relu -> dropout -> linear 4096 -> relu -> dropout -> linear classes }}
  output
}}
"""

OPERATOR = '''
class Made{number}(Conv):
    """An operator that exists to be one of many: {number}."""

    word: ClassVar[str] = "made_{number}"
    scale{number}: float = 1.0
    other: tuple[int, ...] | int = 1
'''


def seconds(code: str, bytecode: Path) -> float:
    """Seconds of a whole process, which finds its bytecode where it was left, as an installed package does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment)
    return perf_counter() - start


def ratio(code: str, bytecode: Path) -> float:
    """The median over 9 pairs, each measured one after the other, of a process against the base."""
    for warm in (code, BASE):
        seconds(warm, bytecode)
    return statistics.median(seconds(code, bytecode) / seconds(BASE, bytecode) for _ in range(9))


@pytest.fixture
def check(tmp_path: Path) -> str:
    """Code that checks a spec which no process has seen, `{more}` being left to fill in."""
    spec, table = tmp_path / "generated.arch", tmp_path / "grammar.table"
    spec.write_text(SPEC.format(number=len(str(tmp_path))))
    table.write_bytes(compiled(GRAMMAR))
    return READY.format(table=str(table)) + "{more}" + CHECK.format(spec=str(spec))


@pytest.mark.slow
def test_check_costs_at_most_twice_its_imports(check: str, tmp_path: Path) -> None:
    measured = ratio(check.format(more=""), tmp_path / "bytecode")
    assert measured <= 2.0, f"archlang check: {measured:.2f} times lark and pydantic alone"


@pytest.mark.slow
def test_check_with_130_operators(check: str, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    head = (
        "from __future__ import annotations\nfrom typing import ClassVar\nfrom archlang.ops.convolution import Conv\n"
    )
    for file in range(12):
        classes = "".join(OPERATOR.format(number=file * 10 + at) for at in range(10))
        (folder / f"many{file}.py").write_text(head + classes)
    measured = ratio(check.format(more=MORE.format(folder=str(folder))), tmp_path / "bytecode")
    assert measured <= 2.0, f"archlang check with 130 operators: {measured:.2f} times lark and pydantic alone"
