"""Emitted sources read back: each `forward` passes on the values that the Graph names, and a wrong one is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from archlang.compiler import check
from archlang.elaborate import elaborate, nets
from archlang.ir import Graph
from archlang.lower import module, torch_source
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.ops.activation import Tanh
from archlang.ops.base import Module
from archlang.parse import parse
from archlang.program import program_of
from archlang.shapes import TensorType
from archlang.source import Source
from tests.specs import graph_of

ROOT = Path(__file__).parents[2]

KEPT_INPUT = """
block mix {
  input x
  input y
  (x) -> a: conv 1x1 4
  b: conv 1x1 4
  (it, a, y, x) -> concat
}
net n {
  input p: 4x8x8
  input q: 4x8x8
  (p, q) -> mixed: mix
  output
}
"""

DIGITS = """
net n {
  input p: 4x8x8
  input q: 4x8x8
  {
    (p) -> "0": conv 1x1 4
    a: it
    (q) -> "1": conv 1x1 4
    (a, it)
  }
  (r, s): it
  {
    (r) -> "0": conv 1x1 4
    a: it
    (s) -> "1": conv 1x1 4
    (a, it)
  }
  -> add
  output
}
"""

BRANCHES = """
net n {
  input p: 4x8x8
  { | "0": conv 1x1 4 | "1": conv 1x1 4 }
  (a, b): it
  two: { | (a) -> "0": conv 1x1 4 | (b) -> "1": conv 1x1 4 | (a, b) -> add }
  -> add
  output
}
"""

TRAINING = """
net n {
  input image: 4x8x8
  a: conv 1x1 4
  hint: conv 1x1 4
  (a) -> b: {
    main: conv 1x1 4
    (hint) -> more: conv 1x1 4
    main
  }
  conv 1x1 4
  output
  output b.more when training
}
"""


def test_a_value_that_is_kept_is_not_overwritten() -> None:
    graph = graph_of(KEPT_INPUT)
    net = module(graph)
    p, q = torch.randn(2, 1, 4, 8, 8)
    a = net.get_submodule("mixed.a")(p)
    assert torch.equal(net(p, q), torch.cat([net.get_submodule("mixed.b")(a), a, q, p], 1))


def test_labels_that_are_digits_name_variables() -> None:
    graph = graph_of(DIGITS)
    net = module(graph)
    p, q = torch.randn(2, 1, 4, 8, 8)
    first, second, third, fourth = (net.get_submodule(path) for path in ("0.0", "0.1", "1.0", "1.1"))
    assert torch.equal(net(p, q), third(first(p)) + fourth(second(q)))


def test_braces_that_take_a_value_of_training_get_none_in_evaluation() -> None:
    graph = graph_of(TRAINING)
    net = module(graph)
    image = torch.randn(1, 4, 8, 8)
    out, more = net(image)
    a = net.get_submodule("a")(image)
    assert torch.equal(more, net.get_submodule("b.more")(net.get_submodule("hint")(a)))
    assert torch.equal(net.eval()(image), out)


def test_an_operator_without_weights_that_is_applied_again_in_braces_is_written_again() -> None:
    graph = graph_of(
        "net n {\n input p: [2, 5, 4]\n z: argmax axis=-1\n (p) -> { reuse z } -> (z, it) -> add\n output\n}"
    )
    image = torch.randn(1, 2, 5, 4)
    assert torch.equal(module(graph)(image), 2 * image.argmax(-1))


def test_a_label_is_an_attribute_whatever_it_labels() -> None:
    graph = graph_of("net n {\n input p: 3x4x4\n r: relu\n conv 1x1 3 -> relu\n s: { relu; relu }\n output\n}")
    assert [name for name, _ in module(graph).named_children()] == ["r", "1", "relu", "s"]


FROZEN = """
block unit {
  input x
  conv 1x1 4 -> relu
  param scale: [1] init=ones
  (scale, it) -> mul
  freeze "0"
}
net n {
  input image: 3x4x4
  conv 1x1 3 -> relu -> conv 1x1 3
  3: { param scale: [1] init=ones; (scale, it) -> mul -> conv 1x1 3 }
  unit -> unit -> last: conv 1x1 3
  freeze "0", "3.scale", "4.scale"
  output
}
"""
CHAIN = 'net n {\n input image: 3x4x4\n conv 1x1 3 -> relu -> conv 1x1 3\n freeze "0"\n output\n}'


@pytest.mark.parametrize("spec", [FROZEN.replace("  3: {", "  {"), CHAIN])
def test_what_is_frozen_is_not_trained(spec: str) -> None:
    graph = graph_of(spec)
    frozen = {
        f"{layer.path}.{weight.name}".rstrip(".")
        for layer in graph.flat()
        for weight in layer.op.weights(*layer.input_types)
        if layer.frozen
    }
    named = dict(module(graph).named_parameters())
    assert {name for name, value in named.items() if not value.requires_grad} == frozen
    assert {"0.weight", "0.bias"} <= frozen < set(named)


@cache
def written(shipped: bool = False, at_default: bool = False) -> tuple[tuple[str, Graph], ...]:
    """Return every net of the tests and the docs, and of the specs if the `shipped` ones are wanted too.

    `at_default` leaves out what takes longest: which sizes are fixed though they were declared open.
    """
    return tuple(_written(shipped, at_default))


def _written(shipped: bool, at_default: bool) -> Iterator[tuple[str, Graph]]:
    for folder in (*([ROOT / "specs"] if shipped else []), ROOT / "tests" / "nets"):
        for path in sorted(folder.rglob("*.arch")):
            for graph in check(str(path), root=folder, counts_alone=at_default).graphs:
                yield f"{path.relative_to(ROOT)}:{graph.name}", graph
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for at, text in enumerate(re.findall(r"```arch\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            file, _ = parse(Source("page.arch", text))
            for net in nets(file):
                made = elaborate(file, net.name)[0] if net.complete else None
                if made is not None:
                    yield f"{page.relative_to(ROOT)}:{at}:{net.name}", made


@pytest.mark.parametrize("shipped, least", [(False, 200), pytest.param(True, 500, marks=pytest.mark.sweep)])
def test_every_source_is_what_its_graph_says(shipped: bool, least: int) -> None:
    """Modules of the shipped nets are made, and so their sources checked, by the tests of the zoo as well."""
    names = [
        name for name, graph in written(shipped, at_default=not shipped) if torch_source(graph)
    ]  # raises where the two differ
    assert len(names) > least


@pytest.mark.parametrize(
    "spec, old, new",
    [
        (KEPT_INPUT, "a = self.a(x)", "a = self.a(y)"),  # another value flows in
        (KEPT_INPUT, "z = self.b(a)", "y = self.b(a)"),  # a value is overwritten that is still needed
        (KEPT_INPUT, "z = self.b(a)", "z = self.a(a)"),  # another module is called
        (KEPT_INPUT, "[z, a, y, x], 1", "[z, a, y, x], 2"),  # another expression
        (KEPT_INPUT, "return z", "return a"),
        (KEPT_INPUT, "def forward(self, x, y)", "def forward(self, y, x)"),
        (KEPT_INPUT, "def forward(self, x, y)", "def forward(self, x, y, z)"),
        (KEPT_INPUT, "def forward(self, x, y)", "def forward(self, x, x)"),
        (KEPT_INPUT, "        z = self.b(a)\n", ""),
        (KEPT_INPUT, "a = self.a(x)", "b = self.a(x)"),  # an unbound name is read
        (KEPT_INPUT, "nn.Conv2d(4, 4, 1)", "nn.Linear(4, 4)"),
        (KEPT_INPUT, "self.mixed = Mix()", "self.mixed = Mixed()"),
        (KEPT_INPUT, "import torch\n", ""),
        (KEPT_INPUT, "        return z", "        print(z)\n        return z"),
        (KEPT_INPUT, "class Mix(", "class N("),
        (DIGITS, "x_0, x_1 = ", "0, x_1 = "),
        (TRAINING, "        else:\n            more = None\n", ""),
        (TRAINING, "hint = nn.Conv2d", "other = nn.Conv2d"),
    ],
)
def test_a_source_that_differs_is_refused(spec: str, old: str, new: str) -> None:
    graph = graph_of(spec)
    text = torch_source(graph)
    assert old in text
    with pytest.raises(SourceError):
        audit(text.replace(old, new), classes_of(program_of(graph)))


@pytest.mark.parametrize("spec", [KEPT_INPUT, DIGITS, BRANCHES, TRAINING])
def test_a_source_that_passes_the_audit_runs(spec: str) -> None:
    graph = graph_of(spec)
    audit(torch_source(graph), classes_of(program_of(graph)))
    net = module(graph)
    images = [torch.randn(2, *graph.root.types[port.value].shape[1:]) for port in graph.root.inputs]
    net(*images)
    net.eval()(*images)


def test_braces_take_no_numbers_of_a_step_that_they_apply_again() -> None:
    """Its numbers differ from call to call, and are those of the step's own constructor."""
    block = "block unit(width) {\n a: conv 1x1 width\n b: { reuse a -> relu }\n}\n"
    graph = graph_of(f"{block}net n {{\n input x: 4x6x6\n unit 4 -> conv 1x1 6 -> unit 6\n output\n}}")
    assert "class B(nn.Module):\n    def __init__(self):\n" in torch_source(graph)


def test_a_class_elsewhere_in_torch_keeps_its_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def stub(self: Tanh, x: TensorType) -> Module:
        return Module("torch.ao.quantization.QuantStub")

    monkeypatch.setattr(Tanh, "torch", stub)
    source = torch_source(
        graph_of("net n {\n input x: 4x6x6\n a: tanh -> conv 1x1 4 -> add { | it | relu }\n output\n}")
    )
    assert "self.a = torch.ao.quantization.QuantStub()" in source and "import torch\n" in source
