"""docs/conventions.md: each row of its tables worked out, and the counters' table held against the truth."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import prod
from pathlib import Path

import pytest

from archlang import load
from archlang.facts.passes import passes
from archlang.facts.receptive import receptive_fields
from archlang.facts.saved import saved
from archlang.facts.work import totals, work
from archlang.ir import Graph
from archlang.ops.base import Work
from tests.specs import graph_of, net_of

ROOT = Path(__file__).parents[2]
TRUTH = json.loads((ROOT / "tests" / "reference" / "truth.json").read_text(encoding="utf-8"))["models"]
BOTH_WAYS = "torch, forward and backward"
Row = list[str]


def tables(page: str) -> list[list[Row]]:
    """Return the tables of a page of docs/, as cells; the first row of each is its head."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found: list[list[Row]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([rows[0], *rows[2:]])
    return found


@cache
def rows(page: str, *head: str) -> list[Row]:
    """Return the rows of the one table of a page whose head begins so."""
    (found,) = [table[1:] for table in tables(page) if table[0][: len(head)] == list(head)]
    assert found
    return found


def graph(row: Row) -> Graph:
    """Return the net of the steps in the first cell, on the input in the second."""
    return graph_of(net_of("  " + row[0].strip("`").replace("; ", "\n  "), row[1].strip("`")))


def counted(text: str) -> int:
    """Return the value of `8*8 * 2 + 1 = 129`, or of a single number; both sides must agree."""
    hand, _, figure = text.replace(",", "").partition("=")
    value = sum(prod(int(factor) for factor in term.split("*")) for term in hand.split("+"))
    assert not figure or value == int(figure), text
    return value


def named(text: str) -> Work:
    """Return `macs 8*8 = 64; bias_adds 8`: columns, and what each counts."""
    parts = (part.split(" ", 1) for part in text.split("; ") if part)
    return Work(**{name: counted(figure) for name, figure in parts})


@cache
def conventions(*head: str) -> list[Row]:
    return rows("conventions.md", *head)


def each(*head: str) -> Callable[[Callable[[Row], None]], Callable[[Row], None]]:
    """Run a test with every row of a table of docs/conventions.md."""
    return pytest.mark.parametrize("row", conventions(*head), ids=lambda row: row[0])


def test_every_column_is_documented_with_an_example() -> None:
    told = [row[0].strip("`") for row in conventions("column")]
    assert told == list(Work.__slots__)
    examples = " ".join(row[2] for row in conventions("step", "input", "counts"))
    assert all(re.search(rf"\b{name} ", examples) for name in told)


@each("step", "input", "counts")
def test_forward(row: Row) -> None:
    assert work(graph(row)) == named(row[2])


@each("steps", "input", "backward counts")
def test_backward(row: Row) -> None:
    assert passes(graph(row)).backward == named(row[2])


@pytest.mark.parametrize(
    ("steps", "arithmetic"),
    [("dropout 0.5", 1), ("spatial_dropout 0.5", 1), ("alpha_dropout 0.5", 2), ("feature_alpha_dropout 0.5", 2)],
)
def test_dropout_works_in_training_in_both_passes(steps: str, arithmetic: int) -> None:
    """Each value is multiplied by its mask once in each pass, and once more is added to it."""
    net = graph_of(net_of(f"conv 1x1 8 -> {steps}", "4x5x6"))
    values = 8 * 5 * 6
    evaluation, training = passes(net, batch=3), passes(net, batch=3, training=True)
    assert (evaluation.forward.elementwise, evaluation.backward.elementwise) == (0, 0)
    assert training.forward.elementwise == training.backward.elementwise == 3 * values * arithmetic


def test_work_that_involves_an_image_grows_with_the_batch() -> None:
    """A parameter has no batch axis; the value that it is multiplied with has one."""
    body = "param p: [8, 1, 1] init=normal\n  (image, p) -> mul"
    net = graph_of(net_of(body, "8x5x6"))
    assert (work(net).elementwise, work(net, 3).elementwise) == (8 * 5 * 6, 3 * 8 * 5 * 6)
    assert [totals(net, batch).output_values for batch in (1, 3)] == [8 * 5 * 6, 3 * 8 * 5 * 6]
    alone = graph_of(net_of("param p: [4] init=normal\n  p -> exp -> q: it\n  (image, q) -> mul", "[4]"))
    assert [work(alone, batch).activated for batch in (1, 3)] == [4, 4]


@each("steps", "input", "parameters")
def test_weights(row: Row) -> None:
    found = totals(graph(row))
    assert [found.params, found.trainable_params, found.buffers] == [counted(cell) for cell in row[2:]]


@each("steps", "input", "saved bytes")
def test_saved_bytes(row: Row) -> None:
    assert saved(graph(row)).bytes == counted(row[2])


@each("steps", "input", "size")
def test_receptive_fields(row: Row) -> None:
    net = graph(row)
    last = list(receptive_fields(net).values())[-1]
    sides = {(side.size, side.stride, -side.pad) for side in last.axes.values() if side and not side.whole}
    size, stride, offset = row[2:]
    assert len(last.axes) == 2
    assert sides == (set() if size == "whole" else {(int(size), Fraction(stride), int(offset))})


@each("net", "parameters")
def test_shipped_nets(row: Row) -> None:
    net, *figures = row
    truth, found = TRUTH[net], load(net).graph
    both, own = passes(found), totals(found)
    ours = [own.params, own.buffers, both.forward.macs, both.forward.macs + both.backward.macs]
    assert ours == [counted(figure) for figure in figures]
    assert ours == [truth[key] for key in ("params", "buffers", "macs", "fwd_bwd_macs_exact")]


def measured() -> dict[str, dict[str, int]]:
    """Return the figures that each counter printed, by counter and net, from docs/benchmarks/counters.md."""
    page = "benchmarks/counters.md"
    (head,) = [table[0] for table in tables(page) if table[0][0] == "net"]
    found: dict[str, dict[str, int]] = {name: {} for name in head[3:]}
    for net, exact, _, *cells in rows(page, "net"):
        forward, both = (int(part.replace(",", "")) for part in exact.split(" / "))
        assert (forward, both) == (TRUTH[net]["macs"], TRUTH[net]["fwd_bwd_macs_exact"])
        for name, cell in zip(head[3:], cells, strict=True):
            truth = both if name == BOTH_WAYS else forward
            found[name][net] = truth if cell == "exact" else int(cell.split()[0].replace(",", ""))
    return found


def difference(name: str, net: str, said: int) -> int:
    return said - int(TRUTH[net]["fwd_bwd_macs_exact" if name == BOTH_WAYS else "macs"])


def test_ten_nets_are_counted() -> None:
    assert all(len(nets) == 10 for nets in measured().values())
    assert {"torchinfo", "fvcore", "ptflops", "thop", "calflops", BOTH_WAYS} <= set(measured())


def test_reasons_add_up_to_the_differences() -> None:
    (head,) = [table[0] for table in tables("benchmarks/counters.md") if table[0][0] == "counter"]
    reasons = rows("benchmarks/counters.md", "counter")
    for name, nets in measured().items():
        for at, net in enumerate(head[2:], start=2):
            explained = sum(int(row[at].replace(",", "")) for row in reasons if row[0] == name)
            assert difference(name, net, nets[net]) == explained, f"{name} on {net}"


def test_errors_are_those_measured() -> None:
    (head,) = [table[0] for table in tables("conventions.md") if table[0][:2] == ["net", "torchinfo"]]
    counters = measured()
    printed = conventions("net", "torchinfo")
    assert [row[0] for row in printed] == list(counters["torchinfo"])
    for net, *cells in printed:
        expected = [percent(name, net, counters[name][net]) for name in head[1:]]
        assert cells == expected, f"{net}: {' | '.join(expected)}"


def percent(name: str, net: str, said: int) -> str:
    """Return the error of a counter as the page writes it."""
    wrong = difference(name, net, said)
    share = f"{100 * wrong / (said - wrong):+,.2f}%"
    return "0" if not wrong else "under +0.01%" if share == "+0.00%" else share


def test_the_table_of_counters_has_archlangs_own_counts() -> None:
    ours = {row[0]: row[2] for row in rows("benchmarks/counters.md", "net") if row[2] != "-"}
    assert {row[0] for row in conventions("net", "parameters")} <= set(ours)
    for net, figures in ours.items():
        assert figures == f"{TRUTH[net]['macs']:,} / {TRUTH[net]['fwd_bwd_macs_exact']:,}"
