"""Sources with recomputed calls: the same values, gradients and statistics, in the memory that was simulated."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.compiler import Net
from archlang.facts.memory import Setup, memory
from archlang.lower import torch_source
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.program import program_of
from archlang.program.passes import recomputing
from tests.allocator import images, training
from tests.specs import graph_of

SPEC = """
block unit(width) {
  residual {
    conv 3x3 width pad=1 bias=false -> batchnorm momentum=cumulative -> relu -> dropout 0.3
    conv 1x1 width -> batchnorm
  }
}
block stage(width, depth) { conv 3x3 width pad=1 -> batchnorm -> relu -> repeat depth { unit width } }
block both(width) {
  input left
  input right
  (left, right) -> add -> dropout 0.5 -> instancenorm
  other: it
  (left, it) -> mul
  output it, other
}
net tried(depth=3) {
  input recompute: 3x16x16
  param scale: [8, 1, 1] init=normal(1)
  one: stage 8 depth
  (scale, it) -> mul
  checkpoint: it
  (checkpoint, one) -> two: both 8 -> (x, module): it
  (x) -> again: unit 8 -> reuse again
  "33": { three: stage 4 2 -> relu }
  globalavgpool -> flatten -> linear 4
  output
  output module when training
}
"""
CHOICES = [["one"], ["one.3", "one.5"], ["two", "again"], ["33.three.4", "33.three"], ["one", "one.3", "two", "again"]]


def stepped(net: torch.nn.Module, inputs: list[torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Return what two steps of training leave: gradients, weights and buffers."""
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    given: tuple[torch.Tensor, ...] = ()
    for _ in range(2):
        optimizer.zero_grad()
        given = net(*inputs)
        torch.stack([value.square().mean() for value in given]).sum().backward()
        optimizer.step()
    assert all(value.grad is not None for value in net.parameters())
    found = {f"output {at}": value.detach() for at, value in enumerate(given)}
    found |= {f"gradient of {name}": value.grad for name, value in net.named_parameters() if value.grad is not None}
    return found | dict(net.state_dict())


@pytest.mark.parametrize("paths", CHOICES)
def test_a_step_is_the_same(paths: list[str]) -> None:
    """Values, gradients, random numbers, and the running statistics, which are updated once."""
    net = Net(graph_of(SPEC))
    inputs = images(net.graph, 3)
    plain = stepped(net.module(seed=0), inputs, 1)
    again = stepped(net.module(seed=0, recomputed=paths), inputs, 1)
    assert plain.keys() == again.keys()
    assert [name for name, value in plain.items() if not torch.equal(value, again[name])] == []


@pytest.mark.parametrize("paths", CHOICES)
def test_the_source_calls_what_is_recomputed(paths: list[str]) -> None:
    net = Net(graph_of(SPEC))
    text = net.source(recomputed=paths)
    assert text.count(" = recompute(") >= 1
    calls = [line for line in text.splitlines() if " = recompute(" in line]
    wrong = text.replace(calls[0], calls[0].replace("recompute(", "").replace(")", "", 1))
    with pytest.raises(SourceError):
        audit(wrong, classes_of(recomputing(program_of(net.graph), paths)))


def test_evaluation_and_pickling_are_as_ever() -> None:
    net = Net(graph_of(SPEC))
    module = net.module(seed=0, recomputed=["one", "two"]).eval()
    inputs = images(net.graph, 2)
    assert torch.equal(module(*inputs), net.module(seed=0).eval()(*inputs))
    assert torch.equal(pickle.loads(pickle.dumps(module))(*inputs), module(*inputs))


@pytest.mark.parametrize("paths", [["one"], ["one.3", "one.4", "one.5"], ["again"]])
def test_the_memory_is_that_of_the_simulation(paths: list[str]) -> None:
    """More at most by what the second run leaves out, as it ends with the last tensor that is asked for."""
    graph = graph_of(SPEC)
    module = Net(graph).module(seed=0, recomputed=paths)
    found = training(graph, module, images(graph, 4), "momentum", recomputes=True).peak_bytes
    told = memory(graph, Setup(4), paths).peak_bytes
    assert found <= told + 16 and told <= 1.05 * found
    assert told <= memory(graph, Setup(4)).peak_bytes


def test_other_sources_do_not_change() -> None:
    graph = graph_of(SPEC)
    assert "recompute(" not in torch_source(graph)


def test_the_command_builds_it_and_says_what_is_no_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text(SPEC)
    assert main(["build", str(spec), "--recompute", "one.3,two"]) == 0
    assert capsys.readouterr().out == Net(graph_of(SPEC)).source(recomputed=["one.3", "two"])
    assert main(["build", str(spec), "--recompute", "one.3,one.9"]) == 2
    assert "--recompute: tried calls no block at one.9" in capsys.readouterr().err


def test_what_torch_saves_before_it_is_written_is_written_when_it_is_recomputed() -> None:
    """rrelu's noise is the last tensor that is saved; torch 2.13 stops to run again before the noise is drawn."""
    net = Net(graph_of("block unit { conv 3x3 8 pad=1 -> rrelu }\nnet t { input image: 3x8x8; a: unit; output }"))
    inputs = images(net.graph, 8)
    plain = stepped(net.module(seed=0), inputs, 1)
    for _ in range(3):
        torch.full((8, 8, 8, 8), 7e30)  # what the memory of the noise held before
        again = stepped(net.module(seed=0, recomputed=["a"]), inputs, 1)
        assert [name for name, value in plain.items() if not torch.equal(value, again[name])] == []
