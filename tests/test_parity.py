"""The compiled modules against torchvision's own."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

import archlang
from tests.parity import assert_equal_modules

REFERENCE = json.loads((Path(__file__).parent / "reference" / "torchvision.json").read_text())["models"]

VGG = [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")]
RESNET = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d",
          "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"]  # fmt: skip
DENSENET = ["densenet121", "densenet169", "densenet201", "densenet161"]
NETS = ["alexnet", *VGG, *RESNET, *DENSENET, "googlenet"]


@pytest.mark.parametrize("name", NETS)
def test_static_counts(name: str) -> None:
    expected = REFERENCE[name]
    net = archlang.load(name)
    totals = net.report().totals
    assert (totals.params, totals.buffers, totals.macs) == (expected["params"], expected["buffers"], expected["macs"])
    assert list(net.graph.root.types[0].shape[1:]) == expected["input"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_equal_to_torchvision(name: str, torchvision: ModuleType) -> None:
    torch.manual_seed(1)
    options = {"init_weights": True} if name == "googlenet" else {}  # its silence about a change of default
    theirs = torchvision.models.get_model(name, weights=None, **options)
    # the adaptive pool makes the nets right at any size; 64x64 keeps 16 forwards and backwards short
    images = torch.randn(2, 3, 64, 64)
    assert_equal_modules(archlang.load(name).module(), theirs, images)


def test_equal_at_the_papers_size(torchvision: ModuleType) -> None:
    torch.manual_seed(2)
    theirs = torchvision.models.vgg11(weights=None)
    assert_equal_modules(archlang.load("vgg11_2014").module(), theirs, torch.randn(1, 3, 224, 224))
