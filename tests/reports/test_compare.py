"""`archlang compare`: the figures of nets side by side."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from archlang.cli import main
from archlang.compare import COUNTS, depth, figures, ratio
from archlang.compiler import check
from archlang.ir import Graph
from tests.house.test_house import without_torch

SMALL = """net small {
  input image: 3x8x8
  conv 3x3 4 pad=1 -> relu -> maxpool 2x2/2
  flatten -> linear 2
  output
}
"""


def graph(spec: str) -> Graph:
    checked = check(spec, only=True)
    assert not checked.diagnostics
    return checked.graphs[0]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["compare", *words]) == 0
    return capsys.readouterr().out


def written(folder: Path, text: str, name: str = "a.arch") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


# ---- depth


@pytest.mark.parametrize(
    "net, layers",
    [
        ("lenet5", 5),
        ("alexnet", 8),
        ("vgg11", 11),
        ("vgg16_bn", 16),
        ("vgg19", 19),
        ("googlenet", 22),
        ("resnet18", 18),
        ("resnet34", 34),
        ("resnet50", 50),
        ("resnet152", 152),
        ("densenet121", 121),
        ("densenet201", 201),
    ],
)
def test_the_depth_is_the_number_in_the_name(net: str, layers: int) -> None:
    assert depth(graph(net)) == layers


def test_the_depth_is_of_what_runs_and_of_each_time_that_it_runs(tmp_path: Path) -> None:
    text = """net a {
  input x: [8]
  shared: linear 8 -> relu
  reuse shared
  aux: linear 4 -> linear 4 -> linear 4
  (shared) -> batchnorm
  output
  output aux when training
}
"""
    assert depth(graph(written(tmp_path, text.replace("  (shared) -> batchnorm\n", "")))) == 5
    net = text.replace("  aux: linear 4 -> linear 4 -> linear 4\n", "").replace("  output aux when training\n", "")
    assert depth(graph(written(tmp_path, net.replace("(shared)", "it")))) == 2


# ---- the figures


@pytest.mark.parametrize("net", ["lenet5", "googlenet", "swin_t"])
def test_the_figures_are_what_expect_promises(net: str, tmp_path: Path) -> None:
    one = figures(graph(net))
    facts = ("params", "macs", "backward_macs", "output_values", "saved_bytes")
    promises = " ".join(f"expect {fact} == {getattr(one, fact)};" for fact in facts)
    found = check(net)
    shipped = found.source.text
    checked = check(written(tmp_path, f"{shipped}\nnet held = {net} {{ {promises} }}\n") + ":held")
    assert checked.diagnostics == [] and len(checked.graphs[0].promises) == len(facts)


@pytest.mark.parametrize(
    "net, field",
    [("vgg16", "212x212"), ("resnet50", "427x427"), ("lenet5", "16x16"), ("vit_b_16", "whole"), ("wavenet", "3071")],
)
def test_the_receptive_field_is_that_of_the_last_map(net: str, field: str, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(printed(capsys, net, "--format", "json"))["nets"]
    assert row["receptive_field"] == field


def test_a_vector_has_no_receptive_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = written(tmp_path, "net a {\n  input x: [8]\n  linear 4\n  output\n}\n")
    assert figures(graph(spec)).receptive_field is None
    (row,) = json.loads(printed(capsys, spec, "--format", "json"))["nets"]
    assert row["receptive_field"] is None
    assert "\nreceptive field   -\n" in printed(capsys, spec)


def test_nothing_is_a_multiple_of_nothing() -> None:
    assert ratio(3, 0) is None and ratio(0, 4) == 0 and ratio(6, 4) == 1.5


# ---- the output


def test_a_few_nets_are_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = SMALL.replace("small", "wide").replace("3x3 4", "3x3 40")
    assert printed(capsys, written(tmp_path, SMALL + wide)) == (
        "figure           small    wide   ratio\n"
        "---------------  -----  ------  ------\n"
        "input            3x8x8   3x8x8\n"
        "receptive field    4x4     4x4\n"
        "weighted layers      2       2   ×1.00\n"
        "parameters         242   2,402   ×9.93\n"
        "MACs             7,040  70,400  ×10.00\n"
        "backward MACs    7,168  71,680  ×10.00\n"
        "output values      642   6,402   ×9.97\n"
        "saved bytes      2,560  18,688   ×7.30\n"
    )


def test_many_nets_are_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "resnet18", "resnet34", "resnet50", "resnet1?1", "resnet152").splitlines()
    assert lines[0].startswith("net        weighted layers  ratio  parameters  ratio ")
    assert [line.split()[0] for line in lines[2:]] == ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
    assert lines[4].split()[1:5] == ["50", "×2.78", "25,557,032", "×2.19"]


def test_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "lenet5", "vgg16", "--format", "md").splitlines()
    assert lines[:2] == ["| figure | lenet5 | vgg16 | ratio |", "| --- | ---: | ---: | --- |"]
    assert lines[5] == "| parameters | 61,706 | 138,357,544 | ×2,242 |"


def test_csv_and_json_agree(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("lenet5", "resnet18", "wavenet")
    rows = list(csv.DictReader(io.StringIO(printed(capsys, *words, "--format", "csv"))))
    nets = json.loads(printed(capsys, *words, "--format", "json"))["nets"]
    assert [row["net"] for row in rows] == [net["net"] for net in nets] == list(words)
    for row, net in zip(rows, nets, strict=True):
        assert (row["input"], row["receptive_field"]) == (net["input"], net["receptive_field"])
        for count in COUNTS:
            assert int(row[count]) == net[count]
            assert net["ratios"][count] == net[count] / nets[0][count]
            assert float(row[f"{count}_ratio"]) == pytest.approx(net["ratios"][count], rel=1e-5)


# ---- which nets


def test_nets_of_one_name_get_different_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = written(tmp_path, SMALL), written(tmp_path, SMALL, "b.arch")
    heading = printed(capsys, one, other, "lenet5").splitlines()[0]
    assert heading.split() == ["figure", one, other, "ratio", "lenet5", "ratio"]


def test_settings_are_of_every_net(capsys: pytest.CaptureFixture[str]) -> None:
    nets = json.loads(printed(capsys, "resnet18", "vgg16", "--set", "classes=10", "--format", "json"))["nets"]
    assert [net["params"] for net in nets] == [11_181_642, 134_301_514]


def test_wrong_calls_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "lenet5", "resnet9*"]) == 2
    assert capsys.readouterr().err == "archlang: no shipped net matches resnet9*\n"
    assert main(["compare", "lenet5", written(tmp_path, SMALL.replace("relu", "rel"))]) == 1
    assert "error[unknown-operator]" in capsys.readouterr().err


def test_it_does_without_torch() -> None:
    done = without_torch("from archlang.cli import main; sys.exit(main())", "compare", "lenet5", "alexnet")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("figure")
