"""The report's columns, depths, sums and modes: what is chosen, that it adds up, and what it costs to ask."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

import pytest

import archlang
from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.facts.passes import passes
from archlang.facts.receptive import receptive_fields
from archlang.facts.saved import saved
from archlang.facts.work import totals
from archlang.ir import Graph, is_at
from archlang.ops.base import Work
from archlang.report import By, Format, Mode, Report, View, render_report, report
from archlang.report.columns import DEFAULT, GROUPS
from archlang.report.data import COUNTS
from archlang.report.latex import escaped
from archlang.report.lines import lines
from tests.specs import graph_of, net_of

NESTED = net_of(
    """
  first: { stem: { conv 3x3 8 pad=1 -> keep: relu } -> { conv 1x1 8; conv 1x1 8 } }
  body: repeat 4 { pair 8 }
  { pair 8 -> inner: pair 8 }
  globalavgpool -> flatten -> linear 10
  """,
    before="""
block unit(width) { conv 3x3 width pad=1 bias=false -> batchnorm }
block pair(width) { residual { unit width -> relu -> unit width } }
""",
)
SHARED = net_of(
    "  step: unit 3\n  reuse step\n  side: { reuse step -> relu }\n  freeze step",
    before="block unit(width) { conv 3x3 width pad=1 -> relu }",
)
ZOO = ("lenet5", "resnet18", "googlenet", "densenet121")


@pytest.fixture(scope="module")
def nets() -> dict[str, Graph]:
    found = {name: archlang.load(name).graph for name in ZOO}
    return {**found, "nested": graph_of(NESTED), "shared": graph_of(SHARED)}


def table(made: Report, **view: Any) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the rows and the total of a report's CSV."""
    *rows, total = csv.DictReader(io.StringIO(render_report(made, "table", "csv", View(**view))))
    return rows, total


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("net", [*ZOO, "nested", "shared"])
def test_every_depth_adds_up(nets: dict[str, Graph], net: str, mode: Mode) -> None:
    made = report(nets[net], 2, mode=mode)
    whole = [sum(map(of, made.layers)) for of in COUNTS.values()]
    for view in ({}, {"depth": 0}, {"depth": 1}, {"depth": 2}, {"depth": 3}, {"by": "op"}):
        rows, total = table(made, columns=tuple(COUNTS), **view)
        assert [int(total[name]) for name in COUNTS] == whole
        assert [sum(int(row[name]) for row in rows) for name in COUNTS] == whole
    assert len(table(made, depth=0)[0]) == 1


@pytest.mark.parametrize("net", [*ZOO, "nested"])
def test_a_row_holds_what_is_at_or_below_its_path(nets: dict[str, Graph], net: str) -> None:
    made = report(nets[net])
    for depth in range(1, 5):
        held: list[int] = []
        for line in lines(made, depth):
            assert line.path.count(".") < depth
            assert all(is_at(layer.path, line.path) for layer in line.layers)
            held += [layer.values[0] for layer in line.layers]
        assert held == [layer.values[0] for layer in made.layers]


@pytest.mark.parametrize("net", [*ZOO, "nested", "shared"])
@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_the_rows_of_folded_calls_hold_every_layer_once(nets: dict[str, Graph], net: str, depth: int | None) -> None:
    made = report(nets[net])
    counts = list(COUNTS.values())
    top = [line for line in lines(made, depth, counts) if not line.place.startswith(" ")]
    assert [layer.values for line in top for layer in line.layers] == [layer.values for layer in made.layers]


def test_braces_and_calls_are_scopes(nets: dict[str, Graph]) -> None:
    shown = [(row["path"], row["op"], row["output"]) for row in table(report(nets["nested"]), depth=1)[0]]
    assert shown == [
        ("first", "{ }", "8x32x32"),
        ("body", "{ }", "8x32x32"),
        ("2", "{ }", "8x32x32"),
        ("3", "globalavgpool", "8x1x1"),
        ("4", "flatten", "8"),
        ("5", "linear", "10"),
    ]
    text = render_report(report(nets["nested"]), view=View(depth=2))
    lines_of = [" ".join(line.split()) for line in text.splitlines()]
    folded = [line for line in lines_of if "×" in line]
    assert [line.split(" MACs")[0].split("32x32 ")[0] for line in folded] == [
        "body.0 to body.3 pair ×4 8x",
        "2.0 to 2.inner pair ×2 8x",
    ]
    assert " 4,736 " in folded[0]
    assert any(line.startswith("first.stem { } 8x32x32 224 ") for line in lines_of)


def test_a_scope_has_the_shape_and_receptive_field_of_its_outputs() -> None:
    spec = """
block two(width) {
  near: conv 3x3 width pad=1
  (near) -> far: conv 5x5 width pad=2
  output near, far
}
net tried {
  input image: 3x32x32
  (a, b): two 4
  (a, b) -> concat
  pool: { conv 3x3/2 8 pad=1 -> maxpool 2x2/2 }
  output
}
"""
    made = report(graph_of(spec), batch=3)
    rows, _ = table(made, columns=("op", "output", "reach"), depth=1)
    two, join, pool = rows
    assert two["op"] == "two" and two["output"] == "4x32x32, 4x32x32"
    assert (two["receptive_field"], two["stride"], two["offset"]) == ("3x3, 7x7", "1x1", "-1x-1, -3x-3")
    assert join["path"] == "" and join["receptive_field"] == "7x7"
    assert (pool["receptive_field"], pool["stride"], pool["offset"]) == ("11x11", "4x4", "-4x-4")
    (net,) = json.loads(render_report(made, format="json", view=View(("reach",), depth=0)))["rows"]
    assert net["receptive_field"] == {"h": 11, "w": 11} and net["offset"] == {"h": -4, "w": -4}


def test_receptive_fields_without_a_number_are_described_in_words() -> None:
    spec = """
net tried {
  input image: 3x32x32
  twice: upsample 2
  (image) -> rows: mean axis=3
  (image) -> both: concat { | conv 2x2/2 4 | conv 17x17 4 }
  (image) -> globalavgpool -> flatten -> last: linear 2
  output twice, rows, both, last
}
"""
    made = report(graph_of(spec))
    rows, _ = table(made, columns=("op", "reach"))
    seen = {row["op"]: (row["receptive_field"], row["stride"], row["offset"]) for row in rows}
    assert seen["upsample"][:2] == ("1x1", "1/2 x 1/2")
    assert seen["mean"] == ("1 x whole", "1 x -", "0 x -")
    assert seen["concat"] == ("uneven", "", "")
    assert seen["linear"] == ("whole", "", "")
    told: dict[str, dict[str, Any]] = {layer.op: layer.to_json() for layer in made.layers}
    assert told["upsample"]["stride"] == {"h": "1/2", "w": "1/2"}
    assert told["mean"]["receptive_field"] == {"h": 1, "w": "whole"} and told["mean"]["stride"] == {"h": 1, "w": None}
    assert told["concat"]["receptive_field"] == {"h": "uneven", "w": "uneven"}
    assert told["linear"]["offset"] == {"h": None, "w": None}


def test_calls_that_differ_are_separate_rows() -> None:
    block = "block unit(width) { conv 3x3 width pad=1 }"
    made = report(graph_of(net_of('  body: repeat 5 { unit 3 }\n  freeze "body.3"', before=block)))

    def places(*columns: str) -> list[str]:
        return [line.place for line in lines(made, 2, [COUNTS[name] for name in columns])]

    assert places("params") == ["body.0 to body.4"]
    assert places("trainable_params") == ["body.0 to body.2", "body.3", "body.4"]
    assert places("backward_macs") == ["body.0", "body.1 to body.2", "body.3", "body.4"]  # no gradient of the image


def test_calls_side_by_side_are_separate_rows() -> None:
    """Equal calls share a row only if each takes the result of the one before it."""
    block = "block unit(width) { conv 3x3 width pad=1 }"
    body = "  x: unit 3\n  image -> y: unit 3\n  y -> z: unit 3\n  (x, z) -> add"
    made = report(graph_of(net_of(body, before=block)))
    counts = [COUNTS["params"], COUNTS["macs"]]
    assert [(line.place, line.op) for line in lines(made, 1, counts)] == [
        ("x", "unit"), ("y to z", "unit ×2"), ("(add)", "add"),
    ]  # fmt: skip


def test_shared_weights_count_once_and_their_work_each_time(nets: dict[str, Graph]) -> None:
    made = report(nets["shared"])
    rows, total = table(made, columns=("op", "params", "trainable_params", "macs"), depth=1)
    assert [(row["path"], row["op"], row["params"]) for row in rows] == [
        ("step", "unit", "84"),
        ("step", "unit", "0"),
        ("side", "{ }", "0"),
    ]
    assert len({row["macs"] for row in rows}) == 1
    assert (total["params"], total["trainable_params"]) == ("84", "0")


def test_googlenet_in_both_modes(nets: dict[str, Graph]) -> None:
    graph = nets["googlenet"]
    evaluation, training = report(graph), report(graph, mode="train")
    assert (evaluation.totals.macs, training.totals.macs) == (1_498_376_192, 1_506_748_416)
    assert evaluation.totals.params == training.totals.params == 13_004_888
    assert training.totals.output_values > evaluation.totals.output_values
    assert all(getattr(evaluation.totals, name) == value for name, value in asdict(totals(graph)).items())
    idle = [row for row in evaluation.layers if not row.runs]
    assert {row.path.partition(".")[0] for row in idle} == {"aux1", "aux2"}
    assert sum(row.params for row in idle) == 3_188_968 + 3_191_016
    told = [COUNTS[name](row) for row in idle for name in COUNTS if "params" not in name and name != "buffers"]
    assert set(told) == {0}
    assert all(row.runs for row in training.layers)
    assert "googlenet, batch 1, training" in render_report(training)
    assert "0 in evaluation" in render_report(evaluation, "cs231n")
    assert "0 in evaluation" not in render_report(training, "cs231n")


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("net", ["googlenet", "shared"])
def test_the_columns_are_the_facts(nets: dict[str, Graph], net: str, mode: Mode) -> None:
    graph, is_training = nets[net], mode == "train"
    made = report(graph, 4, mode=mode)
    told: dict[str, int] = json.loads(render_report(made, format="json"))["totals"]
    found = passes(graph, 4, is_training)
    for column in fields(Work):
        assert told[column.name] == getattr(found.forward, column.name)
        assert told[f"backward_{column.name}"] == getattr(found.backward, column.name)
    assert told["flops"] == 2 * told["macs"] == 2 * made.totals.macs
    assert told["saved_bytes"] == saved(graph, 4, training=is_training).bytes
    for name in ("params", "trainable_params", "buffers", "output_values", "output_bytes"):
        assert told[name] == getattr(made.totals, name)
    fields_of = receptive_fields(graph)
    assert all(row.receptive_field == fields_of[row.values[0]] for row in made.layers)


def test_columns_are_in_the_order_written_each_once_and_the_path_first() -> None:
    made = report(archlang.load("lenet5").graph)
    assert list(table(made)[0][0]) == list(DEFAULT)
    assert list(table(made, columns=("macs", "op", "macs"))[0][0]) == ["path", "macs", "op"]
    assert list(table(made, columns=("op", "path"))[0][0]) == ["op", "path"]
    both = list(table(made, columns=("work", "memory"))[0][0])
    assert both == ["path", *GROUPS["work"], *GROUPS["memory"]]
    every = list(table(made, columns=("all",))[0][0])
    assert set(every) == {name for group in GROUPS.values() for name in group}
    assert len(every) == len(set(every))
    layer = made.layers[0].to_json()
    rows = json.loads(render_report(made, format="json", view=View(("all",))))["rows"]
    assert rows[0] == {name: layer[name] for name in every}
    formats: tuple[Format, ...] = ("text", "md", "latex")
    for format in formats:
        assert "backward MACs" in render_report(made, format=format, view=View(("op", "backward_macs")))


@pytest.mark.parametrize(
    ("columns", "said"),
    [("mac", "did you mean `macs`?"), ("op,savd_bytes", "did you mean `saved_bytes`?"), ("zzz", "`all` shows")],
)
def test_an_unknown_column(columns: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "lenet5", "--columns", columns]) == 2
    told = capsys.readouterr()
    assert told.out == "" and said in told.err and "has no column" in told.err


@pytest.mark.parametrize(
    "words",
    [["--columns", "op,,macs"], ["--depth", "-1"], ["--depth", "1", "--by", "op"], ["--mode", "dream"], ["--by", "x"]],
)
def test_wrong_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", "lenet5", *words])
    assert ended.value.code == 2 and "error: argument" in capsys.readouterr().err


def test_the_lecture_has_its_own_columns(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--columns", "op"], ["--depth", "0"], ["--by", "block"]):
        assert main(["report", "lenet5", "--style", "cs231n", *words]) == 2
        assert "its own rows and columns" in capsys.readouterr().err
    made = report(archlang.load("lenet5").graph)
    with pytest.raises(ValueError, match="its own rows"):
        render_report(made, "cs231n", view=View(depth=1))
    with pytest.raises(ValueError, match="0 or more"):
        View(depth=-1)
    with pytest.raises(ValueError, match="not by both"):
        View(depth=1, by="op")
    with pytest.raises(Rejected, match="does not add up"):
        render_report(made, view=View(("output",), by="op"))


@pytest.mark.parametrize(("by", "held"), [("op", {"conv": 20, "add": 8, "linear": 1}), ("block", {"basic": 8})])
def test_sums(by: By, held: dict[str, int]) -> None:
    rows, total = table(report(archlang.load("resnet18").graph), by=by, columns=("all",))
    calls = {row[by]: int(row["calls"]) for row in rows}
    assert held.items() <= calls.items()
    assert list(rows[0]) == [by, "calls", *COUNTS]
    assert int(total["macs"]) == 1_814_073_344


def test_a_layer_counts_once_for_each_block_that_holds_it() -> None:
    spec = net_of(
        "  fractal 3 -> leaf",
        before="""
block leaf() { conv 3x3 3 pad=1 }
block fractal(n) { leaf; if n > 1 { fractal (n - 1) } }
""",
    )
    rows, total = table(report(graph_of(spec)), by="block")
    told = {row["block"]: (int(row["calls"]), int(row["params"])) for row in rows}
    assert told == {"fractal": (3, 3 * 84), "leaf": (4, 4 * 84)}
    assert int(total["params"]) == 4 * 84


def test_slow_facts_are_computed_only_when_asked_for(nets: dict[str, Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def spy(name: str, real: Callable[..., object]) -> None:
        def found(*given: object) -> object:
            asked.append(name)
            return real(*given)

        homes = {"receptive_fields": "facts.receptive"}  # where it is imported when asked
        monkeypatch.setattr(f"archlang.{homes.get(name, f'facts.{name}')}.{name}", found)

    for real in (passes, saved, receptive_fields):
        spy(real.__name__, real)
    graph = nets["resnet18"]
    render_report(report(graph), "table", "csv")
    render_report(report(graph), "cs231n")
    assert asked == []
    for columns, needed in (("flops", []), ("moved", ["passes"]), ("saved_bytes", ["saved"])):
        asked.clear()
        render_report(report(graph), "table", "csv", View((columns,)))
        assert asked == needed
    asked.clear()
    render_report(report(graph), "table", "json")
    assert sorted(asked) == ["passes", "receptive_fields", "saved"]


def test_latex(nets: dict[str, Graph]) -> None:
    made = report(nets["nested"])
    text = render_report(made, format="latex", view=View(("op", "output", "params", "macs"), full=True))
    body = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert {len(re.split(r"(?<!\\)&", line)) for line in body} == {5}
    assert r"\begin{tabular}{lllrr}" in text and text.count(r"\midrule") == 2
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    cells = [line.removesuffix(r" \\").split(" & ") for line in body[1:]]
    rows, total = table(made, columns=("op", "output", "params", "macs"))
    numbers = [[cell.replace(r"\,", "") for cell in line[3:]] for line in cells]
    assert numbers == [[row["params"], row["macs"]] for row in (*rows, total)]
    folded = render_report(made, format="latex")
    assert r"pair $\times$4" in folded and "\n\\quad 0.0 & conv" in folded
    lecture = render_report(made, "cs231n", "latex")
    assert r"CONV3-8 & {[}32x32x8] & 8\,192 & 32\,768 & (3*3*3)*8 & 216 \\" in lecture
    assert escaped("a_b & 50% {x} #1 $2 ~^\\") == (
        r"a\_b \& 50\% \{x\} \#1 \$2 \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )


def test_blocks_tell_the_work_of_one_call() -> None:
    graph = archlang.load("resnet18").graph
    told: list[dict[str, Any]] = json.loads(render_report(report(graph, 2), format="json"))["blocks"]
    assert sum(block["calls"] for block in told) == 8
    rows, _ = table(report(graph, 2), by="block", columns=("params", "work", "output_bytes"))
    names = [*(column.name for column in fields(Work)), "params", "output_bytes"]
    for name in names:  # no block of this net calls another
        assert sum(block["calls"] * block[name] for block in told) == int(rows[0][name])
    assert told[0]["arguments"]["width"] == "64"


def test_two_reports_of_a_net_are_equal() -> None:
    graph = archlang.load("lenet5").graph
    assert report(graph) == report(graph) != report(graph, 2)


def test_larger_inputs_and_batches_cost_no_more() -> None:
    spec = NESTED.replace("3x32x32", "[3, H=32, W=32]")

    def steps(batch: int, **sizes: str) -> int:
        """Return how many functions a report of everything calls."""
        graph, count = graph_of(spec, **sizes), 0

        def seen(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event == "call"

        for _ in range(2):  # facts that are computed once are computed by the first
            count = 0
            sys.setprofile(seen)
            try:
                made = report(graph, batch, mode="train")
                render_report(made, view=View(("all",), depth=2))
                render_report(made, format="json")
            finally:
                sys.setprofile(None)
        return count

    least = steps(1)
    assert least > 1_000
    assert max(steps(1024), steps(1, H="1024", W="512")) <= 1.02 * least
