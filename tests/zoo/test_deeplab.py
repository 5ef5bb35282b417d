"""DeepLabv3 and FCN as torchvision builds them: keys, outputs, gradients, counts and starts, at several sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archlang
from archlang.facts.work import totals
from tests.parity import assert_equal_modules, scramble
from tests.starts import differing
from tests.torchvision_models import torchvision


class Scores(nn.Module):
    """torchvision's net with the scores of both heads one after another, without their names."""

    def __init__(self, name: str, classes: int) -> None:
        super().__init__()
        build: Any = getattr(torchvision().models.segmentation, name)
        net: nn.Module = build(weights=None, weights_backbone=None, num_classes=classes, aux_loss=True)
        for part, module in net.named_children():
            self.add_module(part, module)
        self.whole = [net]  # in a list, so that its keys have no prefix

    def train(self, mode: bool = True) -> Scores:
        self.whole[0].train(mode)
        return super().train(mode)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        scores: dict[str, Tensor] = self.whole[0](image)
        return scores["out"], scores["aux"]


@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "fcn_resnet50"])
def test_keys_outputs_and_gradients(name: str) -> None:
    ours, theirs = archlang.load(name, classes=3).module(), Scores(name, 3)
    scramble(theirs)
    for size in ((33, 33), (40, 57)):
        image = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
        assert_equal_modules(ours, theirs, image)


@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "deeplabv3_resnet101", "fcn_resnet50", "fcn_resnet101"])
def test_counts_are_those_that_torchvision_publishes(name: str) -> None:
    weights: Any = torchvision().models.get_model_weights(name)
    told = weights.DEFAULT.meta
    counts = totals(archlang.load(name).graph)
    assert counts.params == told["num_params"]
    assert round(counts.macs / 1e9, 3) == told["_ops"]


def test_starts() -> None:
    """torchvision draws the auxiliary head first, so that the same seed gives other weights of the same kind."""
    ours = archlang.load("deeplabv3_resnet50")
    assert differing(ours.module, lambda: Scores("deeplabv3_resnet50", 21), seeds=1) == []


def test_one_module_serves_every_size() -> None:
    net = archlang.load("deeplabv3_resnet50", H=64, W=64)
    with torch.no_grad():
        scores, aux = net.module().eval()(torch.zeros(1, 3, 33, 50))
    assert scores.shape == aux.shape == (1, 21, 33, 50)
