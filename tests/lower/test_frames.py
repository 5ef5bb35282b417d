"""Values die where they are last used, and activations and sums are written over what nothing else reads."""

from __future__ import annotations

import re

import pytest
import torch

from archlang.compiler import Net
from archlang.ir import Graph
from archlang.lower import torch_source
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.program import Program, program_of, text_of
from archlang.program.passes import overwriting
from tests.generator.running import weights_of
from tests.interpreter import Interpreter
from tests.specs import graph_of, net_of


def forward_of(body: str, before: str = "") -> list[str]:
    """Return the lines of the net's `forward`."""
    text = torch_source(graph_of(net_of(body, "4x8x8", before)))
    return [line.strip() for line in text.rpartition("def forward")[2].splitlines()[1:]]


def marked(graph: Graph) -> list[str]:
    """Return the operators that are written over an input, as `relu over %1`."""
    lines = text_of(overwriting(program_of(graph))).splitlines()
    return [f"{line.split()[2]} {found[0]}" for line in lines if (found := re.search(r"over %\d+", line))]


def test_a_sum_is_written_over_a_normalisation() -> None:
    body = "stem: conv 1x1 4\n residual { conv 1x1 4 -> batchnorm } -> relu"
    assert forward_of(body) == [
        "stem = self.stem(image)",
        'x = getattr(self, "1")(stem)',
        'x = getattr(self, "2")(x)',
        "x += stem",
        "x = self.relu(x)",
        "return x",
    ]


OVER = {
    "an activation of a convolution": ("conv 1x1 4 -> relu6", ["relu6 over %1"]),
    "an activation of the input": ("relu -> conv 1x1 4", []),
    "a value that is read again": ("a: conv 1x1 4 -> relu -> b: conv 1x1 4\n (a, b) -> concat", []),
    "a value that is returned": ("a: conv 1x1 4\n b: relu\n output a when training", []),
    "an activation that another saves": ("conv 1x1 4 -> tanh -> relu", []),
    "a view": ("conv 1x1 4 -> flatten -> relu", []),
    "a view of what is overwritten": ("conv 1x1 4 -> relu -> flatten", ["relu over %1"]),
    "an activation applied twice": ("conv 1x1 4 -> act: relu\n conv 1x1 4 -> reuse act", []),
    "a sum with itself": ("conv 1x1 4 -> a: it\n (a, a) -> add", []),
    "the first of two sums": (
        "a: conv 1x1 4\n b: conv 1x1 4\n (image, b) -> add -> c: it\n (c, a) -> add",
        ["add over %3"],
    ),
    "a product": ("a: conv 1x1 4\n b: conv 1x1 4\n (a, b) -> mul -> silu", ["silu over %3"]),
    "dropout, which returns its input": ("conv 1x1 4 -> dropout -> relu", []),
    "a linear of sequences, which is a view": ('permute "n h w c" -> linear 4 -> relu', []),
    "a linear of vectors": ("flatten -> linear 4 -> relu", ["relu over %2"]),
}  # fmt: skip


@pytest.mark.parametrize("name", OVER)
def test_only_new_memory_with_one_reader_is_overwritten(name: str) -> None:
    body, expected = OVER[name]
    graph = graph_of(net_of(body, "4x8x8"))
    assert marked(graph) == expected
    assert_equal(graph)


def assert_equal(graph: Graph) -> None:
    """Compare outputs, gradients and buffers with the torch calls of the Graph, which overwrite nothing."""
    module = Net(graph).module(seed=0)
    other = Interpreter(graph, weights_of(Net(graph).module(seed=0)))
    image = torch.randn(3, 4, 8, 8)
    for training in (True, False):
        torch.manual_seed(1)
        found = module.train(training)(image)
        wanted = other.run([image], training, 1)
        several = found if isinstance(found, tuple) else (found,)
        assert all(torch.equal(one, two) for one, two in zip(several, wanted, strict=True))
        for values in (several, wanted):
            torch.stack([y.square().sum() for y in values]).sum().backward()
    for name, parameter in module.named_parameters():
        mine, theirs = parameter.grad, other.weights[name].grad
        assert (mine is None) == (theirs is None) and (mine is None or theirs is None or torch.equal(mine, theirs)), (
            name
        )
    for name, buffer in module.named_buffers():
        assert torch.equal(buffer, other.weights[name]), name


def test_a_sum_of_wide_values_is_not_written_over_a_lower_one_under_autocast() -> None:
    """A table that is read is float32 under autocast, and so is the sum of it and the result of a convolution."""
    body = "a: conv 1x1 4\n param p: [4, 8, 8] init=normal\n (p) -> square -> b: it\n (a, b) -> add"
    graph = graph_of(net_of(body, "4x8x8"))
    assert marked(graph) == []
    with torch.autocast("cpu", torch.bfloat16):
        assert Net(graph).module(seed=0)(torch.randn(2, 4, 8, 8)).dtype == torch.float32


def test_a_dead_value_is_deleted_before_further_steps() -> None:
    body = """down: conv 3x3/2 8 pad=1
    conv 3x3/2 8 pad=1 -> upsample 2
    (it, down) -> concat -> conv 3x3 8 pad=1 -> batchnorm -> conv 1x1 2"""
    lines = forward_of(body)
    assert lines.index("del down") == lines.index("x = torch.cat([x, down], 1)") + 1


def test_a_branch_takes_the_variable_of_what_it_replaces() -> None:
    """A label that is a module's key gives way, since the next branch would start with a dead value alive."""
    body = "concat {\n | a: conv 1x1 4\n | b: conv 1x1 4 -> c: conv 3x3 4 pad=1\n | d: maxpool 3x3/1 pad=1\n }"
    assert forward_of(body) == [
        "a = self.a(image)",
        "x = self.b(image)",
        "x = self.c(x)",
        "x2 = self.d(image)",
        "x = torch.cat([a, x, x2], 1)",
        "return x",
    ]


def refused(program: Program, old: str, new: str) -> str:
    text = torch_source(program)
    assert old in text, text
    with pytest.raises(SourceError) as error:
        audit(text.replace(old, new), classes_of(overwriting(program)))
    return str(error.value)


def test_the_audit_finds_what_is_read_after_it_was_overwritten_or_deleted() -> None:
    """Against lines that a wrong emitter could write."""
    program = program_of(graph_of(net_of("residual { conv 1x1 4 } -> relu", "4x8x8")))
    refused(program, "nn.ReLU(inplace=True)", "nn.ReLU()")
    body = "a: conv 1x1 4\n b: conv 1x1 4\n (b, a) -> add -> conv 1x1 4"
    added = program_of(graph_of(net_of(body, "4x8x8")))
    refused(added, "+= ", "-= ")
    over = torch_source(added)
    line = next(line.strip() for line in over.splitlines() if "+=" in line)
    left = line.split()[0]
    refused(added, line, f"{line}\n        del {left}")
