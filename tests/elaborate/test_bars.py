"""`for` and `if` around bars: which branches there are, and which texts are errors because they have two meanings."""

from __future__ import annotations

import pytest

from archlang.ir import Graph
from tests.parse.test_format import holds
from tests.specs import graph_of, net_of, words_at, wrong


def joined(body: str) -> list[str]:
    """Return the branches of the join, each as the operators on its way from the input, the last first."""
    graph = graph_of(net_of(body, parameters="extra=true, rates=[1, 2]"))
    (join,) = [node for node in graph.root.nodes if node.kind == "op" and node.op.join]
    return [_way(graph, value) for value in join.inputs]


def _way(graph: Graph, value: int) -> str:
    words: list[str] = []
    made = {output: node for node in graph.root.nodes for output in node.outputs}
    while value in made:
        node = made[value]
        assert node.kind == "op"
        words.append(node.name if node.name and not node.name.isdecimal() else node.op.word)
        (value,) = node.inputs
    return " ".join(words)


READINGS = [
    ("| a: relu\n| if extra { | b: tanh }", ["a", "b"]),
    ("| a: relu\n| if not extra { | b: tanh }\n| it", ["a", ""]),
    ("| a: relu\n| if extra { | b: tanh | c: relu } else { | d: relu }", ["a", "b", "c"]),
    ("| a: relu\n| if not extra { | b: tanh } else { | c: relu | d: relu }", ["a", "c", "d"]),
    ("| if not extra { | a: relu } else if extra { | b: relu | c: tanh }\n| it", ["b", "c", ""]),
    ("| for r in rates { | conv 3x3 3 pad=r dilation=r }\n| a: relu", ["conv", "conv", "a"]),
    ("| for r in rates { | if r > 1 { | tanh | relu } }\n| it", ["tanh", "relu", ""]),
    ("| if extra { for r in rates { | tanh } }\n| it", ["tanh", "tanh", ""]),
    ("| if extra { if extra { | a: tanh } else { | b: relu } }\n| it", ["a", ""]),
    ("| repeat 2 { | tanh | relu }", ["tanh", "relu", "tanh", "relu"]),
    # a branch of several lines, then bars
    ("| a: conv 1x1 3\nb: relu\n| if extra { | c: tanh }", ["b a", "c"]),
    # steps before the first bar of an `if`, led into it by an arrow: the branch goes on
    ("| a: relu -> if extra { | b: tanh | c: relu }\n| it", ["b a", "c a", ""]),
    ("| a: relu\n-> for r in rates { | tanh }", ["tanh a", "tanh a"]),
    ("| let r = 2\nfor i in [r, r] { | tanh }\n| it", ["tanh", "tanh", ""]),
    ("| a: relu\nif extra { b: tanh }\n| it", ["b a", ""]),  # braces without bars: the branch goes on
    ("| { | relu | tanh }\n| it", ["relu", "tanh", ""]),
]  # fmt: skip


@pytest.mark.parametrize("lines, branches", READINGS)
def test_reading(lines: str, branches: list[str]) -> None:
    """The bars decide which branches there are, and the formatter keeps them."""
    body = f"add {{\n{lines}\n}}"
    assert joined(body) == branches
    text = net_of(body, parameters="extra=true, rates=[1, 2]")
    laid = holds(text)
    assert _shape(laid) == _shape(text)


def _shape(text: str) -> list[object]:
    return [(node.path, node.inputs, node.outputs) for node in graph_of(text).root.nodes]


FORGOTTEN = [
    ("| a: conv 1x1 3\n| b: conv 3x3 3 pad=1\nif extra { | c: batchnorm }", "if"),
    ("| relu\nfor r in rates { | conv 3x3 3 pad=r dilation=r }", "for"),
    ("| relu\nrepeat 2 { | tanh }\n| it", "repeat"),
    ("| relu; if extra { | tanh }", "if"),
    ("| relu\nx: if extra { | tanh }", "if"),
    ("| relu\nif extra { for r in rates { | tanh } }", "if"),
    ("| relu\nif extra { | tanh | relu } -> add\n| it", "if"),
    ("| if extra { relu\nif extra { | tanh } }\n| it", "if"),
    ("| for r in rates { relu\nfor s in rates { | tanh } }\n| it", "for"),
    ("| if extra { | relu } else if extra { tanh\nfor r in rates { | tanh } }\n| it", "for"),
]


@pytest.mark.parametrize("lines, word", FORGOTTEN)
def test_a_line_that_could_be_read_in_two_ways_is_an_error(lines: str, word: str) -> None:
    text = net_of(f"add {{\n{lines}\n}}", parameters="extra=true, rates=[1, 2]")
    found = wrong(text)
    assert [(diagnostic.code, words_at(text, diagnostic)) for diagnostic in found] == [("branch-without-bar", word)]
    assert f"`| {word} ...`" in (found[0].help or "")


@pytest.mark.parametrize(
    "lines",
    [
        "| if extra { | relu } else { tanh }",
        "| if extra { | relu } else { }",
        "| if extra { relu } else { | tanh }",
        "| if extra { | relu } else if extra { tanh }",
        "| for r in rates { | if extra { | relu } else { it } }",
    ],
)
@pytest.mark.parametrize("extra", ["true", "false"])
def test_both_sides_of_an_if_hold_bars(lines: str, extra: str) -> None:
    """This is required whichever side is taken."""
    text = net_of(f"add {{\n| it\n{lines}\n}}", parameters=f"extra={extra}, rates=[1, 2]")
    (diagnostic,) = wrong(text)
    assert (diagnostic.code, words_at(text, diagnostic)) == ("branch-without-bar", "{")


@pytest.mark.parametrize(
    "branch, is_told",
    [
        ("if true { tanh }", False),
        ("if false { tanh }", True),
        ("if it.channels > 3 { tanh }", True),
        ("if false { tanh } else { relu }", False),
        ("if false { | tanh } | relu", False),
        ("relu -> if false { tanh }", False),
    ],
)
def test_a_branch_whose_condition_does_not_hold_is_told_where_shapes_differ(branch: str, is_told: bool) -> None:
    (found,) = wrong(net_of(f"concat {{ | conv 1x1 3 | {branch} | maxpool 2x2/2 }}"))
    assert found.code == "unequal-sizes"
    assert ("leaves the branch out" in (found.help or "")) == is_told
    assert any("this branch is `it`" in label.text for label in found.labels) == is_told
