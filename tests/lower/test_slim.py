"""Slim modules: the same values, gradients and statistics as the plain module's, bit by bit, of less that is kept."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archlang
from archlang.cli import main
from archlang.compiler import Net
from archlang.facts.memory import Setup, memory
from archlang.facts.work import count
from archlang.fit import plan
from archlang.lower import module
from archlang.program import program_of
from archlang.program.passes import recomputing, slimming
from archlang.program.passes.recomputing import chained
from tests.allocator import images, training
from tests.specs import graph_of

CHAINS = """
block unit(width) { conv 3x3 width pad=1 bias=false -> batchnorm -> relu }
block scaled(width) {
  input x
  globalavgpool -> conv 1x1 width -> sigmoid
  (it, x) -> mul
  output
}
net chains {
  input image: 3x16x16
  stem: unit 16 -> conv 1x1 16 -> batchnorm momentum=cumulative -> relu6
  residual { conv 1x1 32 -> batchnorm affine=false -> relu6 -> conv 3x3 32 groups=32 pad=1 -> batchnorm -> conv 1x1 16 }
  unit 16 -> conv 3x3 16 pad=1 -> batchnorm -> silu -> conv 1x1 8 -> batchnorm -> hardswish
  conv 1x1 6 -> batchnorm -> silu -> scaled 6 -> conv 1x1 6 -> batchnorm -> relu -> scaled 6 -> conv 1x1 4 -> batchnorm
  norm: it; globalavgpool; (norm, it) -> mul -> conv 3x3 8 pad=1 -> batchnorm -> hardswish
  several: it
  conv 1x1 4 -> batchnorm -> one: relu
  (several) -> conv 3x3 4 pad=1 -> batchnorm track_running_stats=false -> two: relu
  (several) -> globalavgpool -> flatten -> pooled: linear 5
  (one, two) -> add -> unit 4 -> conv 1x1 6 -> batchnorm -> relu -> flatten -> linear 5
  (it, pooled) -> add
  output
}
"""


def both(text: str = CHAINS) -> tuple[Net, nn.Module, nn.Module]:
    """Return a net, its plain module and its slim one, with the same weights."""
    net = Net(graph_of(text))
    plain, slim = net.module(0).train(), net.module(0, memory="save").train()
    return net, plain, slim


def left_by(
    module: nn.Module, run: Callable[[Tensor], Tensor] | None = None, dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """Return what two steps leave: results, gradients of weights and input, weights and statistics."""
    module.to(dtype)
    optimizer = torch.optim.SGD([one for one in module.parameters() if one.requires_grad], lr=0.1)
    found: list[Tensor] = []
    for seed in range(2):
        x = torch.randn(4, 3, 16, 16, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        y = (module if run is None else run)(x)
        optimizer.zero_grad()
        (y * torch.linspace(0, 1, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
        assert x.grad is not None
        found += [y.detach(), x.grad]
        found += [one.grad.clone() for one in module.parameters() if one.grad is not None]
        optimizer.step()
    return [*found, *(one.clone() for one in module.state_dict().values())]


def assert_equal(plain: list[Tensor], slim: list[Tensor]) -> None:
    """Assert that two lists of tensors are equal bit by bit."""
    assert len(plain) == len(slim) > 40
    assert all(torch.equal(one, other) for one, other in zip(plain, slim, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_training_is_equal(dtype: torch.dtype) -> None:
    _, plain, slim = both()
    assert_equal(left_by(plain, dtype=dtype), left_by(slim, dtype=dtype))


def test_evaluation_and_frozen_parts_are_equal() -> None:
    for prepare in (nn.Module.eval, _frozen, _frozen_norms, _frozen_but_one):
        _, plain, slim = both()
        for one in (plain, slim):
            prepare(one)
        first, second = left_by(plain), left_by(slim)
        assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def _frozen(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.requires_grad_(False)


def _frozen_but_one(module: nn.Module) -> None:
    module.requires_grad_(False)
    next(module.parameters()).requires_grad_()


def _frozen_norms(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval().requires_grad_(False)


def test_under_autocast_it_is_the_plain_module() -> None:
    _, plain, slim = both()
    with torch.autocast("cpu", torch.bfloat16):
        assert_equal(left_by(plain), left_by(slim))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_compiled_traced_and_exported_it_is_the_plain_module() -> None:
    _, plain, slim = both(CHAINS.replace("momentum=cumulative", ""))  # of which torch.compile makes no one graph
    found = [
        left_by(one, torch.compile(one, backend="eager", fullgraph=True))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        for one in (plain, slim)
    ]
    assert_equal(*found)
    x = torch.randn(4, 3, 16, 16)
    program = torch.export.export(slim.eval(), (x,))
    assert torch.equal(program.module()(x), slim(x))
    traced: Any = torch.jit.trace(slim, x)
    assert torch.equal(traced(x), slim(x))


def test_second_derivatives_are_equal() -> None:
    found: list[Tensor] = []
    for one in both()[1:]:
        x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
        (first,) = torch.autograd.grad(one(x).square().sum(), x, create_graph=True)
        first.square().sum().backward()
        assert x.grad is not None
        found.append(torch.cat([x.grad.flatten(), *(p.grad.flatten() for p in one.parameters() if p.grad is not None)]))
    assert torch.equal(*found)


def test_a_backward_pass_can_run_twice_or_in_part() -> None:
    found: list[list[Tensor]] = []
    for one in both()[1:]:
        y = one(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))).square().sum()
        weights = list(one.parameters())
        parts = torch.autograd.grad(y, weights[3:5], retain_graph=True)
        found.append([*parts, *torch.autograd.grad(y, weights, retain_graph=True), *torch.autograd.grad(y, weights)])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_what_is_changed_in_place_is_told_or_taken_as_it_is() -> None:
    """A weight and the input of a norm must be as they were; a value that a hook changed is kept."""
    x = torch.randn(4, 3, 16, 16)
    inputs: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, y: Tensor) -> None:
        inputs.append(y)

    for change in ("weight", "input"):
        _, _, slim = both()
        slim.get_submodule("1").register_forward_hook(keep)
        y = slim(x).sum()
        with torch.no_grad():
            (slim.get_parameter("1.weight") if change == "weight" else inputs[-1]).mul_(2)
        with pytest.raises(RuntimeError, match=r"changed in place|modified by an inplace"):
            torch.autograd.grad(y, [slim.get_parameter("stem.0.weight"), slim.get_parameter("2.weight")])
    found: list[list[Tensor]] = []
    for one in both()[1:]:
        one.get_submodule("stem.1").register_forward_hook(lambda module, given, y: y.mul_(2))
        found.append(left_by(one))
    assert_equal(*found)


def test_keys_and_copies() -> None:
    _, plain, slim = both()
    assert list(plain.state_dict()) == list(slim.state_dict())
    slim.load_state_dict(plain.state_dict())
    first = left_by(copy.deepcopy(slim))
    assert_equal(first, left_by(pickle.loads(pickle.dumps(slim))))  # noqa: S301


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_the_simulation_is_that_of_the_allocator(optimizer: str) -> None:
    net, plain, slim = both()
    inputs = images(net.graph, 16)
    measured = [training(net.graph, one, inputs, optimizer, recomputes=True) for one in (plain, slim)]
    told = [memory(net.graph, Setup(16, optimizer=optimizer), slim=slim) for slim in (False, True)]
    for one, other in zip(measured, told, strict=True):
        assert other.peak_bytes == pytest.approx(one.peak_bytes, rel=0.002)
        assert other.with_scratch_bytes == pytest.approx(one.with_scratch_bytes, rel=0.01)
    assert measured[1].peak_bytes < 0.7 * measured[0].peak_bytes


def test_a_row_of_calls_is_simulated_as_its_calls() -> None:
    body = "conv 1x1 8 bias=false -> batchnorm -> relu -> conv 3x3 8 pad=1 -> batchnorm -> relu6"
    row = "net row { input image: 3x8x8; conv 1x1 8; repeat 8 { unit }; output }"
    net = Net(graph_of(f"block unit {{ {body} }}\n{row}"))
    module = net.module(0, memory="save")
    told = memory(net.graph, Setup(8), slim=True)
    assert told.simulated.runs  # folded
    found = training(net.graph, module, images(net.graph, 8), "momentum", recomputes=True)
    assert told.peak_bytes == pytest.approx(found.peak_bytes, rel=0.002)


def test_an_activation_that_serves_a_chain_elsewhere_changes_no_other_value() -> None:
    """Its input, which a convolution reads too, is made again as it was, not activated; nor is a product a norm."""
    text = """block act { relu }
    block scale { input x; globalavgpool; (it, x) -> mul; output }
    net n {
      input image: 3x16x16
      conv 3x3 8 pad=1 -> batchnorm -> act -> conv 1x1 8 -> batchnorm -> silu -> scale -> conv 1x1 8 -> batchnorm
      normed: it
      conv 1x1 8 -> a: it; (normed) -> act -> b: it
      (a, b) -> add -> conv 3x3 8 -> batchnorm -> scale -> act -> conv 1x1 4 -> flatten -> linear 2
      output
    }"""
    _, plain, slim = both(text)
    assert "product(" in Net(graph_of(text)).source(slim=True)
    first, second = left_by(plain), left_by(slim)
    assert len(first) == len(second) and all(torch.equal(*pair) for pair in zip(first, second, strict=True))


@pytest.mark.parametrize(("name", "share"), [("mobilenet_v2", 0.45), ("efficientnet_b0", 0.4)])
def test_nets_take_less_than_half(name: str, share: float) -> None:
    """Of squeeze and excitation, neither the activation nor the product is kept."""
    graph = archlang.load(name).graph
    plain, slim = (memory(graph, Setup(32), slim=slim).with_scratch_bytes for slim in (False, True))
    assert slim < share * plain


@pytest.mark.parametrize(
    "steps",
    [
        "conv 3x3 4 -> batchnorm -> relu -> flatten -> linear 2",  # no convolution reads it
        "conv 3x3 4 -> batchnorm -> relu -> conv 3x3 4 pad=1 padding_mode=reflect",  # of a padded copy
        "conv 3x3 4 -> batchnorm -> tanh -> conv 1x1 4",
        "conv 3x3 4 -> batchnorm -> relu -> dropout 0.1 -> conv 1x1 4",
        "conv 3x3 4 -> batchnorm -> relu; a: it; conv 1x1 4 -> b: globalavgpool; (a, b) -> mul",  # the product keeps it
        "conv 3x3 4 -> groupnorm 2 -> relu -> conv 1x1 4",
    ],
)
def test_what_is_kept_anyway_is_as_before(steps: str) -> None:
    net = Net(graph_of(f"net n {{ input image: 3x8x8; {steps}; output }}"))
    assert net.source(slim=True) == net.source()


def test_a_shared_module_is_as_before() -> None:
    steps = "a: conv 1x1 4; norm: batchnorm; relu; reuse a; reuse norm; relu; conv 1x1 4"
    net = Net(graph_of(f"net n {{ input image: 4x8x8; {steps}; output }}"))
    assert "Slim" not in net.source(slim=True)


def test_the_plain_source_knows_nothing_of_it() -> None:
    assert "Slim" not in Net(graph_of(CHAINS)).source()


def test_what_excludes_each_other() -> None:
    net = Net(graph_of(CHAINS))
    with pytest.raises(ValueError, match="is for inference"):
        net.module(memory="save", optimize="inference")
    row = Net(graph_of(ROW))
    needed = memory(row.graph, Setup(16), slim=True).needed_bytes
    found = plan(row.graph, Setup(16), needed, slims=False)
    assert found is not None and found.recomputed and not found.slim
    row.module(memory=needed, batch=16, optimize="inference")  # with that plan


ROW = """block unit(width) {
  conv 3x3 width pad=1 bias=false -> batchnorm -> silu -> conv 1x1 width -> batchnorm -> relu
}
net row { input image: 3x16x16; unit 8; outer: { repeat 5 { unit 8 } }; unit 8; flatten -> linear 5; output }"""


@pytest.mark.parametrize(
    "paths", [["outer.{0..3}"], ["0", "outer.{0..1}", "outer.3"], ["outer.{1..2}", "outer.{3..4}"]]
)
def test_slim_parts_beside_runs_that_are_recomputed(paths: list[str]) -> None:
    """Equal bit by bit; and the simulated peak is the allocator's, but for what ends early of a second run."""
    net = Net(graph_of(ROW))
    plain = net.module(0)
    told = memory(net.graph, Setup(16), paths, slim=True).peak_bytes
    found = training(net.graph, _recomputing(net, paths), images(net.graph, 16), "momentum", recomputes=True).peak_bytes
    assert found <= told <= 1.05 * found
    first, second = left_by(plain), left_by(_recomputing(net, paths))
    assert len(first) == len(second) and all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def _recomputing(net: Net, paths: list[str]) -> nn.Module:
    """Return the slim module with calls that are recomputed."""
    return module(slimming(recomputing(program_of(net.graph), paths)), 0)


def test_runs_that_are_none() -> None:
    net = Net(graph_of(ROW))
    dotted = 'net dotted { input image: 3x8x8; a: unit 8 -> "b.a": unit 8 -> "b.c": unit 8; output }'
    program = program_of(graph_of(ROW[: ROW.index("net")] + dotted))
    assert [*chained(program)] == [["b.a", "b.c"]]
    recomputing(program, ["b.{a..c}"])
    for path in ("outer.{0..9}", "{0..2}", "outer.{3..1}"):
        with pytest.raises(ValueError, match="calls no block at"):
            net.source([path])
    with pytest.raises(ValueError, match=r"two runs to recompute have the call outer\.2"):
        net.source(["outer.{0..2}", "outer.{2..3}"])


@pytest.mark.parametrize("share", [0.85, 0.6, 0.5])
def test_a_plan_is_near_the_best_of_all(share: float) -> None:
    """Of every choice of the five equal calls in a row, alone and in runs, with a slim module or without."""
    graph = graph_of(ROW)
    budget = int(share * memory(graph, Setup(16)).needed_bytes)
    found = plan(graph, Setup(16), budget)
    unit = max(count(graph, 16).blocks[block.id].macs for block in graph.blocks if block.name == "unit")
    least: list[int] = []
    for cuts in product((0, 1, 2), repeat=5):  # kept, the first of a run, or joined to the one before
        rows = [[at] for at, cut in enumerate(cuts) if cut == 1]
        for at, cut in enumerate(cuts):
            if cut == 2 and rows and rows[-1][-1] == at - 1:
                rows[-1].append(at)
        inner = [f"outer.{{{row[0]}..{row[-1]}}}" if len(row) > 1 else f"outer.{row[0]}" for row in rows]
        for slim in (False, True):
            if memory(graph, Setup(16), inner, slim=slim).needed_bytes <= budget:
                least.append(sum(map(len, rows)))
    assert found is not None and found.memory.needed_bytes <= budget
    assert not least or found.extra_macs <= min(least) * unit


def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mobilenet_v2", "--memory", "save", "--batch", "32"]) == 0
    captured = capsys.readouterr()
    assert "class SlimConv2d(SlimConvolution, nn.Conv2d):" in captured.out
    assert captured.err.startswith("batch 32 takes ") and ", where it took 2.38 GiB: " in captured.err
    assert main(["memory", "mobilenet_v2", "--batch", "32", "--slim"]) == 0
    assert main(["build", "mobilenet_v2", "--memory", "save", "--optimize", "inference"]) == 2
    with pytest.raises(SystemExit):
        main(["build", "mobilenet_v2", "--memory", "saves"])
