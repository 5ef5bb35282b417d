"""Blocks of any number of inputs: `input *maps` takes all values that the other inputs leave."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archlang.compiler import Net
from archlang.facts.net import NetFacts
from archlang.ir import CallNode
from archlang.lower import module
from archlang.promises import verify
from tests.parity import assert_equal_modules
from tests.specs import graph_of, layers, net_of, wrong

TOTAL = "let total(xs) = 0 if len(xs) == 0 else xs[0].channels + total(xs[1:])\n"
THREE = "first: conv 1x1 4\nsecond: conv 1x1 5\n(image, first, second) -> "


@pytest.mark.parametrize(
    "block, last",
    [
        ("block b { input *xs; concat }", "concat 12x32x32"),  # `it` is the tuple
        ("block b { input *xs; xs[0] -> relu -> (it, xs[1:]) -> concat }", "concat 12x32x32"),
        ("block b { input *xs; (xs[len(xs) - 1], xs[-2], xs[0]) -> concat }", "concat 12x32x32"),
        ("block b { input *xs; concat { | for x in xs { | x -> conv 1x1 2 } } }", "concat 6x32x32"),
        ("block b { input *xs; concat { | for i, x in enumerate(xs) { | x -> conv 1x1 (i + 1) } } }", "concat 6x32x32"),
        ("block b { input *xs; concat { | for x, w in zip(xs, [7, 8, 9]) { | x -> conv 1x1 w } } }", "concat 24x32x32"),
        ("block b { input *xs; concat -> if len(xs) > 2 { conv 1x1 1 } else { relu } }", "0 conv 1x32x32"),
        ("block b { input *xs; concat -> conv 1x1 (2 * total(xs)) }", "0 conv 24x32x32"),
        ("block b { input x; input *xs; (x, xs) -> concat -> conv 1x1 len(xs) }", "0 conv 2x32x32"),
        ("block b { input *xs; input x; (x, xs) -> concat -> conv 1x1 (x.channels) }", "0 conv 5x32x32"),
        ("block b { input x; input *xs; input y; (x, xs[0], y) -> concat }", "concat 12x32x32"),
        ("block c { input *xs; concat }\nblock b { input *xs; inline c }", "concat 12x32x32"),
        (
            "block c { input *ys; { | for y in ys { | y -> relu } } }\nblock b { input *xs; c -> concat }",
            "concat 12x32x32",
        ),
    ],
)
def test_its_length_and_its_items_are_used(block: str, last: str) -> None:
    assert layers(f"{THREE}b", before=TOTAL + block)[-1] == f"2{'.' * last[0].isdigit()}{' ' * last[0].isalpha()}{last}"


def test_an_input_of_any_number_takes_none_and_one() -> None:
    root = "block root(w) { input x; input *rest; (x, rest) -> concat -> conv 1x1 w }"
    assert layers("root 4", before=root) == ["0.0 conv 4x32x32"]
    assert layers("a: relu\n(image, a) -> root 4", before=root)[1:] == ["1 concat 6x32x32", "1.0 conv 4x32x32"]


def test_a_tuple_of_one_has_the_sizes_of_its_value() -> None:
    block = "block b { input *xs; conv 1x1 (it.channels + xs.height) }"
    assert layers("b", before=block) == ["0.0 conv 35x32x32"]


def test_each_number_of_inputs_is_a_block_of_its_own() -> None:
    graph = graph_of(
        net_of(f"{THREE}b\n(it, first) -> b\n(it, first) -> b", before="block b { input *xs; concat -> conv 1x1 3 }")
    )
    called = [node.block for node in graph.root.nodes if isinstance(node, CallNode)]
    assert called == ["b", "b#2", "b#2"]
    inputs = {block.id: [port.name for port in block.inputs] for block in graph.blocks}
    assert inputs["b"] == ["xs0", "xs1", "xs2"]


def test_the_source_takes_them_one_by_one() -> None:
    block = "block b(w) { input *xs; { | for x in xs { | x -> conv 1x1 w } } }"
    graph = graph_of(net_of(f"{THREE}b 2 -> add", before=block))
    assert "def forward(self, xs0, xs1, xs2):" in Net(graph).source()
    assert not verify(NetFacts(graph))

    class B(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for at, channels in enumerate((3, 4, 5)):
                self.add_module(str(at), nn.Conv2d(channels, 2, 1))

        def forward(self, *xs: torch.Tensor) -> list[torch.Tensor]:
            return [self.get_submodule(str(at))(x) for at, x in enumerate(xs)]

    class Tried(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)
            self.add_module("2", B())

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            first = self.first(image)
            maps = self.get_submodule("2")(image, first, self.second(first))
            total: torch.Tensor = maps[0]
            for one in maps[1:]:
                total = total + one
            return total

    torch.manual_seed(0)
    assert_equal_modules(module(graph), Tried(), torch.randn(2, 3, 32, 32))


@pytest.mark.parametrize(
    "block, call, code",
    [
        ("block b { input *xs; input *ys; (xs, ys) -> concat }", f"{THREE}b", "misplaced-input"),
        ("block b { input x; input y; input *zs; (x, y, zs) -> concat }", "b", "inputs-do-not-match"),
        ("block b { input *xs: 3x32x32; xs[0] -> relu }", "b", "misplaced-input"),
        ("block b { input *xs; xs[0] -> relu }", f"{THREE}b", "unused-input"),
        ("block b { input *xs; xs[3] -> relu }", f"{THREE}b", "index-out-of-range"),
        ("block b { input *xs; input xs; (xs, it) -> concat }", f"{THREE}b", "name-taken"),
        ("block b { input xs1; input *xs; (xs1, xs) -> concat }", f"{THREE}b", "name-taken"),
        ("block b { input *xs; input xs1; (xs1, xs) -> concat }", f"{THREE}b", "name-taken"),
        ("block b { input *xs; conv 1x1 3 }", f"{THREE}b", "tuple-into-one"),
        ("net b { input *xs; relu; output }", "relu", "misplaced-input"),
        ("block b { input *it; concat }", f"{THREE}b", "name-taken"),
    ],
)
def test_mistakes(block: str, call: str, code: str) -> None:
    assert {diagnostic.code for diagnostic in wrong(net_of(call, before=block))} == {code}


def test_an_item_that_nothing_uses_is_told_by_its_place() -> None:
    told = wrong(net_of(f"{THREE}b", before="block b { input *xs; (xs[0], xs[2]) -> concat }"))
    message = "nothing uses value 1 of the input `*xs`"
    assert [(one.message, one.help) for one in told] == [(message, "use `xs[1]`, or let it not flow into `b`")]


def test_an_input_beside_a_tuple_is_told_by_its_name() -> None:
    told = wrong(net_of(f"{THREE}b", before="block b { input *xs; input y; xs -> concat }"))
    assert [one.message for one in told] == ["nothing uses the input `y`"]


def test_outputs_that_are_items_have_names() -> None:
    text = net_of(f"{THREE}b -> concat", before="block b { input *xs; output xs[1], xs[0], xs[2] }")
    (block,) = [block for block in graph_of(text).blocks if block.name == "b"]
    assert [port.name for port in block.outputs] == ["xs1", "xs0", "xs2"]
