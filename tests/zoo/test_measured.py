"""The work at the size on which an accuracy was measured is that which torchvision publishes beside the accuracy."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from archlang import load, loads
from archlang.cli.page import data_of
from archlang.compiler import check
from archlang.facts.net import NetFacts
from archlang.page import PageSetup
from archlang.page.accuracy import zoo_points
from archlang.zoo import entry, measured, measured_macs

ELSEWHERE = {row[0]: row for row in zoo_points() if row[5] is not None}


def weights_of(torchvision: ModuleType, name: str) -> Any:
    """Return the published weights of the accuracy that the zoo shows for a net."""
    every = torchvision.models.get_model_weights(name)
    (found,) = {one for one in every if one.meta["_metrics"]["ImageNet-1K"]["acc@1"] == ELSEWHERE[name][4]}
    return found


def test_which_nets_are_measured_elsewhere() -> None:
    assert sorted(ELSEWHERE) == sorted(
        [f"efficientnet_b{number}" for number in range(1, 8)]
        + [f"efficientnet_v2_{size}" for size in "sml"]
        + [f"swin_v2_{size}" for size in "tsb"]
    )


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_the_work_is_torchvisions(name: str, torchvision: ModuleType) -> None:
    _, _, macs, _, _, side = ELSEWHERE[name]
    published = weights_of(torchvision, name)
    assert published.transforms().crop_size == [side]
    assert macs / 1e9 == pytest.approx(published.meta["_ops"], abs=0.0006)


def test_of_efficientnet_b7() -> None:
    graph = load("efficientnet_b7").graph
    assert measured_macs("efficientnet_b7", graph, 600) == ELSEWHERE["efficientnet_b7"][2] == 37_745_884_192
    assert measured_macs("efficientnet_b7", graph, 224) == 5_169_865_152
    found = measured("efficientnet_b7", graph, entry(NetFacts(graph), "efficientnet", ""))
    assert found is not None and (found.top1, found.macs, found.side) == (84.122, 37_745_884_192, 600)


def test_a_size_at_which_a_net_is_not_valid() -> None:
    assert measured_macs("alexnet", load("alexnet").graph, 16) is None


def test_a_net_without_a_square_image() -> None:
    graph = loads("net n { input x: [8]\n linear 3\n output }").graph
    assert measured_macs("n", graph, 9) is None


def test_the_page_puts_a_net_where_its_accuracy_was_measured() -> None:
    checked = check("efficientnet_b1", only=True)
    accuracy = data_of(checked, PageSetup(batch=2))["accuracy"]
    assert accuracy["published"] == {"top1": 79.838, "macs": 686_802_832, "side": 240}
    assert accuracy["macs"] == 2 * 569_651_680
    assert data_of(check("resnet18", only=True), PageSetup())["accuracy"]["published"]["macs"] is None
