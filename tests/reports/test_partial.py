"""A wrong net is drawn as far as it is known: what each picture holds, and that nothing in it lies over anything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from pydantic_core import PydanticSerializationError

from archlang.checked import Checked
from archlang.cli import main
from archlang.cli.command import known_of
from archlang.compiler import check
from archlang.ir import Graph, OpNode, PartialGraph
from archlang.ir.partial import is_wrong
from archlang.page import partial_data
from archlang.render import Look, picture
from archlang.render.figure.lanes import lanes_of
from archlang.render.figure.making import Wanted, figure_of
from tests.reports.test_figure import SVG, collisions

UNIT = """
block unit(width) {
  conv 3x3 width pad=1 -> batchnorm -> relu
  residual { conv 5x5 width }
}
"""


class Wrong(NamedTuple):
    """A spec with a mistake, words that its picture has, words that it has not, and a part of the message."""

    text: str
    shown: tuple[str, ...]
    absent: tuple[str, ...]
    message: str


def net(*lines: str, before: str = "") -> str:
    return before + "net wrong {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


IMAGE = "input image: 3x32x32"
WRONG = {
    "a shape in a chain": Wrong(
        net(IMAGE, "conv 3x3 8 -> relu", "conv 40x40 16 -> relu", "flatten -> linear 10", "output"),
        ("3×3 conv, 8", "conv 40x40 16", "3×32×32"), ("fc, 10", "output"), "the kernel covers 40 positions",
    ),
    "in a branch": Wrong(
        net(IMAGE, "add {", "  | conv 3x3 8 pad=1 -> conv 3x3 16 pad=1", "  | conv 1x1/3 16 -> relu", "}", "output"),
        ("3×3 conv, 8", "1×1 conv, 16, /3", "add"), (), "unequal",
    ),
    "in one of two branches": Wrong(
        net(IMAGE, "concat {", "  | conv 3x3 8 pad=1", "  | conv 3x3 8 pad=1 -> bathnorm", "}", "output"),
        ("3×3 conv, 8", "bathnorm", "concat"), (), "no operator, block or value called `bathnorm`",
    ),
    "in a block called twice": Wrong(
        net(IMAGE, "conv 1x1 16 -> stem: relu", "unit 16", "(stem) -> unit 16", "output", before=UNIT),
        ("unit", "a mistake is in it", "3×3 conv, 16", "5×5 conv, 16", "residual"), (), "add needs equal shapes",
    ),
    "an unknown operator": Wrong(
        net(IMAGE, "conv 3x3 8 -> bathnorm -> relu", "output"),
        ("3×3 conv, 8", "bathnorm"), ("ReLU",), "no operator, block or value called `bathnorm`",
    ),
    "an unknown name": Wrong(
        net(IMAGE, "a: conv 3x3 8", "(a, bb) -> concat -> relu", "output"),
        ("3×3 conv, 8", "(a, bb)"), ("ReLU",), "`bb`",
    ),
    "an argument of a wrong kind": Wrong(
        net(IMAGE, "conv 3x3 8 -> conv 3x3 8 pad=true", "output"),
        ("3×3 conv, 8", "conv 3x3 8 pad=true"), ("output",), "pad",
    ),
    "an unknown argument": Wrong(
        net(IMAGE, "maxpool 2x2/2 -> conv 3x3 8 padding=1", "output"),
        ("2×2 max pool, /2", "conv 3x3 8 padding=1"), ("output",), "no argument named `padding`",
    ),
    "a line that does not parse": Wrong(
        net(IMAGE, "stem: conv 3x3 8", "conv 3x3 = 8", "(stem) -> relu", "output"),
        ("3×3 conv, 8", "ReLU"), (), "is not allowed here",
    ),
    "nothing is known": Wrong(
        "net wrong(} {\n  input image: 3x32x32\n  output\n}\n", ("net wrong(}",), ("image",), "closes nothing",
    ),
    "an input without a shape": Wrong(
        net("input image", "conv 3x3 8", "output"), ("image",), ("3×3 conv, 8",), "the input of a net has a shape",
    ),
    "no output": Wrong(
        net(IMAGE, "conv 3x3 8 -> relu"), ("3×3 conv, 8", "ReLU"), (), "the net `wrong` has no output",
    ),
    "an output that is unknown": Wrong(
        net(IMAGE, "conv 3x3 8", "output result"), ("3×3 conv, 8", "output result"), (), "`result`",
    ),
    "a value that nothing uses": Wrong(
        net(IMAGE, "kept: conv 3x3 8 -> relu", "(image) -> conv 5x5 4", "output"),
        ("3×3 conv, 8", "5×5 conv, 4", "output"), (), "nothing uses the value",
    ),
    "a value that nothing uses in a block": Wrong(
        net(IMAGE, "lone -> conv 3x3 4", "output", before="block lone {\n  conv 3x3 8 -> x: relu\n  (x) -> tanh\n"
            "  output x\n}\n"),
        ("3×3 conv, 8", "tanh"), ("3×3 conv, 4",), "nothing uses the value",
    ),
    "a promise": Wrong(
        net(IMAGE, "conv 3x3 8", "output", "expect params == 1"),
        ("3×3 conv, 8", "output"), (), "params",
    ),
    "a number that is wrong": Wrong(
        net(IMAGE, "let w = 4 / 0", "conv 3x3 8 -> conv 3x3 w -> relu", "output"),
        ("3×3 conv, 8", "conv 3x3 w"), ("ReLU",), "divide",
    ),
    "several inputs into a block": Wrong(
        net(IMAGE, "(image, image) -> pair -> relu", "output", before="block pair {\n  input a: 1x5\n  input b\n"
            "  (a, b) -> add\n}\n"),
        ("image",), ("ReLU",), "the input `a` is",
    ),
    "open sizes": Wrong(
        net("input image: [3, H=32, W=32]", "conv 3x3 8 -> resize like=image -> conv 50x50 4", "output"),
        ("3×3 conv, 8", "conv 50x50 4"), ("output",), "the kernel covers 50 positions",
    ),
    "in a loop in braces": Wrong(
        net(IMAGE, "body: { for i in range(4) { conv 3x3 (8 * i) pad=1 } }", "output"),
        ("conv 3x3 (8 * i) pad=1",), ("output",), "out",
    ),
    "inlined": Wrong(
        net(IMAGE, "conv 1x1 16", "inline unit 16", "relu", "output", before=UNIT),
        ("1×1 conv, 16", "3×3 conv, 16", "residual"), (), "add needs equal shapes",
    ),
    "endless": Wrong(
        net(IMAGE, "conv 1x1 16 -> again", "output", before="block again {\n  relu -> again\n}\n"),
        ("1×1 conv, 16",), ("output",), "calls itself",
    ),
    "linked to nothing": Wrong(
        net(IMAGE, "a: conv 3x3 8", "conv 9x9 4 -> bathnorm", "b: (bb)", "c: sofmax", "a -> conv 5x5 6", "output"),
        ("3×3 conv, 8", "9×9 conv, 4", "bathnorm", "sofmax", "5×5 conv, 6"), (), "called `sofmax`",
    ),
    "training alone": Wrong(
        net(IMAGE, "a: conv 3x3 8", "output a when training", "conv 99x99 4", "output"),
        ("3×3 conv, 8", "conv 99x99 4"), (), "the kernel covers 99",
    ),
}  # fmt: skip


def checked(name: str, folder: Path) -> Checked:
    path = folder / "wrong.arch"
    path.write_text(WRONG[name].text)
    return check(str(path), only=True)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_net_is_drawn_as_far_as_it_is_known(name: str, tmp_path: Path) -> None:
    wrong, known = WRONG[name], known_of(checked(name, tmp_path))
    root = ElementTree.fromstring(picture(known, "svg"))  # noqa: S314  (our own picture)
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert set(wrong.shown) <= set(words), words
    assert not set(wrong.absent) & set(words), words
    assert wrong.message in " ".join(words)
    assert not list(collisions(root))
    assert "not valid: " in (root.get("aria-label") or "") and "parameters" not in (root.get("aria-label") or "")
    titles = [group.findtext(f"{SVG}title") for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    assert all(titles)
    if any(is_wrong(node) for block in known.drawing.blocks for node in block.nodes):
        assert any("mistake in `" in (title or "") for title in titles) or "a mistake is in it" in words


def test_a_step_linked_to_nothing_stands_behind_the_one_before_it(tmp_path: Path) -> None:
    known = known_of(checked("linked to nothing", tmp_path))
    overview = figure_of(known.drawing, Wanted(mistakes=known.mistakes)).overview
    keys = {node.rows[0][0].words: node.key for node in overview.nodes}
    assert overview.loose == ((keys["bathnorm"], keys["(bb)"]), (keys["(bb)"], keys["sofmax"]))
    ranks = lanes_of(overview).ranks
    assert [ranks[keys[word]] for word in ("bathnorm", "(bb)", "sofmax")] == [3, 4, 5]
    invisible = {"dot": "style=invis", "mmd": "~~~"}
    assert all(picture(known, format).decode().count(word) == 2 for format, word in invisible.items())
    assert picture(known, "dot", look=Look("full")).decode().count("style=invis") == 2


@pytest.mark.parametrize("name", WRONG)
def test_the_complete_drawing_has_the_mistakes_too(name: str, tmp_path: Path) -> None:
    known = known_of(checked(name, tmp_path))
    text = picture(known, "dot", look=Look("full")).decode()
    places = [node for block in known.drawing.blocks for node in block.nodes if is_wrong(node)]
    assert "#b00020" in text and (not places or "#fdeef0" in text)
    assert picture(known, "dot") and picture(known, "mmd")


def test_the_command_draws_it_prints_what_is_wrong_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.arch").write_text(WRONG["in a block called twice"].text)
    assert main(["render", "wrong.arch", "-o", "wrong.svg"]) == 1
    told = capsys.readouterr().err
    assert "error[unequal-shapes]" in told and not Path("wrong.svg").exists()
    for format in ("svg", "png", "pdf", "tex", "dot", "mmd"):
        assert main(["render", "wrong.arch", "--allow-errors", "-o", f"wrong.{format}"]) == 1
        assert capsys.readouterr().err == told and Path(f"wrong.{format}").stat().st_size
    assert main(["render", "wrong.arch", "--allow-errors", "--full", "-o", "full.svg"]) == 1
    assert "add needs equal shapes" in Path("full.svg").read_text()


def test_the_page_shows_it_without_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.arch").write_text(WRONG["in a block called twice"].text)
    assert main(["report", "wrong.arch", "--format", "html", "-o", "page.html"]) == 1
    assert not Path("page.html").exists()
    capsys.readouterr()
    assert main(["report", "wrong.arch", "--format", "html", "--allow-errors", "-o", "page.html"]) == 1
    assert "error[unequal-shapes]" in capsys.readouterr().err
    (text,) = re.findall(r'id="data">(.*?)</script>', Path("page.html").read_text(), re.DOTALL)
    data = json.loads(text)
    nodes = [node for block in data["blocks"] for node in block["nodes"]]
    (place,) = (node for node in nodes if node.get("kind") == "wrong")
    assert data["partial"] and data["memory"] == [] and data["problems"][0]["code"] == "unequal-shapes"
    assert set(place["counts"]) == {None} and place["written"] == "residual"
    assert "add needs equal shapes" in data["summaries"][place["summary"]]
    assert main(["report", "wrong.arch", "--allow-errors"]) == 2
    assert "--allow-errors is for --format html" in capsys.readouterr().err


@pytest.mark.parametrize("name", WRONG)
def test_every_page_has_its_mistakes(name: str, tmp_path: Path) -> None:
    wrong = checked(name, tmp_path)
    data = partial_data(known_of(wrong), wrong.sources)
    assert data["blocks"] and len(data["problems"]) == len(wrong.diagnostics)


def test_a_valid_net_is_drawn_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for allowed in ((), ("--allow-errors",)):
        assert main(["render", "lenet5", *allowed, "-o", f"{len(allowed)}.svg"]) == 0
    assert Path("0.svg").read_bytes() == Path("1.svg").read_bytes()


def test_several_nets_of_a_wrong_file_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = tmp_path / "two.arch"
    two.write_text(net(IMAGE, "relux", "output") + net(IMAGE, "relu", "output").replace("net wrong", "net right"))
    assert main(["render", str(two), "--allow-errors", "-o", str(tmp_path / "two.svg")]) == 2
    assert "name one" in capsys.readouterr().err
    assert main(["render", f"{two}:wrong", "--allow-errors", "-o", str(tmp_path / "two.svg")]) == 1
    assert main(["render", f"{two}:right", "--allow-errors", "-o", str(tmp_path / "right.svg")]) == 0


def test_what_is_known_is_no_graph_and_is_neither_saved_nor_emitted(tmp_path: Path) -> None:
    known = checked("an unknown operator", tmp_path).partial()
    assert isinstance(known, PartialGraph) and not isinstance(known, Graph)
    assert not hasattr(known, "model_dump") and not hasattr(known, "root")
    with pytest.raises(PydanticSerializationError, match="no JSON"):
        known.drawing.model_dump_json()
    (place,) = (node for node in known.drawing.root.nodes if is_wrong(node))
    assert isinstance(place, OpNode)
    with pytest.raises(TypeError, match="torch call"):
        place.torch()
