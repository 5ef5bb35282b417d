"""`memory`, `fit`, `sizes` and `diff` of a net in Python: the same data as the commands' JSON, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archlang
import archlang.report
from archlang import Net
from archlang.cli import main

SHRINK = """net shrink {
  input image: [3, H=16, W=16]
  residual { conv 3x3 3 pad=1 } shortcut { conv 4x4/4 3 -> upsample 4 }
  output
}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("shrink.arch").write_text(SHRINK, encoding="utf-8")
    return "shrink.arch"


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["memory", "resnet18", "--batch", "8", "--dtype", "bf16", "--optimizer", "adam"],
         lambda: archlang.load("resnet18").memory(8, "bf16", optimizer="adam").to_json()),
        (["memory", "resnet18", "--mode", "inference", "--autocast", "bf16"],
         lambda: archlang.load("resnet18").memory(mode="inference", autocast="bf16").to_json()),
        (["fit", "resnet18", "--memory", "1GiB", "--batch", "48"],
         lambda: archlang.load("resnet18").fit("1GiB", 48).to_json()),
        (["fit", "shrink.arch", "--memory", "1048576", "--range", "H=1..64"],
         lambda: archlang.load("shrink.arch").fit(2**20, ranges={"H": range(1, 65)}).to_json()),
        (["sizes", "shrink.arch", "--range", "W=1..9"],
         lambda: archlang.load("shrink.arch").sizes({"W": range(1, 10)}, costs=True).to_json()),
        (["diff", "resnet18", "resnet34"],
         lambda: archlang.load("resnet18").diff(archlang.load("resnet34")).to_json()),
        (["report", "resnet18", "--batch", "2"], lambda: archlang.load("resnet18").report(2).to_json()),
    ],
)  # fmt: skip
def test_the_same_data_as_the_command(
    words: list[str], made: Callable[[], object], spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(made()))


def test_the_table_of_a_report_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "lenet5"]) == 0
    assert capsys.readouterr().out == archlang.report.render_report(archlang.load("lenet5").report()) + "\n"


def test_one_open_size_is_shown_in_one_line(spec: str) -> None:
    assert repr(archlang.load(spec).sizes()["H"]) == "<OpenSize H: 4, 8, 12, ..., 32: multiples of 4>"


def test_a_net_is_compared_with_a_net_alone() -> None:
    name: Any = "resnet34"
    with pytest.raises(archlang.CallError, match=r"`diff` takes a net, such as .* and not 'resnet34'"):
        archlang.load("resnet18").diff(name)


def test_typed_results(spec: str) -> None:
    net = archlang.load(spec)
    assert net.sizes()["H"].right == [4, 8, 12, 16, 20, 24, 28, 32]
    assert (len(net.sizes()), list(net.sizes())) == (2, ["H", "W"])
    fit = archlang.load("resnet18").fit("1GiB", 48)
    assert fit.plan is not None and fit.plan.slim and fit.largest_batch < 48
    lean = archlang.load("resnet18").memory(48, recomputed=fit.plan.recomputed, slim=fit.plan.slim)
    assert lean.peak_bytes <= 2**30
    assert net.diff(net).same


WRONG_CALLS: list[tuple[Callable[[Any], object], str]] = [
    (lambda net: net.sizes({"Q": range(1, 9)}), "range of Q: the open sizes of shrink are H, W"),
    (lambda net: net.sizes({"H": range(4)}), "range(0, 4) is no range of sizes, such as range(1, 1025)"),
    (lambda net: net.sizes({"H": [4, 8]}), "[4, 8] is no range of sizes"),
    (lambda net: net.fit("2 apples"), "2 apples is not an amount of memory; write it as 24GiB or 512MiB"),
    (lambda net: net.fit("2GiB", 0), "a batch has at least 1 image, not 0"),
    (lambda net: net.memory(1.5), "a batch is a number of images, not 1.5"),
    (lambda net: net.memory(dtype="half"), "dtype is one of float16"),
    (lambda net: net.memory(recomputed=["a"]), "calls no block at a"),
    (lambda net: Net(net.graph).sizes(), "made of a Graph alone"),
    (lambda net: archlang.load("lenet5").sizes(), "lenet5 leaves no size open"),
]


@pytest.mark.parametrize(("make", "told"), WRONG_CALLS)
def test_a_wrong_call_is_reported(make: Callable[[Net], object], told: str, spec: str) -> None:
    with pytest.raises(archlang.CallError) as error:
        make(archlang.load(spec))
    assert told in str(error.value)
