"""Labels with dots: keys of containers, which the source makes as `nn.ModuleList` and `nn.ModuleDict`."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archlang
from archlang.ir import Graph
from archlang.lower import module, torch_source
from tests.specs import graph_of, layers, net_of, words_at, wrong

UNIT = """block unit(width) {
  "convs.{0}": conv 3x3 width pad=1
  "convs.1": { conv 3x3 width pad=1 -> relu }
  "norms.one": batchnorm
  "norms.two": { dropout 0.5 -> { relu } }
}"""
BODY = """  unit 4
  unit 8
  "heads.0": unit 8
  reuse "heads.0" -> flatten
  "lin.0": linear 512
  "lin.5": linear 512 weight="lin.0".weight
  mid: { reuse "lin.5" -> "y.1.z": linear 512 -> linear 4 }
  freeze "lin.0", "lin.5", heads"""


def built(body: str, input: str = "3x8x8", before: str = "") -> nn.Module:
    graph: Graph = graph_of(net_of(body, input, before))
    return module(graph)


def test_keys_and_values() -> None:
    net = built(BODY, before=UNIT).eval()
    assert isinstance(net.get_submodule("0.convs"), nn.ModuleList)
    assert isinstance(net.get_submodule("0.norms"), nn.ModuleDict)
    assert isinstance(net.get_submodule("lin"), nn.ModuleDict)
    assert not any(parameter.requires_grad for parameter in net.get_submodule("heads").parameters())
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    def unit(name: str, x: torch.Tensor) -> torch.Tensor:
        get = net.get_submodule
        x = get(f"{name}.convs.1.0")(get(f"{name}.convs.0")(x)).relu()
        y: torch.Tensor = get(f"{name}.norms.one")(x).relu()
        return y

    y = unit("heads.0", unit("heads.0", unit("1", unit("0", x)))).flatten(1)
    for name in ("lin.0", "lin.5", "lin.5", "mid.y.1.z", "mid.1"):
        y = net.get_submodule(name)(y)
    assert torch.equal(net(x), y)
    state = net.state_dict()
    assert torch.equal(state["lin.5.weight"], state["lin.0.weight"])


def test_values_are_found_by_their_labels() -> None:
    body = """  "maps.first": conv 3x3 4
  ("maps.first") -> outer: { "maps.second": conv 3x3 4 -> relu }
  (outer) -> conv 3x3 (outer.maps.second.channels) pad=1 -> (it, outer.maps.second) -> concat"""
    assert layers(body, "3x8x8")[-1] == "concat 8x4x4"
    assert "self.maps = nn.ModuleDict" in torch_source(graph_of(net_of(body, "3x8x8")))


@pytest.mark.parametrize(
    ("body", "code", "at"),
    [
        ('"convs.0": conv 3x3 4\nconvs: conv 1x1 3', "duplicate-label", "convs"),
        ('convs: { conv 3x3 4 }\n"convs.1": conv 3x3 4', "duplicate-label", '"convs.1"'),
        ('repeat 2 { "a.x": conv 3x3 4 }', "label-repeats", '"a.x"'),
        ('"a.keys": conv 3x3 4', "bad-label", '"a.keys"'),
        ('"a..b": conv 3x3 4', "bad-label", '"a..b"'),
        ('"a.half": conv 3x3 4', "bad-label", '"a.half"'),
        ('param "a.b": [3] init=zeros\nconv 3x3 4', "bad-label", '"a.b"'),
        ("convs.0: conv 3x3 4", "bad-label", "convs.0"),
        ("convs.first: conv 3x3 4", "bad-label", "convs.first"),
    ],
)
def test_labels_that_are_refused(body: str, code: str, at: str) -> None:
    text = net_of(body, "3x8x8")
    (told,) = wrong(text)
    assert (told.code, words_at(text, told)) == (code, at)


def test_a_label_with_dots_needs_quotes() -> None:
    helps = [wrong(net_of(f"{label}: conv 3x3 4", "3x8x8"))[0].help for label in ("convs.0", "a.b.first")]
    assert helps == ['write `"convs.0": ...`', 'write `"a.b.first": ...`']


def test_a_list_has_the_labels_of_modules_alone() -> None:
    text = """
net tried {
  input image: 8x4x4
  "convs.3": neg
  "convs.0": { log_softmax }
  output
}
"""
    image = torch.rand(1, 8, 4, 4)
    assert torch.equal(archlang.loads(text).module()(image), torch.log_softmax(-image, 1))
