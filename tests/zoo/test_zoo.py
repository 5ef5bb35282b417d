"""The specs of torchvision's 80 classifiers: what they count, what they promise, and how short they are."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from archlang.compiler import check
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.paths import SPECS

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "torchvision.json").read_text("utf-8"))["models"]
PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
FAMILIES = [
    "alexnet", "convnext", "densenet", "efficientnet", "efficientnet_v2", "googlenet", "inception_v3", "maxvit",
    "mnasnet", "mobilenet_v2", "mobilenet_v3", "regnet", "resnet", "shufflenet_v2", "squeezenet", "swin", "vgg", "vit",
]  # fmt: skip


@cache
def nets(family: str) -> list[Graph]:
    """Return the nets of a file that need no argument."""
    checked = check(str(SPECS / f"{family}.arch"), counts_alone=True)
    assert not checked.diagnostics, "\n".join(checked.rendered())
    return checked.graphs


@cache
def zoo() -> dict[str, Graph]:
    """Return torchvision's classifiers among the shipped nets, by name."""
    return {graph.name: graph for family in FAMILIES for graph in nets(family) if graph.name in REFERENCE}


def lines(family: str) -> list[str]:
    """Return the lines of a spec that hold more than a comment."""
    kept = [line.partition("#")[0].rstrip() for line in text_of(family).splitlines()]
    return [line for line in kept if line]


def text_of(family: str) -> str:
    return (SPECS / f"{family}.arch").read_text(encoding="utf-8")


def test_all_80_nets_exist() -> None:
    assert len(REFERENCE) == 80
    assert zoo().keys() == REFERENCE.keys()


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_counts_are_torchvisions(name: str) -> None:
    expected, graph = REFERENCE[name], zoo()[name]
    counted = totals(graph)
    for fact in ("params", "buffers", "macs"):
        assert getattr(counted, fact) == expected[fact], fact
    assert list(graph.root.types[0].shape[1:]) == expected["input"]
    keys = [f"{layer.path}.{weight.name}" for layer in graph.flat() for weight in layer.op.weights(*layer.input_types)]
    assert len(set(keys)) == len(keys) == expected["state_dict_entries"]


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_promises_parameters_and_macs(name: str) -> None:
    graph = zoo()[name]
    assert {"params", "macs"} <= {promise.fact for promise in graph.promises if not promise.path}


def test_text_is_short() -> None:
    counted = {family: len(lines(family)) for family in FAMILIES}
    assert {family: count for family, count in counted.items() if count > 90} == {}
    assert sum(counted.values()) < 1200


@pytest.mark.parametrize("family", FAMILIES)
def test_begins_with_its_reference(family: str) -> None:
    head = re.match(r"(?:#.*\n)+", text_of(family))
    assert head is not None
    said = head[0].replace("\n# ", " ")
    titles = re.findall(r'[A-Z][\w-]+,? [^":]* (?:19|20)\d\d, "[^"]+",\s+(?:arXiv:\d{4}\.\d{4,5}|NIPS \d+)', said)
    assert titles, "authors, year, title in quotes, and where it was published"
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", said)


def test_the_page_lists_every_net() -> None:
    """docs/zoo.md is written by `python -m tests.prove --write`."""
    page = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in page if "/specs/" in line]
    told = {name: (spec, params, macs, keys, verdict) for name, spec, _, _, params, macs, keys, verdict, *_ in rows}
    for family in FAMILIES:
        for graph in nets(family):
            if graph.name in REFERENCE:
                model = REFERENCE[graph.name]
                counts = [f"{model[fact]:,}" for fact in ("params", "macs", "state_dict_entries")]
                assert told.pop(graph.name) == (f"[{family}.arch](../specs/{family}.arch)", *counts, "equal")
    assert not told


def test_regnet_computes_its_stages() -> None:
    """Depths and widths of three nets, which torchvision works out block by block in single precision."""
    stages = {
        "regnet_x_400mf": ([1, 2, 7, 12], [32, 64, 160, 400]),
        "regnet_x_32gf": ([2, 7, 13, 1], [336, 672, 1344, 2520]),
        "regnet_y_8gf": ([2, 4, 10, 1], [224, 448, 896, 2016]),
    }
    for name, (depths, widths) in stages.items():
        counted, wide = [0] * 4, [0] * 4
        for layer in zoo()[name].flat():
            found = re.fullmatch(r"trunk_output\.block(\d)\.block\1-\d+\.f\.c\.0", layer.path)
            if found:
                counted[int(found[1]) - 1] += 1
                wide[int(found[1]) - 1] = layer.output_types[0]["c"]
        assert (counted, wide) == (depths, widths), name
