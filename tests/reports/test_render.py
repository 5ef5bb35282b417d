"""Pictures: what they show, that any name can be drawn, and that Graphviz needs nothing of the system."""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import pytest

from archlang.diagnostics import Rejected
from archlang.ir import Block, CallNode, Graph, Node, OpNode, Port
from archlang.ops import registry
from archlang.ops.base import Kind, Operator
from archlang.ops.written import arguments
from archlang.render import Look, dot, drawing, layout, pictures
from archlang.shapes import TensorType, input_type
from archlang.source import Span

FULL = Look(style="full")
HERE = Span("by hand", 1, 1, 1, 2)


def picture(graph: Graph, format: str, title: str | None = None) -> bytes:
    """Return the drawing of every operator."""
    return pictures.picture(graph, format, title, FULL)


class Chain:
    """A straight block, built step by step."""

    def __init__(self, name: str, x: TensorType, input: str = "image", id: str = "") -> None:
        self.name, self.input, self.id = name, input, id or name
        self.types, self.nodes = [x], list[Node]()

    def op(self, word: str, scope: str = "", name: str | None = "0", **fields: Any) -> Chain:
        return self.apply(registry()[word].model_validate(fields), scope, name)

    def apply(self, op: Operator, scope: str = "", name: str | None = "0", inputs: tuple[int, ...] = ()) -> Chain:
        inputs = inputs or (len(self.types) - 1,)
        self.types += op.outputs(*(self.types[value] for value in inputs))
        outputs = (len(self.types) - 1,)
        self.nodes.append(OpNode(op=op, scope=scope, name=name, inputs=inputs, outputs=outputs, span=HERE))
        return self

    def call(self, block: Block, scope: str = "", name: str | None = "0") -> Chain:
        it = len(self.types)
        self.types.append(block.types[block.outputs[0].value])
        self.nodes.append(CallNode(block=block.id, scope=scope, name=name, inputs=(it - 1,), outputs=(it,), span=HERE))
        return self

    def block(self) -> Block:
        return Block(
            id=self.id, name=self.name, arguments={}, inputs=(Port(name=self.input, value=0),),
            outputs=(Port(name="output", value=len(self.types) - 1),), types=tuple(self.types),
            nodes=tuple(self.nodes), scopes=(), labels={},
        )  # fmt: skip

    def graph(self, *blocks: Block) -> Graph:
        # without validation, which would refuse names that the language cannot write
        return Graph.model_construct(name=self.name, arguments={}, blocks=(*blocks, self.block()))


class Plus(Operator):
    """A join, as the language will have one."""

    word: ClassVar[str] = "plus"
    join: ClassVar[bool] = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        return (inputs[0],)


class Strange(Operator):
    """Arguments of every kind."""

    word: ClassVar[str] = "strange"
    positional: ClassVar[Mapping[str, Kind]] = {"pattern": "string", "sizes": "list", "factor": "number"}

    pattern: str = "n c -> c n"
    sizes: tuple[int, ...] = (1, 2)
    factor: float | None = None
    stride: int = 1
    act: Operator | None = None
    mode: str = "nearest"


def lenet() -> Graph:
    net = Chain("lenet5", input_type((1, 32, 32)))
    for i, width in enumerate((6, 16)):
        net.op("conv", "features", str(3 * i), kernel=(5, 5), out=width).op("tanh", "features", str(3 * i + 1))
        net.op("avgpool", "features", str(3 * i + 2), kernel=(2, 2), stride=2)
    net.op("conv", "features", "6", kernel=(5, 5), out=120).op("tanh", "features", "7").op("flatten", name="1")
    net.op("linear", "classifier", "0", out=84).op("tanh", "classifier", "1").op("linear", "classifier", "2", out=10)
    return net.graph()


def repeated(times: int, name: str | None = None) -> Graph:
    """Return a net that calls one block of three operators several times in a row, with one operator between rows."""
    unit = Chain("unit", input_type((4, 8, 8)), "x")
    for i in range(3):
        unit.op("relu", name=f"act{i}")
    block = unit.block()
    net = Chain("net", input_type((4, 8, 8)))
    for row in ("layer1", "layer2"):
        for i in range(times):
            net.call(block, row, name or str(i))
        net.op("tanh", name=f"after_{row}")
    return net.graph(block)


def texts(graph: Graph) -> list[str]:
    """Return the words of the laid-out picture, each line of words as one string, in order."""
    root = ElementTree.fromstring(picture(graph, "svg"))  # noqa: S314  (our own picture)
    groups = [group for group in root.iter("{http://www.w3.org/2000/svg}g") if group.get("id") != "graph0"]
    own = ["".join(t.text or "" for t in g.findall("{http://www.w3.org/2000/svg}text")) for g in groups]
    return [" ".join(words.replace("\xa0", " ").split()) for words in own]


def titles(graph: Graph, kind: str) -> int:
    """Return how many nodes, edges or clusters the laid-out picture has."""
    return picture(graph, "svg").decode().count(f'class="{kind}"')


def test_lenet_shows_its_operators_shapes_and_scopes() -> None:
    shown = texts(lenet())
    inside = {"features", "classifier", "image", "output", "0 conv 5x5 6", "2 avgpool 2x2/2", "1 tanh", "1 flatten"}
    assert inside <= set(shown)
    shapes = ["1x32x32", "6x28x28", "6x28x28", "6x14x14", "16x10x10", "16x10x10", "16x5x5", "120x1x1", "120x1x1"]
    assert sorted(w for w in shown if w.replace("x", "").isdigit()) == sorted([*shapes, "120", "84", "84", "10"])
    assert (titles(lenet(), "node"), titles(lenet(), "edge"), titles(lenet(), "cluster")) == (14, 13, 2)


@pytest.mark.parametrize(
    "word, fields, written",
    [
        ("conv", {"kernel": (3, 3), "out": 64, "stride": 2, "pad": 1}, "3x3/2 64 pad=1"),
        ("conv", {"kernel": (3, 1), "out": 4, "stride": (1, 2), "pad": (1, 0)}, "3x1/1x2 4 pad=[1, 0]"),
        ("conv", {"kernel": (3, 3), "out": 4, "groups": 4, "bias": False}, "3x3 4 groups=4 bias=false"),
        ("conv", {"kernel": (5,), "out": 6, "stride": (2,), "pad": "same"}, "[5]/2 6 pad=same"),
        ("conv", {"kernel": (1, 1), "out": 1, "padding_mode": "reflect"}, "1x1 1 padding_mode=reflect"),
        ("maxpool", {"kernel": (2, 2)}, "2x2"),
        ("maxpool", {"kernel": (3, 3), "stride": 2, "ceil": True}, "3x3/2 ceil=true"),
        ("linear", {"out": 10}, "10"),
        ("dropout", {}, "0.5"),
        ("relu", {}, ""),
        ("batchnorm", {"eps": 0.001}, "eps=0.001"),
    ],
)  # fmt: skip
def test_arguments_are_written_as_the_language_writes_them(word: str, fields: dict[str, Any], written: str) -> None:
    assert " ".join(arguments(registry()[word].model_validate(fields))) == written


def test_arguments_of_kinds_that_no_operator_has_yet() -> None:
    assert arguments(Strange()) == ['"n c -> c n"', "[1, 2]"]
    conv = registry()["conv"].model_validate({"kernel": (3, 3), "out": 8, "stride": 2})
    held = Strange(factor=0.5, stride=2, act=conv, mode="a b")
    assert arguments(held)[2:] == ["0.5", "/2", "act=conv(3x3/2, 8)", 'mode="a b"']
    assert arguments(Strange(act=registry()["relu"]()))[2:] == ["act=relu"]


NASTY = [
    'say "hi"',
    "{a|b}",
    "<b>x",
    "x</b>",
    "<x>",
    "a\\nb",
    "a\\",
    "\\\\",
    "\\N\\G\\l",
    "&amp;",
    "é → 数",
    "n0",
    "node",
    "]]>",
    "a:b:c",
]


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_drawn_unchanged(name: str) -> None:
    inner = Chain(name, input_type((1, 8, 8)), name, id="inner").op("relu", name, name).block()
    graph = (
        Chain(name, input_type((1, 8, 8)), name, id="net").op("relu", name, name).call(inner, name, name).graph(inner)
    )
    shown = texts(graph)
    assert shown.count(name) == 3  # the input, the scope of the net and that of the block
    assert f"{name} relu" in shown
    assert f"{name} {name}" in shown


@pytest.mark.parametrize("name, drawn", [("a\nb", "a\\nb"), ("a\x00\x1b", "a\\x00\\x1b"), ("\ud800", "\\ud800")])
def test_unprintable_characters_are_written_out(name: str, drawn: str) -> None:
    assert drawn in texts(Chain("net", input_type((1, 8, 8)), name).op("relu").graph())


def test_a_net_without_a_title_is_drawn() -> None:
    assert b"lenet5" not in picture(lenet(), "svg", title="")


def test_a_join_has_several_edges_and_no_name() -> None:
    net = Chain("net", input_type((1, 8, 8))).op("relu")
    graph = net.apply(Plus(), name=None, inputs=(0, 1)).graph()
    assert "plus" in texts(graph)
    assert titles(graph, "edge") == 4


def test_calls_are_clusters_and_a_call_without_a_name_adds_none() -> None:
    assert titles(repeated(1), "cluster") == 2 + 2
    assert "0 unit" in texts(repeated(1))
    block = Chain("trunk", input_type((4, 8, 8)), "x").op("relu", "layer1").block()
    net = Chain("net", input_type((4, 8, 8))).op("tanh", "layer1", "stem").call(block, name=None).graph(block)
    assert titles(net, "cluster") == 1


def test_repeats_are_folded() -> None:
    shown = texts(repeated(5))
    assert shown.count("0–4 unit ×5") == 2  # in layer1 and in layer2
    assert (
        sorted(words for words in shown if words.startswith("act"))
        == ["act0 relu"] * 2 + ["act1 relu"] * 2 + ["act2 relu"] * 2
    )


def test_above_the_limit_each_block_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "FOLD_ABOVE", 5)
    shown = texts(repeated(5))
    assert [words for words in shown if words.startswith("act")] == ["act0 relu", "act1 relu", "act2 relu"]
    assert sum("unit" in words for words in shown) == 2  # drawn open in layer1, as one box in layer2
    assert titles(repeated(5), "edge") == 1 + 3 + 1 + 1 + 1


def test_each_format_is_what_it_says() -> None:
    assert picture(lenet(), "svg").lstrip().startswith(b"<?xml")
    assert picture(lenet(), "pdf").startswith(b"%PDF")
    assert picture(lenet(), "dot").decode() == "// made by archlang\n" + dot(lenet())
    png = picture(lenet(), "png")
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert height > 3 * width > 900  # points times 2, top-down


def test_letters_come_from_the_package(tmp_path: Path) -> None:
    """Names in the picture are drawn with the font that is installed with archlang, not with what the machine has."""
    assert b"OpenSans" in picture(lenet(), "pdf")


def test_an_unknown_format_is_rejected() -> None:
    with pytest.raises(Rejected, match="not as gif"):
        picture(lenet(), "gif")


def test_a_png_that_nobody_could_read_is_rejected() -> None:
    net = Chain("net", input_type((1, 8, 8)))
    for _ in range(900):
        net.op("relu")
    with pytest.raises(Rejected, match="as a PNG") as caught:
        picture(net.graph(), "png")
    assert caught.value.code == "picture-too-large"
    assert caught.value.help is not None and ".svg" in caught.value.help


def test_a_long_png_has_fewer_dots_and_fits() -> None:
    net = Chain("net", input_type((1, 8, 8)))
    for _ in range(400):
        net.op("relu")
    _, height = struct.unpack(">II", picture(net.graph(), "png")[16:24])
    assert 30_000 < height <= layout.MOST_PIXELS


def test_dot_is_the_same_each_time() -> None:
    assert dot(repeated(3)) == dot(repeated(3))


def test_errors_of_graphviz_are_reported() -> None:
    with pytest.warns(RuntimeWarning, match="Graphviz says: .*nowhere"):
        layout.lay_out('digraph { a [shape="nowhere"] }', "svg")


def test_broken_dot_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="Graphviz ended with status 1"):
        layout.lay_out("digraph { a -> ", "svg")


@pytest.mark.parametrize("format", ["svg", "png"])
def test_no_program_and_no_setting_of_the_system_is_needed(format: str, tmp_path: Path) -> None:
    """No PATH, no home, another directory, and a module of the same name as Graphviz's in it."""
    (tmp_path / "pygraphviz.py").write_text("raise SystemExit('the wrong one')")
    program = "import sys; from archlang.render.layout import lay_out; sys.stdout.buffer.write(lay_out(*sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program, "digraph { a -> b }", format],
        cwd=tmp_path, env={}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) > 500


def test_warnings_are_silent_for_an_ordinary_net() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for format in ("svg", "png", "pdf"):
            picture(lenet(), format)
