"""The emitted source: readable, formatted, and exactly the code that runs."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path
from runpy import run_path

import pytest
import torch

import archlang
from archlang.elaborate import elaborate
from archlang.ir import Graph
from archlang.lower import module, torch_source
from archlang.parse import parse
from archlang.source import Source
from tests.specs import graph_of, net_of

PAIRS = """
block pair(width, kernel=3x3, stride=1) {
  conv kernel/stride width pad=same bias=false -> batchnorm -> relu
  conv 3x3 width pad=1
}
block named(width) {
  first: conv 3x3 width pad=1
  relu
  second: conv 3x3 width pad=1 -> relu
}
net n {
  input image: 3x32x32
  stem: { one: conv 3x3 8 -> relu; conv 3x3 8 }
  a: pair 8
  b: pair 5x5/2 16
  pair 16
  c: named 8
  d: named 8
  flatten -> head: linear 10
  output
}
"""


def graph(text: str, name: str = "n") -> Graph:
    file, diagnostics = parse(Source("test.arch", text))
    built, more = elaborate(file, name)
    assert built is not None, [*diagnostics, *more]
    return built


@pytest.mark.parametrize("name", ["lenet5", "vgg16", "vgg16_bn", "vgg11_lrn_2014"])
def test_source_of_shipped_nets(name: str, tmp_path: Path) -> None:
    check_source(archlang.load(name).source(), tmp_path)


def test_vgg16_is_short() -> None:
    assert len(archlang.load("vgg16").source().splitlines()) <= 70


def check_source(text: str, tmp_path: Path) -> None:
    """Check that lines are short, a formatter changes nothing, only torch is imported, and no warning is raised."""
    path = tmp_path / "net.py"
    path.write_text(text)
    assert max(map(len, text.splitlines())) <= 100
    subprocess.run([sys.executable, "-m", "ruff", "format", "--isolated", "--check", str(path)], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", "--isolated", str(path)], check=True)
    imports = {line for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imports <= {"import torch", "from torch import nn"}
    run_path(str(path), run_name="__main__")


def test_a_source_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(torch_source(graph(PAIRS)))
    subprocess.run([sys.executable, "-W", "error", str(path)], check=True, cwd=tmp_path)


def test_one_class_for_each_structure(tmp_path: Path) -> None:
    built = graph(PAIRS)
    text = torch_source(built)
    check_source(text, tmp_path)
    assert text.count("class Pair(") == 1  # three calls, three sizes, one structure
    assert text.count("class Named(") == 1
    flat = " ".join(text.split())
    assert "in_channels, width, kernel_size, stride=stride, padding=padding, bias=False" in flat


def test_names_that_the_source_uses_are_left_alone(tmp_path: Path) -> None:
    text = """
    block torch(self, super, range, nn) {
      input lambda_
      conv 3x3 self pad=1 -> conv 3x3 super pad=1 -> conv 1x1 range -> conv 1x1 nn
    }
    net n {
      input nn: 3x8x8
      range: torch 4 5 6 7
      self: torch 8 9 10 11
      repeat 3 { torch 11 11 11 11 }
      output
    }
    """
    built = graph(text)
    check_source(torch_source(built), tmp_path)
    assert module(built)(torch.zeros(1, 3, 8, 8)).shape == (1, 11, 8, 8)


def test_state_dict_and_shapes_are_the_graphs() -> None:
    built = graph(PAIRS)
    net = module(built)
    expected = {
        f"{layer.path}.{weight.name}": weight.shape
        for layer in built.flat()
        for weight in layer.op.weights(*layer.input_types)
    }
    assert {key: tuple(value.shape) for key, value in net.state_dict().items()} == expected
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_a_traceback_shows_the_source() -> None:
    net = archlang.load("lenet5").module()
    with pytest.raises(RuntimeError) as caught:
        net(torch.zeros(1, 1, 40, 40))
    assert "x = self.classifier(x)" in "".join(traceback.format_tb(caught.value.__traceback__))


def test_seeded_like_hand_written_code() -> None:
    torch.manual_seed(3)
    ours = archlang.load("lenet5").module()
    torch.manual_seed(3)
    first = torch.nn.Conv2d(1, 6, 5)
    assert torch.equal(ours.state_dict()["features.0.weight"], first.weight)


def test_a_long_chain_of_methods_is_broken_and_carried_classes_keep_their_names() -> None:
    body = """
      attention: { rearrange "n (g=2 c) (h p=4) (w q=4) -> n (g h w) (p q c)"; attention 4; linear 8 }
      stochasticdepth: { stochastic_depth 0.1; linear 8 }"""
    graph = graph_of(net_of(body, input="8x16x16"))
    source = torch_source(graph)
    assert max(map(len, source.splitlines())) <= 100
    assert source.count("class Attention(") == source.count("class StochasticDepth(") == 1
    assert module(graph)(torch.randn(2, 8, 16, 16)).shape == (2, 32, 8)
