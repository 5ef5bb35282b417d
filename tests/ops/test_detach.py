"""`detach`: a constant to the backward pass, against torch's own and a straight-through estimator written by hand."""

from __future__ import annotations

import torch

from archlang.facts.passes import passes
from archlang.lower import module
from archlang.ops.activation import Tanh
from archlang.ops.answers import Wanted, Work
from archlang.ops.composed import Composed, Part
from archlang.ops.layout import Detach
from archlang.shapes import TensorType, input_type
from tests.specs import graph_of

ESTIMATOR = """
net rounded {
  input x: [6]
  z: linear 6
  sign -> q: it
  (q, z) -> sub -> detach -> rest: it
  (z, rest) -> add -> y: linear 3
  (z, q) -> sub -> square -> commitment: it
  output y, commitment
}
"""


def test_a_straight_through_estimator_has_the_values_of_one_side_and_the_gradient_of_the_other() -> None:
    net = module(graph_of(ESTIMATOR))
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    y, _ = net(x)
    z = torch.nn.functional.linear(x, net.get_parameter("z.weight"), net.get_parameter("z.bias"))
    wanted = torch.nn.functional.linear(z.sign(), net.get_parameter("y.weight"), net.get_parameter("y.bias"))
    torch.testing.assert_close(y, wanted)
    (found,) = torch.autograd.grad(y.sum(), x)
    through = torch.ones(4, 3) @ net.get_parameter("y.weight") @ net.get_parameter("z.weight")
    torch.testing.assert_close(found, through)


def test_the_backward_pass_computes_nothing_before_it() -> None:
    """Of the two layers before it, the first would take 6*6 multiply-accumulates, and the second twice as many."""
    text = "net n {{\n input x: [6]\n linear 6 -> linear 6 -> {} -> linear 3\n output\n}}"
    plain, stopped = (passes(graph_of(text.format(word))) for word in ("identity", "detach"))
    assert plain.forward == stopped.forward
    assert (plain.backward.macs, stopped.backward.macs) == (6 * 6 + 2 * 6 * 6 + 2 * 6 * 3, 6 * 3)


class Stopped(Composed):
    """tanh(tanh(x)) without a gradient."""

    word = "stopped"

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        return (Part(Tanh(), (0,)), Part(Detach(), (1,)), Part(Tanh(), (2,)))


def test_a_part_behind_a_detached_one_saves_nothing_and_has_no_backward_work() -> None:
    op, x = Stopped(), input_type((4,))
    assert op.saved(x) == ()
    assert op.work(x) == Work(activated=8)
    assert op.backward(Wanted((True,), weights=False), x) == Work()
