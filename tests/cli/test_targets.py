"""What a command may write: never over a spec or what it reads, over others' files only with `--force`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import archlang
from archlang.cli import main
from archlang.marks import MARK, is_made_here, marked

COMMON = "block unit(width) { conv 3x3 width pad=1 -> relu }\n"
SPEC = 'use "common.arch": unit\nnet n {\n  input x: 1x32x32\n  unit 4\n  flatten -> linear 10\n  output\n}\n'
OTHERS = "somebody's work\n"
TAKEN = "archlang did not make that file; give the output another name, or add --force to replace it"
READ = "this command reads that file; give the output another name"
IS_SPEC = "a file that ends in .arch is a spec, and no command replaces one; give the output another name"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("n.arch").write_text(SPEC)
    Path("common.arch").write_text(COMMON)
    Path("plain.txt").write_text(SPEC)
    Path("mine.py").write_text(OTHERS)
    return tmp_path


def refused(call: str, reason: str, capsys: pytest.CaptureFixture[str], target: str = "") -> None:
    """Check that the call ends with status 2 and this reason, and changes no file."""
    words = call.split()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(words) == 2
    said = capsys.readouterr()
    shown = target or words[words.index("-o") + 1]
    assert (said.out, said.err) == ("", f"archlang: -o {shown}: {reason}\n")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


# ---- specs, and what is read


def link(path: str, to: str) -> None:
    Path(path).symlink_to(to)


def hard_link(path: str, to: str) -> None:
    Path(path).hardlink_to(to)


@pytest.mark.parametrize("force", ["", " --force"])
@pytest.mark.parametrize(
    "call, reason",
    [
        ("build n.arch -o n.arch", READ),
        ("build n.arch -o sub/../n.arch", READ),
        ("build n.arch -o common.arch", READ),
        ("build n.arch -o other.arch", IS_SPEC),
        ("build n.arch -o new.ARCH", IS_SPEC),
        ("build n.arch:n -o n.arch", READ),
        ("build plain.txt -o plain.txt", READ),
        ("export n.arch --format onnx -o common.arch", READ),
        ("export n.arch --format onnx -o other.arch", IS_SPEC),
        ("build n.arch --operators own.py -o own.py", READ),
        ("train n.arch --data mnist -o n.arch", READ),
        ("train n.arch --data mnist -o common.arch", READ),
        ("train n.arch --data mnist -o other.arch", IS_SPEC),
    ],
)
def test_a_spec_and_what_is_read_are_never_replaced(
    call: str, reason: str, force: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("sub").mkdir()
    Path("other.arch").write_text(SPEC)
    Path("own.py").write_text(OWN)
    refused(call + force, reason, capsys)


OWN = '''from typing import ClassVar

from archlang.ops.rectifiers import Celu


class Mine(Celu):
    """Another name for it."""

    word: ClassVar[str] = "mine_relu"
'''


@pytest.mark.parametrize("command", ["build n.arch", "render n.arch", "plot n.arch --profile macs"])
@pytest.mark.parametrize("make", [link, hard_link], ids=["symbolic", "hard"])
@pytest.mark.parametrize("read", ["n.arch", "common.arch"])
def test_links_to_what_is_read(
    command: str, make: Callable[[str, str], None], read: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make("link.svg", read)
    refused(f"{command} -o link.svg", READ, capsys)
    refused(f"{command} -o link.svg --force", READ, capsys)


def test_a_link_to_a_spec_that_is_not_there_yet(capsys: pytest.CaptureFixture[str]) -> None:
    link("n.py", "later.arch")
    refused("build n.arch -o n.py", IS_SPEC, capsys)


def test_weights_that_are_read_are_never_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(archlang.load("n.arch").module(seed=1).state_dict(), "n.pt")
    link("m.pt", "n.pt")
    refused("build n.arch --weights n.pt -o n.pt --force", READ, capsys)
    refused("build n.arch --weights n.pt -o n.py --force", READ, capsys, target="n.py, with its weights in n.pt")
    refused("build n.arch --weights m.pt -o n.py --force", READ, capsys, target="n.py, with its weights in n.pt")
    refused("build n.arch --weights n.pt -o m.py --force", READ, capsys, target="m.py, with its weights in m.pt")
    assert main(["build", "n.arch", "--weights", "n.pt", "-o", "o.py"]) == 0
    assert main(["build", "n.arch", "--weights", "n.pt", "-o", "o.py"]) == 0


# ---- others' files


@pytest.mark.parametrize(
    "call",
    [
        "build n.arch -o mine.py",
        "render n.arch -o mine.svg",
        "render n.arch -o mine.dot",
        "render n.arch -o mine.png",
        "render n.arch -o mine.pdf",
        "export n.arch -o mine.onnx",
        "export n.arch -o mine.pt2",
        "export n.arch -o mine.ts",
        "plot n.arch --profile macs -o mine.svg",
        "plot n.arch --profile macs -o mine.png",
        "plot n.arch --profile macs -o mine.pdf",
        "train n.arch --data digits --epochs 1 -o mine.pt",
    ],
)
def test_others_files_are_replaced_with_force_and_ours_without(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(call.rsplit(maxsplit=1)[-1])
    path.write_text(OTHERS)
    refused(call, TAKEN, capsys)
    assert main([*call.split(), "--force"]) == 0
    first = path.read_bytes()
    assert is_made_here(path)
    assert main(call.split()) == 0
    is_dated = call.startswith("render") and path.suffix == ".pdf"  # by cairo
    is_numbered = path.suffix == ".ts"  # TorchScript counts the classes of a process
    assert is_dated or is_numbered or path.read_bytes() == first


def test_weights_beside_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(archlang.load("n.arch").module(seed=1).state_dict(), "given.pt")
    Path("net.pt").write_text(OTHERS)
    refused("build n.arch --weights given.pt -o net.py", TAKEN, capsys, target="net.py, with its weights in net.pt")
    for force in (["--force"], []):
        assert main(["build", "n.arch", "--weights", "given.pt", "-o", "net.py", *force]) == 0
    written, given = (torch.load(name, weights_only=True) for name in ("net.pt", "given.pt"))
    assert written.keys() == given.keys() and all(torch.equal(written[key], given[key]) for key in given)
    assert is_made_here(Path("net.pt")) and not is_made_here(Path("given.pt"))


def test_weights_beside_a_source_as_safetensors() -> None:
    from safetensors.torch import load_file, save_file

    given = archlang.load("n.arch").module(seed=1).state_dict()
    save_file(given, "given.safetensors")
    words = ["build", "n.arch", "--weights", "given.safetensors", "-o", "net.py"]
    assert [main(words), main(words)] == [0, 0]
    assert all(torch.equal(tensor, given[key]) for key, tensor in load_file("net.safetensors").items())
    assert is_made_here(Path("net.safetensors")) and not is_made_here(Path("given.safetensors"))


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"%PDF-1.7", b"PK\x03\x04", b'"""n: x; a note."""\n', b"\0" * 40])
def test_a_file_that_only_begins_like_ours_is_not_ours(content: bytes) -> None:
    Path("a").write_bytes(content)
    assert not is_made_here(Path("a"))


def test_an_empty_file_has_nothing_to_lose() -> None:
    """As after `archlang render n.arch -o /dev/stdout > net.svg`, where the shell makes the file."""
    Path("net.py").touch()
    assert main(["build", "n.arch", "-o", "net.py"]) == 0
    assert is_made_here(Path("net.py"))
    assert main(["build", "n.arch", "-o", "/dev/null"]) == 0


# ---- reported before the work begins


@pytest.mark.parametrize(
    "target, reason",
    [
        ("nosuch/x.pt", "there is no folder nosuch; make it first: mkdir -p nosuch"),
        ("mine.py/x.pt", "mine.py is no folder"),
        ("sub", "that is a folder; name a file in it"),
        ("mine.py", TAKEN),
    ],
)
def test_training_does_not_begin(
    target: str, reason: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("sub").mkdir()
    monkeypatch.setattr("archlang.lower.module", None)  # nothing is built
    refused(f"train n.arch --data mnist -o {target}", reason, capsys)


def test_a_folder_where_nothing_may_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so that the answer of the system is replaced."""
    monkeypatch.setattr(os, "access", lambda folder, mode: False)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    refused("train n.arch --data mnist -o n.pt", "you may not write in the folder .; name a file elsewhere", capsys)
    refused("train n.arch --data mnist", "you may not write in the folder .; name a file elsewhere", capsys, "n.pt")


# ---- the marks


def test_pictures_are_read_as_before() -> None:
    from xml.etree import ElementTree

    from matplotlib.image import imread

    net = archlang.load("n.arch")
    for format in ("svg", "png", "pdf", "dot"):
        Path(f"n.{format}").write_bytes(net.render(format))
    assert ElementTree.parse("n.svg").getroot().tag.endswith("svg")  # noqa: S314  our own
    assert imread("n.png").ndim == 3
    pdf = Path("n.pdf").read_bytes()
    assert pdf[-1024:].count(b"%%EOF") == 1 and pdf.endswith(f"% {MARK}\n".encode())
    assert archlang.load("n.arch").render("dot").decode().splitlines()[1] == "digraph figure {"


def test_a_format_without_a_mark() -> None:
    with pytest.raises(ValueError, match="gif"):
        marked(b"", "gif")
