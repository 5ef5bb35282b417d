"""Patterns: their results, that they fit every batch and every open size, and their messages if they do not fit."""

from __future__ import annotations

import pytest
import torch

from archlang.laws.cases import rejection
from archlang.lower import module
from archlang.ops.base import Expression
from archlang.ops.moving import Roll
from archlang.ops.rearranging import Permute, Rearrange, Reshape
from archlang.ops.unit_axes import Expand, Unsqueeze
from archlang.shapes import TensorType, input_type, param_type
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of

MAP = input_type((3, 4, 6))
TOKENS = TensorType((1, 12, 8), ("n", "t", "c"))


def applied(call: Expression, x: torch.Tensor) -> torch.Tensor:
    found = eval(call.template.replace("{0}", "x"), {"torch": torch, "x": x})  # noqa: S307
    assert isinstance(found, torch.Tensor)
    return found


@pytest.mark.parametrize(
    "pattern, x, names, shape, template",
    [
        ("n c h w -> n (h w) c", MAP, "n t c", (1, 24, 3), ".permute(0, 2, 3, 1).flatten(1, 2)"),
        ("b d y x -> b (y x) d", MAP, "", (), ""),  # d is the depth
        ("b f y x -> b (y x) f", MAP, "n t c", (1, 24, 3), ".permute(0, 2, 3, 1).flatten(1, 2)"),
        ("n t c -> n c t", TOKENS, "n c t", (1, 8, 12), ".permute(0, 2, 1)"),
        ("n (h w=4) c -> n c h w", TOKENS, "n c h w", (1, 8, 3, 4), ".unflatten(1, (-1, 4)).permute(0, 3, 1, 2)"),
        ("n t (g=2 c) -> n g t c", TOKENS, "n g t c", (1, 2, 12, 4), ".unflatten(2, (2, -1)).permute(0, 2, 1, 3)"),
        ("n c h w -> n (c h w)", MAP, "n c", (1, 72), ".flatten(1, 3)"),
        ("n c h w -> n c h w", MAP, "n c h w", (1, 3, 4, 6), ""),
    ],
)  # fmt: skip
def test_patterns(pattern: str, x: TensorType, names: str, shape: tuple[int, ...], template: str) -> None:
    op = Rearrange(pattern=pattern)
    if not names:
        assert rejection(op, x).code == "pattern-axis"
        return
    (y,) = op.outputs(x)
    assert (y.names, y.shape, op.torch(x).template) == (names, shape, "{0}" + template)


def test_windows_of_a_map_join_the_batch_and_come_back() -> None:
    """Swin's windows: each is an image of its own for a while."""
    cut = Rearrange(pattern="n c (h a=2) (w b=3) -> (n h w) (a b) c")
    (windows,) = cut.outputs(MAP)
    assert (windows.names, windows.shape) == ("n t c", (4, 6, 3))
    back = Rearrange(pattern="(n h=2 w=2) (a b=3) c -> n c (h a) (w b)")
    (y,) = back.outputs(windows)
    assert y.shape == MAP.shape
    x = torch.rand(5, 3, 4, 6)
    assert torch.equal(applied(back.torch(windows), applied(cut.torch(MAP), x)), x)


@pytest.mark.parametrize("batch, height, width", [(1, 4, 6), (7, 8, 2), (3, 2, 10)])
def test_the_expression_of_one_size_fits_others(batch: int, height: int, width: int) -> None:
    pattern = "n c (h p=2) (w q=2) -> n (h w) (p q c)"
    call = Rearrange(pattern=pattern).torch(MAP)
    x = torch.rand(batch, 3, height, width)
    told = Rearrange(pattern=pattern).outputs(input_type((3, height, width)))[0]
    y = applied(call, x)
    assert y.shape == (batch, *told.shape[1:])
    blocks = x.reshape(batch, 3, height // 2, 2, width // 2, 2).permute(0, 2, 4, 3, 5, 1)
    assert torch.equal(y, blocks.reshape(batch, -1, 12))


@pytest.mark.parametrize(
    "pattern, code, message",
    [
        ("n c h w", "bad-pattern", "a pattern has one arrow: `n c h w -> n (h w) c`"),
        ("n c h w -> n (h w c", "bad-pattern", "a bracket is not closed in the pattern"),
        ("n c h w -> n ((h w) c)", "bad-pattern", "this part of the pattern cannot be read: `(h w) c)`"),
        ("n c h w -> n () c h w", "bad-pattern", "a bracket is empty, or a size is 0 in the pattern"),
        ("n c h w -> n (h w)", "bad-pattern", "c is only on the left of the arrow"),
        ("n c h w -> n (h w) c p", "bad-pattern", "p is only on the right of the arrow"),
        ("n c h h -> n h c", "bad-pattern", "h occurs twice on one side of the pattern"),
        ("-> n", "bad-pattern", "a side of the pattern is empty"),
        ("n h w -> n (h w)", "pattern-rank", "the pattern names 3 axes, but the input 3x4x6 has 4: n c h w"),
        ("n h w c -> n c h w", "pattern-axis",
         "the pattern calls an axis h (the height), but in the input it is the channels, c"),
        ("n c (h p) w -> n c h p w", "pattern-size", "4 can be split into (h p) in many ways"),
        ("n c (h p=3) w -> n c h p w", "pattern-size", "4 along h does not split into (h p) by 3"),
        ("n c h=5 w -> n c (h w)", "pattern-size", "the pattern says h=5, but it is 4"),
        ("n c h w -> c n h w", "batch-axis", "the batch stays the first axis"),
        ("n c h w -> (c n) h w", "batch-axis", "the batch must be the first in its brackets"),
        ("(n a=2) c h w -> n a c h w", "pattern-size", "the batch, 1 times as large, does not split into (n a) by 2"),
        ("(a=2 n) c h w -> n a c h w", "batch-axis", "of (a n) the batch is the first, and all others need a size"),
    ],
)  # fmt: skip
def test_patterns_that_do_not_fit(pattern: str, code: str, message: str) -> None:
    said = rejection(Rearrange(pattern=pattern), MAP)
    assert (said.code, said.message, said.about) == (code, message, "pattern")


def test_other_patterns_are_rejected_with_a_reason() -> None:
    said = rejection(Permute(axes="n h c"), MAP)
    assert said.message == "permute needs the axes of its input 3x4x6, n c h w, each once, but this is `n h c`"
    assert rejection(Permute(axes="c n h w"), MAP).code == "batch-axis"
    assert rejection(Permute(axes="_"), param_type((3,))).code == "wrong-rank"
    assert rejection(Reshape(shape=(5, 5)), MAP).message == "3x4x6 has 72 values, which 5x5 does not hold"
    assert rejection(Reshape(shape=(-1, -1)), MAP).message == "only one side of a shape may be -1, but here several are"
    assert Reshape(shape=(-1, 8)).outputs(MAP)[0].shape == (1, 9, 8)


def test_a_reshape_takes_no_values_for_images() -> None:
    call = Reshape(shape=(2, 36)).torch(MAP)
    assert applied(call, torch.rand(5, 3, 4, 6)).shape == (5, 2, 36)
    with pytest.raises(RuntimeError, match="invalid for input"):
        applied(call, torch.rand(2, 3, 8, 6))


def test_views_of_a_parameter() -> None:
    """Layer scale, one number for each channel of a map, needs one step; a matrix is transposed by numbers."""
    body = """  param gamma: [3] init=normal
  param table: [2, 5, 3] init=normal
  (gamma) -> reshape [-1, 1, 1] -> (image, it) -> mul -> scaled: it
  (table) -> permute [2, 0, 1] -> reshape [1, 3, 2, 5] -> (scaled, it) -> add"""
    net = module(graph_of(net_of(body, "3x2x5"))).double()
    x = torch.randn(4, 3, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gamma, table = (net.get_parameter(name) for name in ("gamma", "table"))
    expected = x * gamma[:, None, None] + table.permute(2, 0, 1)
    assert torch.equal(net(x), expected)
    assert_exact(graph_of(net_of(f"{body}\n  conv 3x3 4 pad=1 -> linear 5 axis=-1", "3x2x5")))


def test_places_that_do_not_fit() -> None:
    assert rejection(Permute(places=(0, 1)), MAP).code == "unequal-axes"
    assert rejection(Permute(places=(1, 0, 2, 3)), MAP).code == "batch-axis"
    assert rejection(Permute(), MAP).code == "missing-argument"
    said = rejection(Permute(axes="a b"), param_type((3, 5)))
    assert said.message == "the axes of a parameter have no names; write their places, as in `permute [1, 0]`"


def test_views_of_a_parameter_without_names_of_axes() -> None:
    """Axes added, repeated, joined, cut out and rolled: as torch's methods do it, with the same gradients."""
    body = """  param gamma: [6] init=normal
  param table: [2, 12] init=normal
  (gamma) -> unsqueeze axis=0 -> unsqueeze axis=-1 -> expand [4, -1, 2] -> roll [1, -2] axes=[0, 1] -> grown: it
  (table) -> rearrange "r (h w=3) -> h (w r)" -> flatten -> slice 2 8 axis=0 -> reshape [6, 1] -> column: it
  (image, grown, column) -> mul"""
    graph = graph_of(net_of(body, "4x6x2"))
    net = module(graph).double()
    x = torch.randn(3, 4, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gamma, table = (net.get_parameter(name) for name in ("gamma", "table"))
    grown = gamma[None, :, None].expand(4, 6, 2).roll((1, -2), (0, 1))
    column = table.reshape(2, 4, 3).permute(1, 2, 0).reshape(-1)[2:8, None]
    expected = x * grown * column
    found = net(x)
    assert torch.equal(found, expected)
    wanted = torch.autograd.grad(expected.square().sum(), (gamma, table))
    assert all(map(torch.equal, torch.autograd.grad(found.square().sum(), (gamma, table)), wanted))
    assert_exact(graph)


def test_views_of_a_parameter_that_do_not_fit() -> None:
    table = param_type((2, 12))
    assert rejection(Unsqueeze(axis=3), table).message == "the new axis must be at 0 to 2, but `axis` is 3"
    assert rejection(Expand(shape=(4,)), table).code == "wrong-rank"
    assert "has 2 along axis 0" in rejection(Expand(shape=(3, 12)), table).message
    assert rejection(Expand(shape=(-1, 2, 12)), table).code == "unequal-sizes"
    said = rejection(Roll(shift=1), table)
    assert (said.code, said.help) == ("wrong-rank", "write `axes=[0, 1]`")
    assert rejection(Roll(shift=1, axes=(0, -2)), table).code == "no-such-axis"
    assert rejection(Roll(shift=1, axis=0, axes=(1,)), table).code == "no-such-axis"
    assert rejection(Rearrange(pattern="a (b c=5) -> a b c"), table).message == (
        "12 of a parameter does not split into (b c) by 5"
    )
