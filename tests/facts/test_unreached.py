"""Values on which no output with a gradient depends: work, saved bytes and memory, as torch has them."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archlang.cautions import cautions
from archlang.cli import main
from archlang.compiler import Net
from archlang.facts.memory import memory, setup_of
from archlang.facts.passes import passes
from archlang.facts.saved import saved
from archlang.facts.untrained import untrained
from archlang.ir import Graph
from archlang.laws.calling import own_loops
from tests.allocator import images, inference, training
from tests.specs import graph_of

BATCH = 3
SCALARS = 16  # bytes: torch makes tensors of some single numbers, not all of which are declared

MAPS = """block maps {
  conv 3x3 8 pad=1 -> a: relu
  b: conv 3x3 4 pad=1 -> c: batchnorm -> tanh -> d: conv 1x1 6
  output a, b, d
}
"""
NETS = {
    "an integer beside": """net n {
  input image: [24]
  x: linear 8 -> relu
  linear 300 -> gelu -> linear 5 -> argmax axis=1 -> best: it
  x -> linear 4 -> y: it
  output y, best
}""",
    "integers before": """net n {
  input image: [24]
  linear 400 -> tanh -> linear 10 -> argmax axis=1 -> embedding 10 5 -> linear 3
  output
}""",
    "one of three maps": MAPS + """net n {
  input image: 3x8x8
  conv 1x1 5 -> maps -> (a, b, d): it
  a -> conv 1x1 2
  output
}""",
    "two of three maps, twice": MAPS + """net n {
  input image: 3x8x8
  conv 1x1 5 -> maps -> (a, b, d): it
  a -> maps -> (e, f, g): it
  b -> relu -> flatten -> s: linear 4
  f -> flatten -> t: linear 4
  (s, t) -> add
  output
}""",
    "a row that is left": MAPS + """block unit {
  residual { conv 1x1 6 -> batchnorm -> relu -> conv 1x1 6 }
  relu
}
net n {
  input image: 3x8x8
  conv 1x1 6 -> start: it
  repeat 8 { unit } -> argmax axis=1 -> best: it
  start -> flatten -> linear 4 -> y: it
  output y, best
}""",
    "a row that leaves maps": MAPS + """block unit {
  maps -> (a, b, d): it
  a -> conv 1x1 6
}
net n {
  input image: 6x8x8
  conv 1x1 6 -> repeat 8 { unit } -> flatten -> linear 4
  output
}""",
    "shared and tied": """net n {
  input image: 12x5x5
  a: conv 1x1 12 -> b: conv 1x1 12 weight=a.weight -> reuse b -> x: it
  image -> reuse a -> relu -> c: conv 1x1 12 -> conv 1x1 9 -> argmax axis=1 -> best: it
  x -> conv 1x1 12 weight=c.weight -> flatten -> linear 4 -> y: it
  output y, best
}""",
    "applied again, tied and frozen": """net n {
  input image: 12x5x5
  a: conv 1x1 12 -> b: conv 1x1 12 weight=a.weight -> tanh -> reuse b -> tanh -> reuse b -> flatten -> linear 4
  freeze a
  output
}""",
    "parameters": """net n {
  input image: [12]
  param p: [12] init=normal
  param q: [12] init=normal
  (image, p) -> mul -> x: it
  (x, q) -> mul -> linear 20 -> argmax axis=1 -> best: it
  x -> linear 4 -> y: it
  output y, best
}""",
    "a gradient that is stopped": """net n {
  input image: [24]
  linear 40 -> tanh -> detach -> linear 30 -> gelu -> linear 5
  output
}""",
    "a gradient that goes around what is stopped": """net n {
  input image: 6x8x8
  z: conv 3x3 16 pad=1
  conv 3x3 16 pad=1 -> tanh -> q: it
  (q, z) -> sub -> detach -> rest: it
  (z, rest) -> add -> relu -> conv 3x3 4 -> y: it
  (q, z) -> sub -> square -> flatten -> linear 3 -> commitment: it
  output y, commitment
}""",
    "a parameter that is stopped": """net n {
  input image: [12]
  param p: [12] init=normal
  p -> detach -> fixed: it
  (image, p) -> mul -> linear 12 -> x: it
  (x, fixed) -> mul -> relu -> detach -> again: it
  (again, x) -> add -> linear 4
  output
}""",
    "stopped in a row": """block unit {
  residual { linear 12 -> detach -> relu -> linear 12 }
}
net n {
  input image: [12]
  linear 12
  repeat 8 { unit }
  linear 4
  output
}""",
    "parts": """net n {
  input image: 4x8x8
  conv 1x1 12 -> split 3 -> (a, b, c): it
  b -> conv 1x1 40 -> tanh -> argmax axis=1 -> best: it
  (a, c) -> add -> flatten -> linear 4 -> y: it
  output y, best
}""",
}  # fmt: skip

# only some results are used; these operators do not declare their temporaries, so the peak is a lower bound
CELLS = {
    f"{name}, {used} of {results}": f"net n {{\n  input x: {shape}\n  {before}{step} -> ({results}): it\n"
    f"  ({used}) -> {after}linear 3\n  output\n}}"
    for name, shape, before, step, results, after in (
        ("a cell", "[5]", "linear 6 -> ", "lstm_cell 6", "h, c", ""),
        ("a cell with states", "[5]", "a: linear 6\n  b: tanh\n  (x, a, b) -> ", "lstm_cell 6", "h, c", ""),
        ("a layer", "4x5", 'permute "n t c" -> ', "lstm 6 carry=true", "y, h, c", ""),
        ("a layer of one step", "4x1", 'permute "n t c" -> ', "lstm 6 carry=true", "y, h, c", ""),
        ("two layers in both directions", "4x5", 'permute "n t c" -> ',
         "lstm 6 layers=2 bidirectional=true projection=4 carry=true", "y, h, c", ""),
    )
    for used in results.split(", ")
}  # fmt: skip
nets = pytest.mark.parametrize("name", NETS)


def run(graph: Graph) -> tuple[torch.nn.Module, list[torch.Tensor]]:
    return Net(graph).module(seed=0).train(), images(graph, BATCH)


def floats(given: torch.Tensor | Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    values = [given] if isinstance(given, torch.Tensor) else given
    return (value for value in values if value.is_floating_point() and value.requires_grad)


@nets
def test_backward_macs_are_torchs(name: str) -> None:
    graph = graph_of(NETS[name])
    module, inputs = run(graph)
    result = torch.stack([value.sum() for value in floats(module(*inputs))]).sum()
    with FlopCounterMode(display=False) as counter:
        result.backward()
    assert 2 * passes(graph, BATCH, training=True).backward.macs == counter.get_total_flops()


class Kept:
    """A tensor that autograd saved; it dies with the node that holds it."""

    def __init__(self, x: torch.Tensor) -> None:
        self.x = x.detach()


@pytest.mark.parametrize("name", [*NETS, *CELLS])
def test_saved_bytes_are_those_alive_after_the_forward_pass(name: str) -> None:
    graph = graph_of((NETS | CELLS)[name])
    module, inputs = run(graph)
    alive: weakref.WeakSet[Kept] = weakref.WeakSet()

    def keep(x: torch.Tensor) -> Kept:
        kept = Kept(x)
        alive.add(kept)
        return kept

    with own_loops(graph), torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.x):
        given = module(*inputs)
    lasting = {value.untyped_storage().data_ptr() for value in [*module.parameters(), *module.buffers()]}
    storages = {kept.x.untyped_storage().data_ptr(): kept.x.untyped_storage().nbytes() for kept in alive}
    found = sum(size for place, size in storages.items() if place not in lasting)
    del given
    assert saved(graph, BATCH).bytes == found


@nets
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_the_peak_of_training_is_torchs(name: str, optimizer: str) -> None:
    graph = graph_of(NETS[name])
    module, inputs = run(graph)
    wanted = training(graph, module, inputs, optimizer).peak_bytes
    found = memory(graph, setup_of("training", {"batch": BATCH, "optimizer": optimizer})).peak_bytes
    assert abs(found - wanted) <= SCALARS


@nets
def test_the_peak_of_inference_is_torchs(name: str) -> None:
    graph = graph_of(NETS[name])
    module, inputs = run(graph)
    found = memory(graph, setup_of("inference", {"batch": BATCH})).peak_bytes
    assert abs(found - inference(module, inputs).peak_bytes) <= SCALARS


@pytest.mark.parametrize("name", CELLS)
def test_the_simulation_keeps_what_is_saved(name: str) -> None:
    """The operators' own saved tensors are allocated when the loss is computed, and all are freed."""
    graph = graph_of(CELLS[name])
    told = sum(one.bytes for layer in saved(graph, BATCH).layers for one in layer.tensors if one.value is None)
    heap = memory(graph, setup_of("training", {"batch": BATCH})).simulated.heap
    first = next(at for at, row in enumerate(heap.rows) if row.phase == "loss")

    def kept(row: int) -> int:
        alive = heap.alive(row).items()
        return sum(size for (kind, path), size in alive if kind == "kept by operators" and path != "loss")

    assert kept(first) == told
    assert kept(len(heap.rows) - 1) == 0
    assert min(heap.references) >= 0


# ---- weights that never train --------------------------------------------------------------------------------------


@nets
def test_the_weights_without_a_gradient_are_torchs(name: str) -> None:
    graph = graph_of(NETS[name])
    module, inputs = run(graph)
    torch.stack([value.sum() for value in floats(module(*inputs))]).sum().backward()
    frozen = {id(weight) for weight in module.parameters() if not weight.requires_grad}
    lost = [weight for weight in module.parameters() if weight.grad is None and id(weight) not in frozen]
    assert sum(one.values for one in untrained(graph)) == sum(weight.numel() for weight in lost)
    assert [warning.code for warning in cautions(graph)] == ["never-trained"] * bool(lost)


def test_the_warning_names_the_layers_and_their_steps() -> None:
    (warning,) = cautions(graph_of(NETS["an integer beside"]))
    assert warning.severity == "warning"
    assert warning.message == (
        "4,205 of 4,441 trainable parameters of n never train, those of `2`, `4`: no float output depends on them"
    )
    assert [(span.line, span.column) for span in (warning.span, *(label.span for label in warning.labels))] == [
        (4, 3), (4, 25),
    ]  # fmt: skip


def test_the_warning_of_a_detached_value_says_so() -> None:
    (warning,) = cautions(graph_of(NETS["a gradient that is stopped"]))
    assert warning.message == (
        "1,000 of 2,385 trainable parameters of n never train, those of `0`: no float output depends on them, "
        "or only through `detach`"
    )


def test_a_long_warning_names_a_few_layers() -> None:
    steps = "\n".join(f"  linear {size}" for size in range(3, 11))
    (warning,) = cautions(graph_of(f"net n {{\n  input x: [4]\n{steps}\n  argmax axis=1\n  output\n}}"))
    assert "those of `0`, `1`, `2`, `3` and 4 more layers: all its outputs are integers" in warning.message
    assert [label.span.line for label in warning.labels] == [4, 5, 6]


def test_commands_warn_and_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "n.arch"
    spec.write_text(NETS["integers before"], encoding="utf-8")
    for words, printed in ((["check"], "n: 14,"), (["report"], "n, batch 1"), (["report", "--format", "json"], "{")):
        assert main([*words, str(spec)]) == 0
        said = capsys.readouterr()
        assert said.err.startswith("warning[never-trained]: 14,010 of ") and said.out.startswith(printed)
    assert main(["check", "--format", "json", str(spec)]) == 0
    (told,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert (told["code"], told["severity"]) == ("never-trained", "warning")


def test_warnings_do_not_hide_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "n.arch"
    spec.write_text(NETS["integers before"].replace("output", "output\n  expect params == 1"), encoding="utf-8")
    assert main(["check", "--format", "json", str(spec)]) == 1
    told = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [one["code"] for one in told] == ["broken-promise", "never-trained"]
