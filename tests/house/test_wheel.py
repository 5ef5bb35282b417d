"""The wheel in an empty environment, away from the checkout, as a new user has it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]

in_an_empty_environment = pytest.mark.sweep  # torch is installed into it

REFUSE_TO_COMPILE = """
import sys
from lark.parsers.lalr_analysis import LALR_Analyzer

def compute_lalr(analysis):
    sys.exit("the table is being compiled anew")

assert LALR_Analyzer.compute_lalr
LALR_Analyzer.compute_lalr = compute_lalr
from archlang.cli import main
sys.exit(main())
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Return what a program prints; it must succeed. No variable of ours may lead it back to the checkout."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS"}
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def away() -> Iterator[Path]:
    """Yield a directory that is removed after the tests, since an environment with torch takes over a gigabyte."""
    with TemporaryDirectory() as name:
        yield Path(name).resolve()


@pytest.fixture(scope="module")
def wheel(away: Path) -> Path:
    """Return the wheel, built from the source distribution, so that this is known to hold what a build needs."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", away / "dist", ROOT, cwd=away)
    (built,) = (away / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(away: Path, wheel: Path) -> Path:
    """Return the interpreter of an environment that holds the wheel, its `mnist` extra and what they need."""
    run(sys.executable, "-m", "venv", away / "venv", cwd=away)
    interpreter = away / "venv" / "bin" / "python"
    run(interpreter, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[mnist]", cwd=away)
    return interpreter


def test_the_wheel_holds_what_the_package_reads(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        names = opened.namelist()
    specs = [f"archlang/specs/{path.relative_to(ROOT / 'specs')}" for path in (ROOT / "specs").rglob("*.arch")]
    assert specs
    assert {"archlang/grammar.table", "archlang/grammars/archlang.lark", "archlang/py.typed", *specs} <= {*names}
    assert len(names) == len({*names})
    assert {name.split("/")[0].split("-")[0] for name in names} == {"archlang"}


def test_both_files_are_fit_to_be_published(wheel: Path) -> None:
    """Their metadata is valid, and the README can be shown; twine asks no index for that."""
    files = sorted(wheel.parent.iterdir())
    assert [file.suffixes[-1] for file in files] == [".whl", ".gz"]
    printed = run(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=wheel.parent)
    assert printed.count("PASSED") == 2


@in_an_empty_environment
def test_lark_and_pydantic_suffice_for_static_commands(away: Path, wheel: Path) -> None:
    """A real environment without torch, Graphviz and the rest; `test_packages.py` asks the same of more commands."""
    run(sys.executable, "-m", "venv", "--without-pip", away / "bare", cwd=away)
    bare = away / "bare" / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        bare,
        "install",
        "-q",
        "-c",
        ROOT / "constraints.txt",
    ]
    run(*pip, "--no-deps", wheel, cwd=away)
    run(*pip, "lark", "pydantic", cwd=away)
    archlang = bare.with_name("archlang")
    assert "resnet18: 11,689,512 parameters" in run(archlang, "check", "resnet18", cwd=away)
    for words in (
        ["report", "lenet5"], ["why", "lenet5", "1"], ["build", "lenet5"], ["diff", "resnet18", "resnet34"],
        ["memory", "lenet5"], ["fit", "lenet5", "--memory", "1GiB"], ["compare", "lenet5", "alexnet"],
        ["zoo", "lenet5"], ["ops", "conv"], ["explain", "unknown-operator"],
    ):  # fmt: skip
        assert run(archlang, *words, cwd=away)
    done = subprocess.run([archlang, "render", "lenet5", "-o", "l.svg"], cwd=away, capture_output=True, check=False)
    assert done.returncode == 2 and done.stderr.endswith(b"help: pip install graphviz pygraphviz fontpkg-open-sans\n")


@in_an_empty_environment
def test_the_table_in_the_wheel_is_the_one_used(python: Path, away: Path) -> None:
    run(python, "-c", REFUSE_TO_COMPILE, "check", "lenet5", cwd=away)


@in_an_empty_environment
def test_without_its_table_the_parser_is_compiled_in_memory(python: Path, away: Path) -> None:
    (table,) = away.glob("venv/lib/*/site-packages/archlang/grammar.table")
    aside = table.rename(table.with_suffix(".aside"))
    try:
        done = subprocess.run([python, "-c", REFUSE_TO_COMPILE, "check", "lenet5"], cwd=away, check=False)
        assert done.returncode == 1
        run(python.with_name("archlang"), "check", "lenet5", cwd=away)
        assert not table.exists()
    finally:
        aside.rename(table)


@in_an_empty_environment
def test_the_main_job(python: Path, away: Path) -> None:
    """Check, report, render, build and train LeNet-5; 98.2% of the held-out digits is usual."""
    place = away / "job"
    place.mkdir()
    printed = run(python.with_name("archlang"), "demo", cwd=place)
    found = re.search(r"held[ -]out[^\d\n]*(\d+\.\d+) ?%", printed)
    assert found is not None, printed
    assert float(found[1]) >= 97
    made = [path for path in place.rglob("*") if path.is_file()]
    assert {".svg", ".py", ".pt"} <= {path.suffix for path in made}
    assert all(path.name in printed and path.stat().st_size > 0 for path in made)
