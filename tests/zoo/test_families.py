"""The families with branches: how short they are, what is shared, and what they do in training."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import torch

import archlang
from archlang.compiler import check, setting
from archlang.facts.structures import structures
from archlang.facts.work import totals
from archlang.paths import SPECS
from archlang.report import render_report
from tests.clock import of_call, ratio


def test_resnet50_shares_its_blocks() -> None:
    graph = archlang.load("resnet50").graph
    calls = [layer.block.id for layer in graph.flat() if layer.op.word == "add"]
    assert (len(calls), len(set(calls))) == (16, 8)
    numbers = structures(graph)
    assert len({numbers[id] for id in calls}) == 2  # with and without projection


def test_resnet50_is_read_at_a_glance() -> None:
    text = archlang.load("resnet50").source()
    lines = text.splitlines()
    assert len(lines) <= 120 and max(map(len, lines)) <= 100
    assert text.count("class Bottleneck") == 2


def test_the_report_folds_equal_calls() -> None:
    report = archlang.load("resnet152").report()
    text = render_report(report)
    assert "layer3.0 to 35 " in text and "bottleneck ×36" in text
    assert report.totals.params == 60_192_808
    blocks = json.loads(render_report(report, format="json"))["blocks"]
    assert sum(block["calls"] for block in blocks) == 50
    assert sum(block["calls"] * block["params"] for block in blocks) < 60_192_808


def test_the_papers_stride_costs_what_the_paper_says() -> None:
    measured = {50: 3_857_973_248, 101: 7_570_194_432, 152: 11_282_415_616}
    for depth, macs in measured.items():
        (graph,) = check(f"resnet{depth}", {"unit": setting("unit", "bottleneck(early=true)")}).graphs
        assert totals(graph).macs == macs


def test_googlenet_gives_three_outputs_in_training() -> None:
    net = archlang.load("googlenet", classes=7)
    module = net.module()
    images = torch.randn(2, 3, 224, 224)
    assert [tuple(output.shape) for output in module(images)] == [(2, 7)] * 3
    module.eval()
    assert module(images).shape == (2, 7)
    idle = {layer.path.partition(".")[0] for layer in net.graph.flat() if layer.training_only}
    assert idle == {"aux1", "aux2"}


def work(spec: str) -> object:
    return totals(check(spec).graphs[0])


def test_work_grows_with_the_unique_blocks(tmp_path: Path) -> None:
    spec = (SPECS / "resnet.arch").read_text()
    for blocks in (10, 1000):
        derived = f"net big = resnet unit=bottleneck depths=[3, 3, {blocks - 7}, 1]\n"
        (tmp_path / f"resnet{blocks}.arch").write_text(spec + derived)
    few, many = (of_call(partial(work, f"{tmp_path}/resnet{blocks}.arch:big")) for blocks in (10, 1000))
    found = ratio(many, few, 15)
    assert found <= 3, f"1,000 blocks take {found:.2f} times the time of 10"
