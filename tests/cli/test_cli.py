"""The command line and the Python face, as a user meets them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import archlang
from archlang.cli import main
from tests.specs import net_of

NET = "net n(width=4) {\n  input x: 1x8x8\n  conv 3x3 width -> relu\n  output\n  expect params == 40\n}\n"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("n.arch").write_text(NET)
    return "n.arch"


def test_check_is_right(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", spec, "lenet5", f"{spec}:n"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "n: 40 parameters, 1,296 MACs, 1 promise kept"


def test_check_says_which_promises_it_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "wide.arch"
    spec.write_text(
        "net n(width=8) { input x: 3x6x6\n conv 3x3 width\n output\n expect params == 224 }", encoding="utf-8"
    )
    assert main(["check", str(spec), "--set", "width=16"]) == 0
    assert capsys.readouterr().out.endswith("; 1 promise holds at its own parameters and was not checked\n")


def test_check_of_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NET.replace("40", "41").encode())))
    assert main(["check", "-"]) == 1
    error = capsys.readouterr().err
    assert "broken-promise" in error
    assert "<stdin>:5:3" in error
    assert "40" in error and "41" in error


def test_check_as_json(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.arch").write_text(NET.replace("relu", "relo"))
    assert main(["check", spec, "wrong.arch", "--format", "json"]) == 1
    read = json.loads(capsys.readouterr().out)
    assert [net["name"] for net in read["nets"]] == ["n"]
    (diagnostic,) = read["diagnostics"]
    assert diagnostic["code"] == "unknown-operator"
    assert diagnostic["span"] == {"file": "wrong.arch", "line": 3, "column": 21, "end_line": 3, "end_column": 25}
    assert "relu" in diagnostic["help"]


def test_set_replaces_a_parameter(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", spec, "--set", "width=8", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["params"] == 80


def test_set_gives_parameters_without_a_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = NET.replace("width=4", "width")
    for words, status in ([], 1), (["--set", "width=4"], 0):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert main(["check", "-", *words]) == status
    left_out = "1 promise holds at its own parameters and was not checked"
    assert capsys.readouterr().out == f"n: 40 parameters, 1,296 MACs; {left_out}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["check", "missing.arch"],
        ["check", "vgg61"],
        ["check", "n.arch:m"],
        ["check", "n.arch", "--set", "width"],
        ["check", "n.arch", "--set", "breadth=4"],
        ["check", "n.arch", "--set", "width=)"],
        ["render", "n.arch", "-o", "picture.bmp"],
        ["render", "n.arch", "-o", "no/such/folder/n.svg"],
        ["report", "vgg.arch"],
        ["train", "n.arch", "--data", "mnist"],
    ],
    ids=" ".join,
)
def test_a_wrong_call(words: list[str], spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("vgg.arch").write_text(NET + NET.replace("net n", "net m"))
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("archlang: ")
    assert sorted(path.name for path in Path().iterdir()) == ["n.arch", "vgg.arch"]


@pytest.mark.parametrize("words", [[], ["frobnicate"], ["report"], ["report", "lenet5", "--batch", "0"]], ids=" ".join)
def test_words_that_are_no_call(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("archlang 0.")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary.arch").write_bytes(b"net \xff\xfe")
    assert main(["check", str(tmp_path / "binary.arch")]) == 2
    assert "UTF-8" in capsys.readouterr().err


def test_build_and_render_write_files(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", spec, "-o", "n.py"]) == 0
    assert main(["render", spec, "-o", "n.svg"]) == 0
    assert main(["build", spec]) == 0
    assert capsys.readouterr().out == Path("n.py").read_text()
    assert Path("n.svg").read_bytes().lstrip().startswith(b"<?xml")


def test_train_saves_what_it_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    Path("n.arch").write_text(net_of("flatten -> linear 10", "1x8x8"))
    for _ in range(2):
        assert main(["train", "n.arch", "--data", "digits", "--epochs", "1"]) == 0
    first, second = (torch.load(name, weights_only=True) for name in ("tried.pt", "tried-2.pt"))
    module = archlang.load("n.arch").module()
    module.load_state_dict(first["state_dict"])
    assert all(torch.equal(first["state_dict"][key], second["state_dict"][key]) for key in first["state_dict"])
    assert capsys.readouterr().out.count("held-out accuracy") == 2


def test_load_in_python(spec: str) -> None:
    net = archlang.load(spec, width=6)
    assert net.graph.arguments == {"width": "6"}
    assert net.report().totals.params == 60
    assert net.report().layers[0].path == "0"
    assert "nn.Conv2d(1, 6, 3)" in net.source()
    with pytest.raises(archlang.CallError):
        archlang.load(spec, width={"of": 6})
    with pytest.raises(archlang.SpecError) as caught:
        archlang.load(spec, width=0)
    assert caught.value.diagnostics[0].code == "out-of-range"


RUN = [sys.executable, "-m", "archlang"]


@pytest.mark.parametrize(
    "words", [["report", "resnet152", "--full"], ["zoo", "--family", "lenet"], ["check", "lenet5"]]
)
def test_a_reader_that_leaves_ends_the_command_quietly(words: list[str]) -> None:
    """`archlang report resnet152 | head -1`: the status is that of any tool that a closed pipe ends."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*RUN, *words], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_reported_once() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*RUN, "check", "lenet5"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (2, b"archlang: No space left on device: standard output\n")


def test_a_wrong_parameter_is_reported_in_the_words_of_the_caller(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(archlang.CallError) as caught:
        archlang.load(spec, breadth=4)

    assert str(caught.value).startswith("`n` has no parameter named `breadth`; ")
    assert main(["check", spec, "--set", "breadth=4"]) == 2
    assert capsys.readouterr().err == f"archlang: --set: {caught.value}\n"
