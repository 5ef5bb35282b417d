"""Corners of the facts that had no test, as planted faults showed."""

from __future__ import annotations

from archlang.facts.memory import memory, setup_of
from archlang.facts.named_values import value_at
from archlang.facts.net import NetFacts
from archlang.facts.receptive import receptive_fields
from archlang.facts.work import totals
from tests.specs import graph_of, net_of

UNIT = "block unit { conv1: conv 1x1 4 -> relu -> conv2: conv 1x1 4 }"


def test_a_value_within_a_call_is_found_whatever_calls_come_after() -> None:
    graph = graph_of(net_of("  a: unit\n  b: unit\n  c: unit", "4x5x5", before=UNIT))
    net = NetFacts(graph).tree
    by_path = {layer.path: layer.outputs[0] for layer in graph.flat()}
    for path in ("a.conv1", "a.conv2", "b.conv1", "c.conv2"):
        assert value_at(net, path) == by_path[path]
    assert value_at(net, "a") == by_path["a.conv2"] and value_at(net, "d.conv1") is None


def test_the_gradient_of_a_parameter_is_one_of_parameters() -> None:
    """The gradient of a weight that is a value is that of the value, and lives until the end of the step."""
    graph = graph_of(net_of("  param p: [300] init=normal\n  (image, p) -> mul -> linear 2", "[300]"))
    found = memory(graph, setup_of("training", {"batch": 1, "optimizer": "adam"}))
    told = {(one.kind, one.path): one.bytes for one in found.alive}
    assert told["gradients of parameters", "p"] == told["inputs", "image"] == 4 * 300
    assert {kind for kind, _ in told if kind.startswith("gradients")} == {"gradients of parameters"}


def test_strides_that_are_whole_again_are_plain_numbers() -> None:
    """After an upsampling a stride is a fraction; a pool makes it a whole number again."""
    graph = graph_of(net_of("  upsample 2 -> maxpool 2x2/2", "3x8x8"))
    *_, last = receptive_fields(graph).values()
    assert {(type(side.extent), type(side.stride), type(side.pad)) for (side,) in last.paths.values()} == {(int,) * 3}
    assert {side.stride for side in last.axes.values() if side} == {1}


def test_weights_in_braces_that_only_training_runs_are_allocated_in_inference_too() -> None:
    before = "block head { inner: { conv1: conv 1x1 4 -> relu } -> conv2: conv 1x1 2 }"
    graph = graph_of(net_of("  x: relu\n  aux: head\n  output aux when training\n  (x) -> relu", before=before))
    found = memory(graph, setup_of("inference", {"batch": 1}))
    told = {one.path: one.bytes for one in found.alive if one.kind == "parameters"}
    assert not any(moment.path.startswith("aux") for moment in found.timeline)
    assert told == {"aux.inner.conv1": 4 * (3 * 4 + 4), "aux.conv2": 4 * (4 * 2 + 2)}


def test_the_count_of_steps_of_an_optimizer_is_part_of_its_state() -> None:
    graph = graph_of(net_of("  linear 2 -> linear 3", "[5]"))
    for name, wanted in (("sgd", 0), ("momentum", 1), ("adam", 2), ("rmsprop", 1)):
        found = memory(graph, setup_of("training", {"batch": 1, "optimizer": name}))
        counts = 4 * 4 if name in ("adam", "rmsprop") else 0
        assert found.by_kind.get("optimizer state", 0) == 4 * wanted * (5 * 2 + 2 + 2 * 3 + 3) + counts


def test_rows_of_calls_that_begin_with_rows_of_calls_add_up_to_the_peak() -> None:
    before = "block unit { conv 3x3 3 pad=1 -> tanh }\nblock row { repeat 5 { unit } }"
    graph = graph_of(net_of("  repeat 6 { row }", "3x4x4", before=before))
    for mode in ("inference", "training"):
        found = memory(graph, setup_of(mode, {"batch": 2}))
        assert sum(found.by_kind.values()) == found.peak_bytes


def test_no_storage_is_given_back_twice() -> None:
    """Parameters that are values have no storage of the step's own, though operators save them."""
    body = "  param scale: [8] init=normal\n  linear 8 -> x: tanh\n  (x, scale) -> mul -> y: tanh\n  (y, scale) -> mul"
    heap = memory(graph_of(net_of(body, "[4]")), setup_of("training", {"batch": 3})).simulated.heap
    assert heap.references and min(heap.references) >= 0


def test_the_bytes_of_all_outputs_are_summed() -> None:
    assert totals(graph_of(net_of("  linear 2 -> relu -> linear 3", "[4]"))).output_bytes == 4 * (2 + 2 + 3)
