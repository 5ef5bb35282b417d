"""Weights that are shared, tied, frozen, or a net's own values: the module has what the Graph says, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from archlang.facts.work import count
from archlang.ir import Graph
from archlang.lower import module, torch_source
from tests.specs import graph_of, net_of, wrong

CELL = """
  cell: conv 3x3 3 pad=1
  repeat 2 { relu -> reuse cell }
  steps: repeat 2 { tanh -> reuse cell }
"""
TRUNK = "block trunk(width) { conv1: conv 3x3 width pad=1 -> relu; layer1: { conv 1x1 width -> batchnorm } }"


def agrees(graph: Graph) -> nn.Module:
    """Return the module of a net, compared with the Graph: keys, shapes, counts, trained weights, one training step."""
    made = module(graph, seed=0)
    counts = count(graph).net
    assert {name: tuple(value.shape) for name, value in made.state_dict().items()} == dict(weights(graph))
    assert sum(value.numel() for value in made.parameters()) == counts.params
    assert sum(value.numel() for value in made.parameters() if value.requires_grad) == counts.trainable_params
    assert sum(value.numel() for value in made.buffers()) == counts.buffers
    output = made(*[torch.randn(2, *graph.root.types[port.value].shape[1:]) for port in graph.root.inputs])
    assert tuple(output.shape[1:]) == graph.root.types[graph.root.outputs[0].value].shape[1:]
    output.sum().backward()
    assert all((value.grad is not None) == value.requires_grad for value in made.parameters())
    return made


def weights(graph: Graph) -> Iterator[tuple[str, tuple[int, ...]]]:
    for layer in graph.flat():
        for weight in layer.op.weights(*layer.input_types):
            yield f"{layer.path}.{weight.name}".rstrip("."), weight.shape


def test_a_module_that_is_applied_again_is_in_the_state_dict_once() -> None:
    graph = graph_of(net_of(CELL, input="3x8x8"))
    made = agrees(graph)
    assert list(made.state_dict()) == ["cell.weight", "cell.bias"]
    assert count(graph).net.params == 3 * 27 + 3
    assert count(graph).net.macs == 5 * 64 * 3 * 27
    x = torch.randn(1, 3, 8, 8)
    cell = made.get_submodule("cell")
    y = cell(x)
    for act in (torch.relu, torch.relu, torch.tanh, torch.tanh):
        y = cell(act(y))
    assert torch.equal(made(x), y)


def test_a_step_labelled_by_digits_is_applied_again() -> None:
    """One that is numbered by its position has no label, and is not."""
    body = 'conv 1x1 3\n"33": conv 1x1 3\nreuse "33"\n"5": pair 3 -> reuse "5"'
    text = net_of(body, before="block pair(width) { conv 1x1 width -> relu }")
    graph = graph_of(text)
    assert [node.path for node in graph.root.nodes] == ["0", "33", "33", "5", "5"]
    assert module(graph)(torch.randn(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    (diagnostic,) = wrong(net_of('conv 1x1 3\nreuse "0"'))
    assert diagnostic.code == "unknown-name"


def test_a_block_is_applied_again_on_another_size() -> None:
    before = (
        "block enc(w) { conv1: conv 3x3 w pad=1 -> batchnorm -> relu; conv2: conv 3x3 w -> globalavgpool -> flatten }"
    )
    body = "a: enc 4\n(image) -> maxpool 2x2/2 -> reuse enc_\n(a, it) -> concat -> head: linear 2"
    graph = graph_of(net_of(body.replace("enc_", "a"), input="3x8x8", before=before))
    agrees(graph)
    calls = [node.block for node in graph.root.nodes if node.kind == "call"]
    assert len(set(calls)) == 2  # two sub-graphs of one module
    assert torch_source(graph).count("class Enc") == 1


def test_siamese() -> None:
    spec = """
      block embed(width) { conv 3x3 8 -> relu -> globalavgpool -> flatten -> linear width }
      net siamese {
        input left: 1x16x16
        input right: 1x16x16
        (left) -> tower: embed 5
        (right) -> reuse tower
        (tower, it) -> concat -> linear 1
        output
      }"""
    agrees(graph_of(spec))


def test_a_part_of_braces_is_applied_again_outside_and_in_other_braces() -> None:
    body = "a: { first: conv 1x1 3 -> relu }\nreuse a.first\nb: { tanh; reuse a.first; c: { reuse a.first } }"
    graph = graph_of(net_of(body, input="3x4x4"))
    made = agrees(graph)
    assert list(made.state_dict()) == ["a.first.weight", "a.first.bias"]
    assert count(graph).net.macs == 4 * 16 * 9


def test_tied_weights_are_counted_once_and_are_one_tensor() -> None:
    body = (
        "first: linear 6\nmore: { second: linear 6 weight=first.weight }\nlinear 6 bias=false weight=more.second.weight"
    )
    graph = graph_of(net_of(body, input="[6]"))
    assert count(graph).net.params == 36 + 6 + 6
    made = agrees(graph)
    assert made.get_parameter("first.weight") is made.get_parameter("more.second.weight")
    assert made.get_parameter("first.weight") is made.get_parameter("2.weight")


def test_frozen_parts_are_not_trained() -> None:
    body = """
      features: { conv 3x3 4 -> batchnorm -> relu }
      body: trunk 4
      head: conv 1x1 2
      freeze "features.0", body.layer1"""
    graph = graph_of(net_of(body, input="3x8x8", before=TRUNK))
    made = agrees(graph)
    frozen = {name for name, value in made.named_parameters() if not value.requires_grad}
    assert frozen == {
        "features.0.weight", "features.0.bias", "body.layer1.0.weight", "body.layer1.0.bias", "body.layer1.1.weight",
        "body.layer1.1.bias",
    }  # fmt: skip


def test_braces_without_modules_cannot_be_frozen() -> None:
    (found,) = wrong(net_of("sums: { (image, image) -> add }\n freeze sums"))
    assert found.message == "`sums` holds no module, so there is nothing to freeze" and found.help is None


def test_what_a_block_freezes_is_frozen_wherever_it_is_called() -> None:
    before = TRUNK[:-1] + "; freeze conv1 }"
    graph = graph_of(net_of("a: trunk 3\nb: trunk 3\nconv 1x1 2", input="3x8x8", before=before))
    made = agrees(graph)
    assert not made.get_parameter("a.conv1.weight").requires_grad
    assert not made.get_parameter("b.conv1.weight").requires_grad


def test_inline_joins_names_and_labels() -> None:
    body = "relu\ninline trunk 4\n(layer1, conv1) -> add\nconv 1x1 2"
    graph = graph_of(net_of(body, input="3x8x8", before=TRUNK))
    made = agrees(graph)
    assert [name for name, _ in made.named_parameters()] == [
        "conv1.weight", "conv1.bias", "layer1.0.weight", "layer1.0.bias", "layer1.1.weight", "layer1.1.bias",
        "4.weight", "4.bias",
    ]  # fmt: skip
    plain = graph_of(net_of("relu\ntrunk 4\nconv 1x1 2", input="3x8x8", before=TRUNK))
    assert count(plain).net.params == count(graph).net.params


def test_parameters_and_buffers_are_values() -> None:
    body = """
      param scale: [4, 1, 1] init=constant(0.5)
      buffer mask: [1, 4, 8, 8] init=ones
      conv 1x1 4
      gate: { param shift: [4, 1, 1] init=normal(0.02); (it, shift, scale) -> add }
      (it, scale, mask) -> mul
    """
    graph = graph_of(net_of(body, input="3x8x8"))
    made = agrees(graph)
    assert set(made.state_dict()) == {"scale", "mask", "0.weight", "0.bias", "gate.shift"}
    assert bool((made.get_parameter("scale") == 0.5).all())


def test_a_parameter_of_each_size_is_an_argument_of_one_class() -> None:
    before = "block scaled(width) { param gamma: [width, 1, 1] init=zeros; conv 1x1 width; (it, gamma) -> mul }"
    graph = graph_of(net_of("scaled 4 -> scaled 8", input="3x8x8", before=before))
    agrees(graph)
    assert "torch.zeros(width, 1, 1)" in torch_source(graph)


def test_a_class_token_is_expanded_along_the_batch() -> None:
    body = """
      permute "n t c"
      param token: 1x1x8 init=trunc_normal(0.02)
      (token, it) -> concat
      param place: 1x17x8 init=zeros
      (it, place) -> add"""
    graph = graph_of(net_of(body, input="[8, 16]"))
    made = agrees(graph)
    assert made(torch.randn(5, 8, 16)).shape == (5, 17, 8)


@pytest.mark.parametrize(
    "before, step",
    [("", "conv 3x3/2 3 pad=same_upper"), ("block unit { conv 3x3/2 3 pad=same_upper }\n", "unit")],
)
def test_a_convolution_that_would_pad_otherwise_is_not_applied_again(before: str, step: str) -> None:
    """Its weights are the same at both sizes, and torch pads 8 positions after and 7 on both sides."""
    body = f" (a) -> s: {step}\n (b) -> reuse s\n (s, it) -> add\n output\n"

    def at(size: int) -> list[str]:
        net = f"{before}net n {{\n input a: 3x8x8\n input b: 3x{size}x{size}\n{body}}}"
        return [found.code for found in wrong(net)]

    assert at(7) == ["weights-differ"]
    assert at(8) == []


@pytest.mark.parametrize("body", ["inline all -> relu -> one", "one -> inline all", "inline all -> inline most"])
def test_inlined_layers_count_towards_the_limit_of_layers(body: str) -> None:
    """`all` holds 1,000,000 layers, the most that a net may have."""
    blocks = "block one { relu }\nblock k { repeat 1000 { relu } }\nblock all { repeat 1000 { k } }\nblock most { k }\n"
    found = wrong(f"{blocks}net n {{\n input a: [2]\n {body}\n output\n}}")
    assert [one.code for one in found] == ["too-large"]
    assert wrong(f"{blocks}net n {{\n input a: [2]\n inline all\n output\n}}") == []
