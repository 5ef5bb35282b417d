"""A user's own operators, from outside: a file that a flag names, a package that is installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import archlang
from archlang.cli import main
from archlang.ops import OperatorsError, enumerations, foreign_names, register, registered, registry

_KIND = "SyntaxError" if sys.version_info >= (3, 11, 4) else "ValueError"  # which of them Python raises
NUL = f"scales.py: {_KIND}: source code string cannot contain null bytes"

SCALE = '''"""Values scaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from archlang.ops.base import Example, Kind, Module, Operator, Saved, Weight, Work
from archlang.shapes import TensorType

SOURCE = """
class Scale(nn.Module):
    def __init__(self, channels, start=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), start))

    def forward(self, x):
        return x * self.weight.view(-1, 1, 1)
"""


class Scale(Operator):
    """Each channel of a map times a learned number, from `start` on (a LayerScale). No MACs.

        params = c
    """

    word: ClassVar[str] = "rescale"
    positional: ClassVar[Mapping[str, Kind]] = {"start": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("LayerScale", "Conv2d")
    examples: ClassVar[tuple[Example, ...]] = (Example("rescale 0.5", "3x4x4"),)

    start: float = 1.0
    manner: Literal["channelwise", "sometimes"] = "channelwise"

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (x["c"],)),)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", when="weights"),)

    def torch(self, x: TensorType) -> Module:
        return Module("Scale", (("channels", x["c"]),), (("start", self.start, 1.0),), SOURCE)
'''

SPEC = """net scaled {
  input image: 1x6x6
  conv 3x3 4 bias=false -> rescale 0.5 manner=sometimes
  globalavgpool -> flatten
  output
  expect params == 4*9 + 4
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder with a spec and the file of its operator; operators that the test registers are removed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scales.py").write_text(SCALE)
    (tmp_path / "scaled.arch").write_text(SPEC)
    before = set(registry())
    yield tmp_path
    assert set(registry()) == before


# ---- from a file


def output(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    status = main([*words, "--operators", "scales.py"])
    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return captured.out


@pytest.mark.usefixtures("here")
def test_every_command_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "check", "scaled.arch") == "scaled: 40 parameters, 576 MACs, 1 promise kept\n"
    assert re.search(r"^1 +rescale +4x4x4 +4 +0 ", output(capsys, "report", "scaled.arch"), re.MULTILINE)
    assert "params = c = 4" in output(capsys, "why", "scaled.arch", "1")
    assert "  start   a number; written without its name; default 1.0\n" in output(capsys, "ops", "rescale")
    assert "LayerScale is called rescale here" in output(capsys, "ops", "LayerScale")
    output(capsys, "render", "scaled.arch", "-o", "scaled.dot")
    assert "rescale" in Path("scaled.dot").read_text()
    assert "Scale(4, start=0.5)" in output(capsys, "build", "scaled.arch")


def test_a_built_source_runs_without_the_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, "build", "scaled.arch", "-o", "built.py")
    (here / "scales.py").unlink()
    code = (
        "import sys, torch, built; net = built.Scaled(); assert net(torch.ones(2, 1, 6, 6)).shape == (2, 4);"
        "assert sorted(net.state_dict()) == ['0.weight', '1.weight']; assert 'archlang' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=here)


@pytest.mark.usefixtures("here")
def test_the_module_in_python() -> None:
    with registered(["scales.py"]):
        assert register("scales.py") == register(Path("scales.py")) == ("rescale",)
        net = archlang.load("scaled.arch")
        module = net.module(seed=1)
        conv, rescale = module.get_submodule("0"), module.get_submodule("1")
        images = torch.randn(2, 1, 6, 6)
        wanted = (conv(images) * 0.5).mean((2, 3))
        assert torch.allclose(module(images), wanted, atol=1e-6)
        assert sum(p.numel() for p in module.parameters()) == net.report().totals.params == 40
        assert rescale.state_dict()["weight"].tolist() == [0.5] * 4
        read = type(net.graph).model_validate_json(net.graph.model_dump_json())
        assert read == net.graph
        assert foreign_names()["layerscale"] == "rescale" and "sometimes" in enumerations()
        assert foreign_names()["conv2d"] == "conv"  # a name that is already claimed keeps its meaning
    assert "layerscale" not in foreign_names() and "sometimes" not in enumerations()
    with pytest.raises(archlang.SpecError, match="unknown-operator"):
        archlang.load("scaled.arch")


def test_a_run_by_a_flag_leaves_nothing_behind(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, "check", "scaled.arch")
    assert main(["check", "scaled.arch"]) == 1
    assert "there is no operator, block or value called `rescale`" in capsys.readouterr().err
    assert not (here / "__pycache__").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"rescale"', '"conv"', "scales.py: there is an operator `conv` already"),
        (
            '"rescale"',
            '"my rescale"',
            "scales.py: the word of Scale is 'my rescale'; one has lower-case letters, digits and _",
        ),
        ('"rescale"', "7", "scales.py: the word of Scale is 7; one has lower-case letters, digits and _"),
        ("from typing import", "from typing imprt", "scales.py:6: SyntaxError: invalid syntax"),
        ("import TensorType", "import Tensors", "scales.py:9: ImportError: cannot import name 'Tensors' from"),
        ("start: float", "start: flaot", "scales.py: Scale: PydanticUndefinedAnnotation: name 'flaot' is not defined"),
        ("def work(", "def works(", "scales.py: Scale does not answer `work`"),
        ("class Scale(Operator)", "class Scale", "scales.py holds no operator: a class derived from `Operator`"),
        ("from typing import", "raise SystemExit(3)\nfrom typing import", "scales.py:6: SystemExit: 3"),
        ("class Scale(O", "1 / 0\n\nclass Scale(O", "scales.py:22: ZeroDivisionError: division by zero"),
        ("class Scale(O", "assert 0\n\nclass Scale(O", "scales.py:22: AssertionError\n"),
        ('"""Values scaled."""', "\0", NUL),
    ],
)
def test_a_file_that_is_not_right(
    old: str, new: str, told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in SCALE
    (here / "scales.py").write_text(SCALE.replace(old, new))
    assert main(["check", "scaled.arch", "--operators", "scales.py"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"archlang: {told}")


def test_files_beside_one_another(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "more").mkdir()
    (here / "more" / "scales.py").write_text(SCALE.replace('"rescale"', '"other_scale"'))
    both = ("--operators", "scales.py", "--operators", "more/scales.py")
    assert main(["ops", "other_scale", *both]) == main(["ops", "rescale", *both]) == 0
    (here / "twice.py").write_text(SCALE + SCALE.partition("\n\n\n")[2].replace("class Scale(", "class Again("))
    for file, told in [
        ("missing.py", "missing.py is no file; operators are defined in a Python file"),
        ("more", "more is a folder; operators are defined in a Python file"),
        ("twice.py", "twice.py: two operators are called `rescale`"),
    ]:
        capsys.readouterr()
        assert main(["check", "scaled.arch", "--operators", file]) == 2
        assert capsys.readouterr().err == f"archlang: {told}\n"


def test_of_a_file_that_clashes_nothing_is_taken_in(here: Path) -> None:
    both = SCALE + SCALE.partition("\n\n\n")[2].replace("class Scale(", "class Relu(").replace('"rescale"', '"relu"')
    (here / "scales.py").write_text(both)
    with pytest.raises(OperatorsError, match="there is an operator `relu` already"):
        register("scales.py")
    assert "rescale" not in registry()


# ---- what it does not declare


def undeclared(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main([*words, "--operators", "scales.py"])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.mark.usefixtures("here")
def test_what_is_not_declared_is_unknown_in_every_answer(capsys: pytest.CaptureFixture[str]) -> None:
    report = output(capsys, "report", "scaled.arch", "--columns", "receptive_field,saved_bytes")
    row = next(line.split() for line in report.splitlines() if line.startswith("1 "))
    assert row == ["1", "?", "256"]  # its own input is saved, which is known
    assert "? is unknown: `1` (rescale) does not declare" in report
    read = json.loads(output(capsys, "report", "scaled.arch", "--format", "json"))
    assert read["layers"][0]["receptive_field"] == {"h": 3, "w": 3}
    assert read["layers"][-1]["receptive_field"] is None
    assert read["layers"][0]["saved_bytes"] == 144 and read["totals"]["saved_bytes"] is None
    assert "sees       unknown: `1` (rescale) does not declare `reach`" in output(capsys, "why", "scaled.arch", "1")
    told = "archlang: memory is unknown: `1` (rescale) does not declare `view` and `gradient_places` and `strides`\n"
    assert undeclared(capsys, "memory", "scaled.arch") == (2, told)
    assert undeclared(capsys, "fit", "scaled.arch", "--memory", "1GiB") == (2, told)
    assert output(capsys, "compare", "scaled.arch").count("?") == 2


@pytest.mark.parametrize(
    ("promise", "lacking"),
    [
        ('"1".receptive_field == 3', "`reach`"),
        ("receptive_field <= 3", "`reach`"),
        ("saved_bytes >= 0", "`view` and `strides`"),
        ("memory.training > 0", "`view` and `gradient_places` and `strides`"),
        ("memory.inference < 1GiB", "`view` and `strides`"),
    ],
)
def test_a_promise_about_what_is_not_declared(
    promise: str, lacking: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SPEC.replace("  expect params == 4*9 + 4\n", f"  expect {promise}\n")
    (here / "scaled.arch").write_text(text.replace("-> rescale", '-> "1": rescale'))
    status, told = undeclared(capsys, "check", "scaled.arch")
    assert status == 1 and "error[unknown-fact]" in told
    assert f"`1` (rescale) does not declare {lacking}\n" in told


def test_the_lines_that_declare_it_make_it_known(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "    pointwise = True\n    runs = ELEMENTWISE\n\n    start: float"
    text = SCALE.replace("    start: float", lines).replace("import Example", "import ELEMENTWISE, Example")
    (here / "scales.py").write_text(text)
    known = "  expect receptive_field == 6\n  expect saved_bytes == 4*(6*6 + 4*4*4)\n  expect memory.training < 1GiB\n"
    (here / "scaled.arch").write_text(SPEC.replace("  expect params == 4*9 + 4\n", known))
    assert output(capsys, "check", "scaled.arch").endswith("3 promises kept\n")
    assert output(capsys, "memory", "scaled.arch").splitlines()[1].startswith("peak ")
    assert "at least" not in output(capsys, "memory", "scaled.arch")


# ---- from a package


def installed(folder: Path, entries: str, package: str = "scales") -> None:
    """Install a package as an installer would leave it."""
    (folder / "myscales.py").write_text(SCALE)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[archlang.operators]\n{entries}\n")


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    """Return a command of a process in which the folder is on Python's path."""
    code = "import sys; from archlang.cli import main; sys.exit(main())"
    command = [sys.executable, "-W", "error", "-c", code, *words]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.sweep
def test_a_package_that_is_installed(here: Path) -> None:
    installed(here, "rescale = myscales:Scale")
    assert run(here, "check", "scaled.arch") == (0, "scaled: 40 parameters, 576 MACs, 1 promise kept\n", "")
    assert "rescale" in run(here, "report", "scaled.arch")[1]
    assert "params = c = 4" in run(here, "why", "scaled.arch", "1")[1]
    assert "Scale(4, start=0.5)" in run(here, "build", "scaled.arch")[1]
    status, printed, _ = run(here, "ops", "--format", "json")
    assert status == 0 and "rescale" in [row["word"] for row in json.loads(printed)]
    code = (
        "import torch, archlang; net = archlang.load('scaled.arch'); images = torch.ones(2, 1, 6, 6);"
        "assert net.module()(images).shape == (2, 4)"
    )
    env = {**os.environ, "PYTHONPATH": str(here)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=here, env=env)


def test_its_module_is_imported_where_its_word_is_used(here: Path) -> None:
    installed(here, "rescale = myscales:Scale")
    (here / "myscales.py").write_text("raise RuntimeError('imported')")
    assert run(here, "check", "lenet5")[0] == 0
    told = "archlang: the package scales: myscales:Scale: RuntimeError: imported\n"
    assert run(here, "check", "scaled.arch") == (2, "", told)
    (here / "slip.arch").write_text("net slip {\n  input image: 1x6x6\n  Conv2d 3x3 4\n  output\n}\n")
    status, _, complaint = run(here, "check", "slip.arch")  # whose hint asks all operators for other names
    assert status == 1 and "did you mean `conv`?" in complaint


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ("conv = myscales:Scale", "there is an operator `conv` already"),
        (
            "other = myscales:Scale\nrescale = myscales:other",
            "myscales:other: AttributeError: module 'myscales' has no",
        ),
        ("rescale = myscales:SOURCE", "myscales:SOURCE is not a class derived from `Operator`"),
        ("rescale = myscales:Operator", "myscales:Operator has another word than its entry point, `rescale`"),
    ],
)
def test_an_entry_point_that_is_not_right(entries: str, told: str, here: Path) -> None:
    installed(here, entries)
    status, printed, complaint = run(here, "check", "scaled.arch")
    assert (status, printed) == (2, "") and complaint.startswith(f"archlang: the package scales: {told}")


def test_two_packages_with_one_word(here: Path) -> None:
    installed(here, "rescale = myscales:Scale")
    installed(here, "rescale = myscales:Scale", "steps")
    status, _, complaint = run(here, "check", "scaled.arch")
    assert status == 2 and complaint.endswith("there is an operator `rescale` already\n")
    status, _, complaint = run(here, "check", "scaled.arch", "--operators", "scales.py")
    assert status == 2


def test_a_package_that_is_found_twice_is_one(here: Path) -> None:
    installed(here, "rescale = myscales:Scale")
    (here / "again").mkdir()
    installed(here / "again", "rescale = myscales:Scale")
    code = (
        "import sys; sys.path.append('again'); from archlang.ops import registry\n"
        "print(registry()['rescale'].__module__)"
    )
    env = {**os.environ, "PYTHONPATH": str(here)}
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=here, env=env, capture_output=True, text=True)
    assert done.stdout == "myscales\n"


def test_a_file_does_not_replace_what_a_package_has(here: Path) -> None:
    installed(here, "rescale = myscales:Scale")
    told = "archlang: scales.py: there is an operator `rescale` already\n"
    assert run(here, "check", "scaled.arch", "--operators", "scales.py") == (2, "", told)
