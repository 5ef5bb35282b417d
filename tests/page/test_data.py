"""The data of the page: what its blocks hold, expanded here, is the report of the net."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import archlang
from archlang.compiler import check
from archlang.facts.memory.heap import KINDS
from archlang.facts.net import NetFacts
from archlang.highlight.spans import coloured
from archlang.page import PageSetup, page_data
from archlang.page.folds import folds_of
from archlang.page.html import embedded
from archlang.paths import SPECS
from archlang.program import Scope
from archlang.report.data import COUNTS
from archlang.shipped import shipped_nets
from archlang.structure import Structure, structure_of
from archlang.why import Whys
from archlang.why.passing import seen_text
from archlang.zoo import entry, measured, published
from tests.page.test_progressions import every_number, every_text

ZOO = Path(__file__).parents[2] / "archlang" / "page" / "zoo.json"
NETS = Path(__file__).parents[1] / "nets"


def data_of(spec: str, setup: PageSetup | None = None) -> dict[str, Any]:
    checked = check(spec, only=True)
    return page_data(checked.graphs[0], checked.sources, setup)


class Walk:
    """Every operator of the data in order, as the page expands it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.turns: dict[int, int] = {}
        self.found: list[tuple[str, dict[str, Any], int]] = []
        self.block(len(data["blocks"]) - 1, "")

    def block(self, at: int, around: str) -> None:
        for node in self.unfolded(at):
            path = ".".join(filter(None, (around, node["path"])))
            if "block" in node:
                self.block(node["block"], path)
            else:
                turn = self.turns.get(id(node), 0)
                self.turns[id(node)] = turn + 1
                self.found.append((path, node, turn))

    def unfolded(self, at: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for node in self.data["blocks"][at]["nodes"]:
            times = node.get("times", 1)
            found += [{**node, "path": path} for path in every_text(node["path"], times)] if times > 1 else [node]
        return found


@pytest.mark.parametrize(
    "spec, mode",
    [
        ("googlenet", "train"),
        ("captioning", "eval"),
        ("resnet_cifar:resnet20", "eval"),
        (str(NETS / "llama.arch"), "train"),
    ],
)
def test_the_layers_are_those_of_the_report(spec: str, mode: Any) -> None:
    data = data_of(spec, PageSetup(batch=2, mode=mode))
    walk = Walk(data)
    report = archlang.load(spec).report(batch=2, mode=mode)
    nodes = {id(node): node for _, node, _ in walk.found}
    counts = {at: [every_number(one, walk.turns[at]) for one in node["counts"]] for at, node in nodes.items()}
    assert len(walk.found) == len(report.layers)
    for (path, node, turn), row in zip(walk.found, report.layers, strict=True):
        assert (path, node["op"]) == (row.path, row.op)
        told = [each[turn] for each in counts[id(node)]]
        unknown = {"saved_bytes"} if row.saved_untold else set[str]()
        assert node["idle"] in (0, int(not row.runs)) or mode == "train"
        assert told == [None if name in unknown else of(row) for name, of in COUNTS.items()]


def test_what_is_told_is_what_why_tells() -> None:
    whys = Whys(archlang.load("resnet50").graph)
    for path, node, turn in Walk(data_of("resnet50")).found:
        if not node["named"]:
            continue
        (told,) = whys.at(path).layers
        facts = {name: every_text(text, 100)[turn] for name, text in node["facts"].items()}
        assert facts["sees"] == seen_text(told.receptive)
        assert [[line.name, line.value] for line in told.law if (line.formula, line.value) != ("0", 0)] == [
            [name, int(steps[-1].replace(",", ""))] for name, steps in node["law"]
        ]


def test_the_data_grows_with_the_blocks_and_not_with_their_calls() -> None:
    sizes = [len(embedded(data_of(f"resnet_cifar:{net}"))) for net in ("resnet56", "resnet1202")]
    assert sizes[1] < sizes[0] * 1.1


def nodes_of(entries: list[Any]) -> Iterator[int]:
    """Yield the nodes of some entries of a block, as the page expands them."""
    for one in entries:
        if isinstance(one, int):
            yield one
        elif "calls" in one:
            yield from cast("list[int]", every_number(one["calls"], 0))
        else:
            yield from nodes_of(one.get("chain") or one["entries"])


@pytest.mark.parametrize("spec", ["resnet50", "densenet121", "vgg16", str(NETS / "llama.arch")])
def test_every_node_of_a_block_has_one_place(spec: str) -> None:
    graph = check(spec, only=True).graphs[0]
    folds = folds_of(graph)
    for block in folds.scopes:
        count = len(folds.regions[block].block.nodes)
        assert [*nodes_of(folds.entries(block))] == [*range(count)]


def test_a_page_folds_as_report_and_figure_do() -> None:
    for spec in ("resnet50", "densenet121", "swin_t"):
        graph = check(spec, only=True).graphs[0]
        structure, folds = structure_of(graph), folds_of(graph)
        for block, scope in folds.scopes.items():
            wanted = [*times_of(structure, scope)]
            assert [one["times"] for one in groups_of(folds.entries(block)) if "times" in one] == wanted


def times_of(structure: Structure, scope: Scope) -> Iterator[int]:
    """Yield how often each thing repeats in a scope, and in the braces in it."""
    for run in structure.runs(scope):
        if len(run) > 1:
            yield len(run)
        for part in (part for unit in run for part in unit):
            if isinstance(part, Scope) and part.call is None:
                yield from times_of(structure, part)


def groups_of(entries: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the braces, boxes and repeats among some entries, and those in them."""
    for one in entries:
        if isinstance(one, dict):
            yield one
            yield from groups_of(one.get("entries", []))


def test_what_repeats_is_told_as_in_the_figure() -> None:
    graph = check("resnet50", only=True).graphs[0]
    (stage,) = (one for one in groups_of(folds_of(graph).entries(graph.root.id)) if one.get("path") == "layer2")
    assert (stage["times"], stage["word"]) == (4, "bottleneck")
    assert stage["each"]["lines"][3] == ["1×1 conv, 512, /2 · BN", 1]
    assert stage["each"]["note"].startswith("dashed: only the first")
    assert stage["each"]["table"] == [("", "s"), ("layer2.0–3 ×4", "2, then 1")]


def test_calls_without_layers_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "n.arch").write_text(
        "block same {\n  input x\n  output x\n}\nnet n {\n  input image: 3x8x8\n  conv 3x3 3 pad=1 -> relu\n  same\n"
        '  conv 3x3 3 pad=1 -> relu\n  same\n  repeat 2 as i { "b{i}": { same -> tanh } }\n  output\n}\n'
    )
    graph = check(str(tmp_path / "n.arch"), only=True).graphs[0]
    folds = folds_of(graph)
    assert [*nodes_of(folds.entries(graph.root.id))] == [*range(len(graph.root.nodes))]


def test_memory_is_that_of_the_command() -> None:
    training, inference = data_of("resnet50")["memory"]
    net = archlang.load("resnet50")
    for told, mode in ((training, "training"), (inference, "inference")):
        memory = net.memory(mode=mode)
        assert told["moments"][told["peak"]][3] == memory.peak_bytes
        assert [moment[3] for moment in told["moments"]] == [moment.peak_bytes for moment in memory.timeline]
        sizes = {kind: every_number(written, len(memory.timeline)) for _, kind, written in told["bands"]}
        assert [*sizes] == [kind for kind in KINDS if any(kind in one for one in memory.kinds)]
        for at, kinds in enumerate(memory.kinds):
            assert {kind: size[at] for kind, size in sizes.items() if size[at]} == {k: n for k, n in kinds.items() if n}
        at_peak = {kind: size[told["peak"]] for kind, size in sizes.items() if size[told["peak"]]}
        assert at_peak == {kind: size for kind, size in memory.by_kind.items() if size}


@pytest.mark.parametrize("text", ["", "net n { }\n", "\n\n # a\n", "a\tb", "net é {\r\n}\r\n", '"open', "\u2028"])
def test_coloured_parts_are_the_text(text: str) -> None:
    lines = ["".join(part for _, part in line) for line in coloured(text)]
    assert lines == text.replace("\r\n", "\n").split("\n")


def test_words_of_a_spec_have_colours() -> None:
    (line,) = coloured("fc1: conv 3x3 64 # a")
    assert {kind for kind, _ in line} >= {"label", "operator", "number", "comment"}


@pytest.mark.sweep
def test_the_nets_of_the_plot_are_the_shipped_ones(rewrite_golden: bool) -> None:
    """It takes 20 seconds to count them, so the page reads a file."""
    rows: list[list[Any]] = []
    for path, names in shipped_nets():
        for name in names:
            if path.parent == SPECS and name in published():
                checked = check(name, only=True)
                graph = checked.graphs[0]
                one = entry(NetFacts(graph), path.stem, checked.source.text)
                found = measured(str(path), graph, one)
                assert found is not None and found.macs is not None
                rows.append([name, one.family, found.macs, one.params, found.top1, found.side])
    text = "[\n" + ",\n".join(json.dumps(row) for row in sorted(rows)) + "\n]\n"
    if rewrite_golden:
        ZOO.write_text(text, encoding="utf-8")
    assert ZOO.read_text(encoding="utf-8") == text
