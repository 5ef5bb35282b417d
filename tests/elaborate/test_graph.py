"""The Graph: it survives JSON unchanged, refuses what is no Graph, and unrolls its calls in the order written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from archlang.diagnostics import render
from archlang.elaborate import elaborate
from archlang.facts.work import totals
from archlang.ir import CallNode, Graph, OpNode
from archlang.parse import parse
from archlang.paths import SPECS
from archlang.source import Source

TEXT = """
block unit(width, stride=1) {
  residual {
    conv1: conv 3x3/stride width pad=1 bias=false -> bn1: batchnorm -> relu
  } shortcut {
    if stride != 1 { downsample: conv 1x1/stride width }
  }
}
net small(width=8) {
  input image: 3x16x16
  stem: { conv 3x3 width pad=same -> lrn 5 alpha=1 }
  unit width
  unit width
  down: unit (2*width) stride=2
  globalavgpool -> flatten -> fc: linear 10
  output
  expect stem == 8x16x16
  expect fc.params == 170
  expect macs ~ 0.5M
}
"""


def graph_of(text: str, name: str) -> Graph:
    source = Source("text", text)
    file, wrong = parse(source)
    graph, more = elaborate(file, name)
    assert graph is not None, "\n".join(render(diagnostic, {"text": source}) for diagnostic in [*wrong, *more])
    return graph


def small() -> Graph:
    return graph_of(TEXT, "small")


@pytest.mark.parametrize("name", ["lenet5", "vgg11", "vgg16_bn", "vgg16_2014"])
def test_shipped_nets_come_back_from_json(name: str) -> None:
    text = (SPECS / f"{name.rstrip('0123456789_bn')}.arch").read_text(encoding="utf-8")
    comes_back(graph_of(text, name))


def test_a_net_with_blocks_joins_and_promises_comes_back_from_json() -> None:
    graph = small()
    assert {type(node) for block in graph.blocks for node in block.nodes} == {OpNode, CallNode}
    assert len(graph.promises) == 3
    comes_back(graph)


def comes_back(graph: Graph) -> None:
    text = graph.model_dump_json()
    again = Graph.model_validate_json(text)
    assert again == graph
    assert again.model_dump_json() == text
    assert [(a.path, a.op, a.output_types) for a in again.flat()] == [
        (b.path, b.op, b.output_types) for b in graph.flat()
    ]


def test_json_holds_the_operator_under_its_word() -> None:
    root = json.loads(small().model_dump_json())["blocks"][-1]
    assert root["nodes"][0]["op"] == {
        "op": "conv",
        "kernel": [3, 3],
        "out": 8,
        "stride": 1,
        "pad": "same",
        "dilation": 1,
        "groups": 1,
        "bias": True,
        "padding_mode": "zeros",
    }
    assert root["nodes"][1]["op"]["alpha"] == 1.0


@pytest.mark.parametrize(
    "op, message",
    [
        ({"op": "convolve"}, "there is no operator 'convolve'"),
        ({}, "there is no operator None"),
        ("relu", "an operator is an object"),
        ({"op": "relu", "slope": 0.1}, "Extra inputs are not permitted"),
        ({"op": "linear"}, "Field required"),
        ({"op": "linear", "out": 0}, "greater than or equal to 1"),
        ({"op": "linear", "out": "7"}, "valid integer"),
        ({"op": "linear", "out": True}, "valid integer"),
    ],
)
def test_a_class_that_is_no_operator_is_refused(op: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Graph.model_validate_json(with_first_node(op=op))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kind": "loop"}, "kind"),
        ({"inputs": ["0"]}, "valid integer"),
        ({"colour": 1}, "Extra inputs"),
        ({"span": 1}, "span"),
    ],
)
def test_an_invalid_node_is_refused(change: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Graph.model_validate_json(with_first_node(**change))


def with_first_node(**change: object) -> str:
    data: dict[str, Any] = json.loads(small().model_dump_json())
    data["blocks"][-1]["nodes"][0] |= change
    return json.dumps(data)


def test_another_version_is_refused() -> None:
    data = json.loads(small().model_dump_json())
    assert data["version"] == 1
    with pytest.raises(ValidationError, match="version"):
        Graph.model_validate_json(json.dumps(data | {"version": 2}))


def test_a_graph_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        small().name = "other"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError, match="frozen"):
        next(small().flat()).op.stride = 2  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_layers_are_in_the_order_written_at_their_full_paths() -> None:
    assert [(layer.path, layer.op.word, str(layer.output_types[0])) for layer in small().flat()] == [
        ("stem.0", "conv", "8x16x16"),
        ("stem.1", "lrn", "8x16x16"),
        ("1.conv1", "conv", "8x16x16"),
        ("1.bn1", "batchnorm", "8x16x16"),
        ("1.2", "relu", "8x16x16"),
        ("1", "add", "8x16x16"),
        ("2.conv1", "conv", "8x16x16"),
        ("2.bn1", "batchnorm", "8x16x16"),
        ("2.2", "relu", "8x16x16"),
        ("2", "add", "8x16x16"),
        ("down.conv1", "conv", "16x8x8"),
        ("down.bn1", "batchnorm", "16x8x8"),
        ("down.2", "relu", "16x8x8"),
        ("down.downsample", "conv", "16x8x8"),
        ("down", "add", "16x8x8"),
        ("4", "globalavgpool", "16x1x1"),
        ("5", "flatten", "16"),
        ("fc", "linear", "10"),
    ]


def test_values_are_numbered_once_over_the_whole_net() -> None:
    layers = list(small().flat())
    made = [value for layer in layers for value in layer.outputs]
    assert made == list(range(1, len(layers) + 1))
    by_path = {(layer.path, layer.op.word): layer for layer in layers}
    shortcut = by_path["1", "add"]
    assert shortcut.inputs == (*by_path["1.2", "relu"].outputs, *by_path["stem.1", "lrn"].outputs)


def test_a_block_is_kept_once_for_each_way_that_it_is_called() -> None:
    graph = small()
    assert [block.name for block in graph.blocks] == ["unit", "unit", "small"]
    calls = [node.block for node in graph.root.nodes if isinstance(node, CallNode)]
    assert calls[0] == calls[1] != calls[2]
    assert all(graph.by_id[call].name == "unit" for call in calls)


def test_as_a_networkx_graph_it_keeps_every_flow() -> None:
    import networkx as nx

    graph = small()
    flows = graph.to_networkx()
    layers = list(graph.flat())
    assert [data["path"] for _, data in flows.nodes(data=True)] == [layer.path for layer in layers]
    # every input but the image, which enters once
    assert flows.number_of_edges() == sum(len(layer.inputs) for layer in layers) - 1
    assert nx.is_directed_acyclic_graph(flows)
    assert (flows.edges[0, 1, 0]["shape"], flows.edges[0, 1, 0]["bytes"]) == ("8x16x16", 4 * 8 * 16 * 16)
    counts = totals(graph)
    assert sum(data["params"] for _, data in flows.nodes(data=True)) == counts.params
    assert sum(data["macs"] for _, data in flows.nodes(data=True)) == counts.macs
