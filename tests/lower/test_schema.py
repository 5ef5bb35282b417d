"""Published files equal what the code produces: the JSON Schema of a Graph, the README's picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archlang
from archlang.ir import Graph, json_schema
from tests.golden import assert_golden

DOCS = Path(__file__).parents[2] / "docs"


def test_schema_is_published(rewrite_golden: bool) -> None:
    assert_golden(DOCS / "graph.schema.json", json.dumps(json_schema(), indent=1) + "\n", rewrite_golden)


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "densenet121"])
def test_pictures_of_the_pages(name: str, rewrite_golden: bool) -> None:
    assert_golden(DOCS / f"{name}.svg", archlang.load(name).render("svg").decode(), rewrite_golden)


@pytest.mark.parametrize("name", ["lenet5", "vgg16_bn", "resnet50", "googlenet", "densenet121"])
def test_round_trip(name: str) -> None:
    graph = archlang.load(name).graph
    assert Graph.model_validate_json(graph.model_dump_json()) == graph


def test_a_wrong_graph_is_refused() -> None:
    dumped = json.loads(archlang.load("lenet5").graph.model_dump_json())
    dumped["blocks"][0]["nodes"][0]["op"]["out"] = "six"
    with pytest.raises(ValueError, match="out"):
        Graph.model_validate_json(json.dumps(dumped))


def test_networkx_sees_the_whole_net() -> None:
    import networkx

    graph = archlang.load("resnet18").graph
    whole = graph.to_networkx()
    assert whole.number_of_nodes() == len(list(graph.flat()))
    assert networkx.is_directed_acyclic_graph(whole)
    assert len(networkx.dag_longest_path(whole)) < whole.number_of_nodes()  # the projections are not on the path
