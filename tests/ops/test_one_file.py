"""Adding an operator is adding one file: the tests, the schema, the reference and the commands find it there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CUBES = '''"""Cubes: values multiplied by themselves twice."""

from __future__ import annotations

from typing import ClassVar

from archlang.ops.base import ELEMENTWISE, Example, Expression, Operator, Saved, Work
from archlang.ops.checks import check_dtype
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Cubed(Operator):
    """x to the power of 3 and a number more. No weights, no MACs.

        activated = c*h*w
    """

    pointwise = True
    runs = ELEMENTWISE
    word: ClassVar[str] = "cubed"
    stricter = beyond_torch("wrong-dtype")
    examples: ClassVar[tuple[Example, ...]] = (Example("cubed", "3x4x4"), Example("cubed more=0.5", "7"))

    more: float = 0.0

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(activated=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", when="inputs"),)

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}}.pow({3 + self.more})")
'''

SPEC = "net n { input x: 3x4x4; cubed more=0.5; output }\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a copy of the house, the derived pages made, and one file more."""
    folder = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("archlang", "grammars", "specs", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    (folder / "archlang" / "ops" / "cubes.py").write_text(CUBES, encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def run(house: Path, *words: str) -> str:
    """Return what a module of Python's prints, run in the copy; it must succeed."""
    known = os.environ | {"PYTHONPATH": str(house)}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=house, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(house: Path, *names: str) -> list[str]:
    return [str(path) for name in names for path in (house / "tests").rglob(f"test_{name}.py")]


@pytest.mark.sweep
def test_the_tests_find_it(house: Path) -> None:
    said = files(house, "laws", "operators", "saved", "receptive", "field_mistakes")
    asked = files(house, "why", "ops_command", "conventions", "highlight")
    told = run(house, "pytest", "-q", "-p", "no:cacheprovider", "-k", "cubed", *said, *asked)
    assert int(told.split(" passed")[0].split()[-1]) > 20


def test_derived_files_are_regenerated(house: Path) -> None:
    derived = files(house, "schema", "operator_pages")
    assert "5 passed" in run(house, "tests.regenerate", *derived)
    run(house, "pytest", "-q", "-p", "no:cacheprovider", "-k", "published or pages_are or cubed", *derived)
    assert "cubed" in (house / "docs" / "graph.schema.json").read_text(encoding="utf-8")
    assert "Not accepted, although PyTorch accepts it:" in (house / "docs" / "operators" / "cubes.md").read_text(
        encoding="utf-8"
    )


def test_the_commands_know_it(house: Path) -> None:
    (house / "n.arch").write_text(SPEC, encoding="utf-8")
    assert "a number; default 0.0" in run(house, "archlang", "ops", "cubed")
    assert run(house, "archlang", "check", "n.arch") == "n: 0 parameters, 0 MACs\n"
    assert ".pow(3.5)" in run(house, "archlang", "build", "n.arch")
