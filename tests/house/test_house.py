"""Rules of the project that no single module can keep."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from archlang.elaborate.state.builder import Builder
from archlang.elaborate.state.contents import Contents
from benchmarks.hops import way
from benchmarks.house import circles, imports, modules

ROOT = Path(__file__).parents[2]

WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
"""


def without_torch(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process where torch cannot be imported."""
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_imports_run_downwards_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_no_imports_run_in_a_circle() -> None:
    """Neither at the top of a file nor within a function. Imports that only serve types are left out."""
    assert circles(imports(modules())) == []


def test_imports_are_found_wherever_they_stand() -> None:
    texts = {
        "archlang.a": "import archlang.b\n\ndef f():\n    from archlang import c\n",
        "archlang.b": "if TYPE_CHECKING:\n    from archlang.a import A\nelse:\n    from archlang.c import C\n",
        "archlang.c": "",
    }
    found = imports({name: ast.parse(text) for name, text in texts.items()})
    assert found == {"archlang.a": {"archlang.b", "archlang.c"}, "archlang.b": {"archlang.c"}, "archlang.c": set()}


def test_a_circle_would_be_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set[str]()}
    assert circles(graph) == [["b", "c"]]


@pytest.mark.parametrize("step, files, crossings", [("conv 3x3 64", 6, 16), ("unit 16", 11, 78)])
def test_a_step_passes_few_files(step: str, files: int, crossings: int) -> None:
    """Half of what it was when elaborate had no rooms: 13 files and 38 crossings, 20 and 156."""
    found = way(step)
    assert len(found.files) <= files and found.crossings <= crossings, found.edges


FIELDS = {field.name for kind in (Builder, Contents) for field in fields(kind)}
CHANGES = ("append", "add", "update", "pop", "clear", "setdefault", "extend", "remove")


def test_a_block_in_the_making_is_written_in_one_file() -> None:
    """Elsewhere no field of the builder or of its contents is set, and nothing is put into one."""
    for path in (ROOT / "archlang" / "elaborate").rglob("*.py"):
        if path.name == "builder.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            written = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AugAssign)
                else []
            )
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
                written = [node.func.value]
            for target in written:
                whole = ast.unparse(target.value if isinstance(target, ast.Subscript) else target)
                owner, _, field = whole.rpartition(".")
                assert not (field in FIELDS and owner.endswith(("builder", "contents", "outer"))), (
                    f"{path.name}: {whole}"
                )


def test_the_blocker_blocks_torch() -> None:
    assert "torch is blocked" in without_torch("import torch").stderr


@pytest.mark.parametrize("net", ["lenet5", "vgg16_bn"])
@pytest.mark.parametrize("command", ["check", "report", "build"])
def test_static_work_does_without_torch(command: str, net: str) -> None:
    done = without_torch("from archlang.cli import main; sys.exit(main())", command, net)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("suffix", ["svg", "dot"])
def test_a_picture_does_without_torch(suffix: str, tmp_path: Path) -> None:
    picture = tmp_path / f"lenet5.{suffix}"
    done = without_torch("from archlang.cli import main; sys.exit(main())", "render", "lenet5", "-o", str(picture))
    assert (done.returncode, done.stderr) == (0, "")
    assert picture.stat().st_size > 0


def test_the_newest_version_in_the_changelog_is_this_one() -> None:
    """What is not yet released is above it, under its own heading."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == version("archlang")


def test_the_table_is_compiled_by_the_lark_that_reads_it() -> None:
    """A table of another version of lark is stale, and would be rebuilt at every start."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (pin,) = (line for line in settings["build-system"]["requires"] if line.startswith("lark"))
    assert pin in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_the_registry_finds_every_operator() -> None:
    """The words read from the text of the files are those of the classes; nothing is imported for it."""
    from pkgutil import iter_modules

    import archlang.ops as ops

    defined = {word for module in iter_modules(ops.__path__) for word in ops.classes_in(f"archlang.ops.{module.name}")}
    assert set(ops.registry()) == defined
    assert all(ops.registry()[word].word == word for word in defined)
    asked = "from archlang.ops import registry; registry()['relu']"
    code = f"import sys; {asked}; sys.exit('archlang.ops.pooling' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_and_functions_are_small() -> None:
    """The aim is about 200 lines and 30; these are the limits."""
    files, functions = list[str](), list[str]()
    for path in sorted((ROOT / "archlang").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        place = str(path.relative_to(ROOT))
        files += [place] if text.count("\n") > 300 else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                functions += [f"{place}: {node.name} has {lines}"] if lines > 45 else []
    assert (files, functions) == ([], [])
