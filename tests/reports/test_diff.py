"""`archlang diff`: the changes from one net to another, and their cost."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlang.cli import main
from archlang.compiler import check
from archlang.diff import Change, Diff, diff, rows
from archlang.diff.aligning import aligned
from archlang.diff.tree import Kinds, attributes, leaves, tree
from archlang.elaborate import elaborate
from archlang.facts.named_values import outputs_of
from archlang.ir import Graph
from archlang.parse import parse
from archlang.source import Source
from tests.house.test_house import without_torch

BASE = """block unit(width, fn=relu) { residual { conv1: conv 3x3 width pad=1 -> fn -> conv2: conv 3x3 width pad=1 } }
block other(width) { conv 1x1 width -> sigmoid }
net a {
  input image: 3x16x16
  stem: conv 3x3 8 pad=1
  kept: it
  body: { repeat 4 { unit 8 } }
  (it, kept) -> concat
  norm: batchnorm
  act: relu
  dropout 0.5
  globalavgpool -> flatten -> head: linear 10
  logits: it
  output logits
}
"""

Told = tuple[str, str | None, str | None, str, int]


def graph(text: str, folder: Path, name: str = "a.arch") -> Graph:
    (folder / name).write_text(text)
    checked = check(str(folder / name), only=True)
    assert checked.rendered() == []
    return checked.graphs[0]


def shipped(name: str) -> Graph:
    return check(name, only=True).graphs[0]


def told(found: Diff) -> list[Told]:
    """Return kind, places, change and count of every change, without those that only follow."""
    return [
        (row.change.kind, row.before, row.after, said(row.change), row.change.times)
        for row in rows(found.changes)
        if row.change.kind != "follows"
    ]


def said(change: Change) -> str:
    return ", ".join(f"{each.name} {each.before} > {each.after}" for each in change.arguments)


def written(one: Graph) -> object:
    """Return everything about a net that a diff compares, in a flat list."""
    layers = [
        (layer.path, layer.op, layer.inputs, layer.output_types, *attributes(layer).items()) for layer in one.flat()
    ]
    inputs = [(port.name, one.root.types[port.value]) for port in one.root.inputs]
    outputs = [(port.name, port.training) for port in one.root.outputs]
    return layers, inputs, outputs, outputs_of(one)


def assert_adds_up(found: Diff) -> None:
    before, after = found.totals
    counted = [row for row in rows(found.changes) if not row.indent]
    assert sum(row.params for row in counted) == after.params - before.params
    assert sum(row.macs for row in counted) == after.macs - before.macs


# ---- laws

NETS = ("lenet5", "vgg11", "vgg16", "vgg16_bn", "mobilenet_v2", "resnet18", "resnet34", "resnet50")
MORE = ("resnext50_32x4d", "wide_resnet50_2", "densenet121", "densenet201", "googlenet", "swin_t", "fractalnet")


@pytest.mark.parametrize(
    "befores", [("vgg16", "resnet50", "googlenet"), pytest.param((*NETS, *MORE[:-1]), marks=pytest.mark.sweep)]
)
@pytest.mark.parametrize("after", ["vgg16", "resnet50", "googlenet", "densenet201", "swin_t"])
def test_the_changes_add_up_to_the_difference(after: str, befores: tuple[str, ...]) -> None:
    other = shipped(after)
    for before in befores:
        one = shipped(before)
        for fold in (True, False):
            found = diff(one, other, fold)
            assert_adds_up(found)
            assert found.same == (written(one) == written(other))


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_every_part_is_in_one_pair(before: list[str], after: list[str]) -> None:
    steps = {"a": "relu", "b": "conv 1x1 4", "c": "conv 3x3 4 pad=1", "d": "batchnorm"}
    one, other = (from_steps([steps[word] for word in words]) for words in (before, after))
    kinds = Kinds()
    ours, theirs = tree(one, kinds).parts, tree(other, kinds).parts
    pairs = aligned(ours, theirs)
    assert [pair.before for pair in pairs if pair.before] == list(ours)
    assert [pair.after for pair in pairs if pair.after] == list(theirs)
    assert all(pair.before or pair.after for pair in pairs)
    found = diff(one, other)
    assert found.same == (before == after)
    assert_adds_up(found)
    told_each = [row.change.kind for row in rows(diff(one, other, fold=False).changes)]
    assert told_each.count("added") - told_each.count("removed") == len(after) - len(before)


def from_steps(steps: list[str]) -> Graph:
    lines = "\n  ".join(["input x: 4x4x4", *steps, "identity", "output"])
    file, wrong = parse(Source("a.arch", f"net a {{\n  {lines}\n}}\n"))
    net, more = elaborate(file, "a")
    assert net is not None and not wrong and not more
    return net


def test_the_tree_holds_every_layer_in_order() -> None:
    net = shipped("googlenet")
    found = list(leaves(tree(net, Kinds())))
    assert [leaf.number for leaf in found] == list(range(len(found)))
    assert [leaf.layer for leaf in found] == list(net.flat())


# ---- the description of each change


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("dropout 0.5", "dropout 0.5", []),
        ("block other", "block unused", []),
        ("act: relu", "act: gelu", [("changed", "act", "act", "", 1)]),
        ("dropout 0.5", "dropout 0.2", [("changed", "4", "4", "p 0.5 > 0.2", 1)]),
        ("  dropout 0.5\n", "", [("removed", "4", None, "", 1)]),
        ("linear 10", "linear 20 bias=false", [("changed", "head", "head", "out 10 > 20, bias true > false", 1)]),
        ("head:", "classifier:", [("changed", "head", "classifier", "", 1)]),
        ("norm: batchnorm", "batchnorm", [("changed", "norm", "2", "", 1)]),
        ("stem: conv 3x3 8 pad=1", "stem: conv 5x5 8 pad=2",
         [("changed", "stem", "stem", "kernel 3x3 > 5x5, pad 1 > 2", 1)]),
        ("repeat 4", "repeat 6", [("added", None, "body.4 to body.5", "", 2)]),
        ("repeat 4", "repeat 1", [("removed", "body.1 to body.3", None, "", 3)]),
        ("{ unit 8 }", "{ unit 8 fn=gelu }",
         [("changed", "body.0 to body.3", "body.0 to body.3", "", 4), ("changed", "body.0.1", "body.0.1", "", 1)]),
        ("{ unit 8 }", "{ other 8 }",
         [("removed", "body.0 to body.3", None, "", 4), ("added", None, "body.0 to body.3", "", 4)]),
        ("(it, kept) -> concat", "(kept, it) -> concat",
         [("changed", "(concat)", "(concat)", "input 1 body.3 (add) > stem, input 2 stem > body.3 (add)", 1)]),
        ("(it, kept) -> concat", "(it, kept, it) -> concat",
         [("changed", "(concat)", "(concat)", "inputs body.3 (add), stem > body.3 (add), stem, body.3 (add)", 1)]),
        ("  norm: batchnorm\n  act: relu\n", "  act: relu\n  norm: batchnorm\n",
         [("changed", "act", "act", "input norm > (concat)", 1), ("changed", "norm", "norm", "input (concat) > act", 1),
          ("changed", "4", "4", "input act > norm", 1)]),
        ("  output logits", "  freeze stem\n  output logits", [("changed", "stem", "stem", "trained true > false", 1)]),
        ("logits", "scores", [("changed", "logits", "scores", "", 1)]),
        ("image: 3x", "picture: 1x", [("changed", "image", "picture", "", 1)]),
        ("output logits", "aux: relu\n  output aux, head", [("added", None, "head", "", 1),
         ("changed", "logits", "aux", "", 1), ("added", None, "aux", "", 1)]),
    ],
)  # fmt: skip
def test_changes(old: str, new: str, expected: list[Told], tmp_path: Path) -> None:
    before, after = graph(BASE, tmp_path), graph(BASE.replace(old, new), tmp_path, "b.arch")
    found = diff(before, after)
    assert told(found) == expected
    assert_adds_up(found)
    assert found.same == (not expected) == (written(before) == written(after))


def test_a_step_between_moves_the_positions_of_others_and_changes_nothing_else(tmp_path: Path) -> None:
    before = graph(BASE, tmp_path)
    after = graph(BASE.replace("  dropout", "  tanh\n  dropout"), tmp_path, "b.arch")
    assert told(diff(before, after)) == [("added", None, "4", "", 1)]


def test_a_change_within_renamed_braces_is_listed_once(tmp_path: Path) -> None:
    text = BASE.replace("body: {", "trunk: {").replace("3x3 width pad=1 }", "3x3 width pad=1 bias=false }")
    found = diff(graph(BASE, tmp_path), graph(text, tmp_path, "b.arch"))
    assert told(found) == [
        ("changed", "body", "trunk", "", 1),
        ("changed", "body.0 to body.3", "trunk.0 to trunk.3", "", 4),
        ("changed", "body.0.conv2", "trunk.0.conv2", "bias true > false", 1),
    ]
    assert_adds_up(found)


def test_a_larger_input_changes_no_layer(tmp_path: Path) -> None:
    found = diff(graph(BASE, tmp_path), graph(BASE.replace("16x16", "32x32"), tmp_path, "b.arch"))
    (change, *others) = found.changes
    assert (change.kind, change.words, change.shapes) == ("changed", ("input", "input"), ("3x16x16", "3x32x32"))
    assert {each.kind for each in others} == {"follows"} and not found.same
    assert found.totals[0].params == found.totals[1].params


def test_ties_and_reuse(tmp_path: Path) -> None:
    text = "net a {\n  input x: [8]\n  one: linear 8\n  two: linear 8\n  output\n}\n"
    tied = diff(
        graph(text, tmp_path), graph(text.replace("two: linear 8", "two: linear 8 weight=one.weight"), tmp_path)
    )
    assert told(tied) == [("changed", "two", "two", "weight  > one.weight", 1)]
    assert tied.totals[1].params - tied.totals[0].params == -64
    reused = diff(graph(text, tmp_path), graph(text.replace("two: linear 8", "reuse one"), tmp_path))
    assert not reused.same
    assert_adds_up(reused)


def test_a_repeating_row_of_steps_is_listed_once() -> None:
    found = diff(shipped("densenet121"), shipped("densenet201"))
    assert [(change.words[1], change.times) for change in rows_of(found) if change.kind == "added"] == [
        ("layer, concat", 24),
        ("layer, concat", 16),
    ]


def rows_of(found: Diff) -> list[Change]:
    return [row.change for row in rows(found.changes)]


# ---- the command


def printed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["diff", *words]) == status
    return capsys.readouterr().out


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        printed(capsys, "resnet18", "resnet34")
        == """\
resnet18 to resnet34
parameters: 11,689,512 → 21,797,672 (+10,108,160, ×1.865)
MACs: 1,814,073,344 → 3,663,761,408 (+1,849,688,064, ×2.02)

   path                  layer     change  output      parameters            MACs
-  --------------------  --------  ------  ---------  -----------  --------------
+  layer1.2              basic             64x56x56       +73,984    +231,211,008
+  layer2.2 to layer2.3  basic ×2          128x28x28     +590,848    +462,422,016
+  layer3.2 to layer3.5  basic ×4          256x14x14   +4,722,688    +924,844,032
+  layer4.2              basic             512x7x7     +4,720,640    +231,211,008
-  --------------------  --------  ------  ---------  -----------  --------------
   total                                              +10,108,160  +1,849,688,064
"""
    )


def test_changes_that_follow_share_a_row_unless_all_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    few = [line.split() for line in printed(capsys, "vgg11", "vgg13").splitlines()]
    assert few[-3] == ["=", "1", "other", "layer", "follows", "+73,728", "+924,844,032"]
    every = [line.split() for line in printed(capsys, "vgg11", "vgg13", "--all").splitlines()]
    assert ["=", "features.7", "conv", "128x112x112", "+73,728", "+924,844,032"] in every


def test_no_difference_and_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "lenet5", "lenet5", "--exit-code") == "lenet5: no difference\n"
    assert printed(capsys, "vgg16", "vgg19")
    assert printed(capsys, "vgg16", "vgg19", "--exit-code", status=1)
    assert printed(capsys, "vgg16", status=2) == ""
    assert main(["diff", "vgg16", "vgg13", "vgg19"]) == 2
    assert capsys.readouterr().err.endswith("archlang: diff takes two SPECs, not 3\n")


def test_a_ratio_near_one_is_not_rounded_to_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "(+8,448, ×1.00006)\nMACs: 15,470,264,320\n" in printed(capsys, "vgg16", "vgg16_bn")


def test_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "resnet18", "resnet34", "--format", "md").splitlines()
    assert "| + | layer2.2 to layer2.3 | basic ×2 |  | 128x28x28 | +590,848 | +462,422,016 |" in lines


def test_programs_get_every_change_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    table = list(csv.DictReader(io.StringIO(printed(capsys, "resnet50", "resnext50_32x4d", "--format", "csv"))))
    data = json.loads(printed(capsys, "resnet50", "resnext50_32x4d", "--format", "json"))
    assert len(table) == len(data["changes"]) and not data["same"]
    for row, change in zip(table, data["changes"], strict=True):
        assert (row["kind"], int(row["params"]), int(row["macs"])) == tuple(map(change.get, ("kind", "params", "macs")))
    for count in ("params", "macs"):
        assert sum(change[count] for change in data["changes"]) == data["after"][count] - data["before"][count]
    (conv,) = (change for change in data["changes"] if (change["before"] or {}).get("path") == "layer3.4.conv2")
    assert conv["before"]["layer"] == "conv 3x3 256 pad=1 bias=false"
    assert conv["arguments"] == [
        {"name": "out", "before": "256", "after": "512"},
        {"name": "groups", "before": "1", "after": "32"},
    ]


def test_it_does_without_torch() -> None:
    done = without_torch("from archlang.cli import main; sys.exit(main())", "diff", "alexnet", "vgg11")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("alexnet to vgg11")


LAYERS = """block decoder(width, wide) {{
  residual {{ layernorm -> attention 4 }}
  residual {{ layernorm -> linear wide -> gelu -> linear width }}
}}
net lm(width={width}) {{
  input tokens: [16] dtype=int64
  embedding 50 width
  repeat 3 {{ decoder width ({times}*width) }}
  output
}}
"""


def test_a_block_of_one_structure_is_changed_under_any_name(tmp_path: Path) -> None:
    before = graph(LAYERS.format(width=32, times=4), tmp_path)
    after = graph(LAYERS.format(width=48, times=3).replace("decoder", "layer"), tmp_path, "b.arch")
    found = diff(before, after)
    assert not any(row.change.kind in "+-" for row in rows(found.changes))
    (block,) = [row for row in rows(found.changes) if row.change.words == ("decoder", "layer")]
    assert block.change.times == 3
