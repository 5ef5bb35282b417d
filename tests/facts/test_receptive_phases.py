"""Receptive fields of 60 nets in which positions see differently, against the gradients of their inputs.

For each output position, the inputs with a gradient are counted from the first to the last, in double precision with
positive weights. The most of these is the size of the field. The inputs are so large that the border cuts the fields of
some positions only.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch

from archlang.compiler import Net
from archlang.facts.net import NetFacts
from archlang.facts.receptive import receptive_fields
from archlang.ir import Graph
from archlang.promises import verify
from archlang.why import why
from archlang.why.passing import seen_text
from tests.specs import graph_of, net_of

UPWARDS = (
    "upsample 2", "upsample 3 mode=linear", "resize [72]", "resize [36] mode=linear", "deconv [4]/2 2 pad=1",
    "deconv [3]/3 2 dilation=2", "deconv [2]/2 2", "deconv [1]/2 2 -> conv [2] 2 dilation=3",
)  # fmt: skip
AROUND = (
    "{}\n conv [3] 2 pad=1", "conv [3]/2 2 pad=1\n {}\n conv [3] 2 pad=2 dilation=2",
    "conv [3]/2 2 pad=1\n {}\n avgpool [2]",
)  # fmt: skip
TO_TOKENS, TO_MAP = 'permute "n t c"', 'permute "n c t"'
READ = f"{TO_TOKENS} -> lstm 2 -> {TO_MAP}"
LOOK = f"{TO_TOKENS} -> attention 1 causal=true -> {TO_MAP}"
SEQUENCES = (
    "conv [3] 2 pad=1 -> flip axis=2 -> conv [3] 2 pad=1",
    "flip axis=2 -> conv [3]/2 2 pad=1 -> flip axis=2",
    "upsample 2 -> flip axis=2 -> conv [4]/2 2 pad=1",
    "conv [3] 2 pad=1 -> roll 5 axis=2",
    "roll 5 axis=2 -> conv [3] 2 pad=1 -> roll -5 axis=2",
    "take [9, 2, 30] axis=2 -> conv [2] 2",
    "conv [3] 2 pad=1 -> take [5, 40, 11, 7] axis=2",
    "tile 2 axis=2 -> conv [3] 2 pad=1",
    LOOK, f"{LOOK}\n {LOOK}\n {LOOK}",
    f"conv [3] 2 pad=1\n residual {{ {LOOK} }}\n conv [3] 2 pad=1",
    f"conv [3]/2 2 pad=1\n {LOOK}\n upsample 2",
    READ, f"{READ} -> flip axis=2 -> {READ}", f"concat {{ | {READ} | flip axis=2 -> {READ} -> flip axis=2 }}",
    f"slice 10 30 axis=2 -> {LOOK}",
)  # fmt: skip
TO_LAST, TO_FIRST = 'permute "n h w c"', 'permute "n c h w"'
LIST, MAP = 'rearrange "n c h w -> n c (h w)"', 'rearrange "n c (h w=12) -> n c h w"'
MAPS = (
    f"{TO_LAST} -> window_attention 1 4x4 -> {TO_FIRST}",
    f"{TO_LAST} -> window_attention 1 4x4 shift=2 -> {TO_FIRST}",
    f"{TO_LAST} -> window_attention 1 3x3 -> window_attention 1 3x3 shift=1 -> {TO_FIRST}",
    f"conv 3x3 2 pad=1 -> {TO_LAST} -> window_attention 1 3x3 -> {TO_FIRST} -> conv 3x3 2 pad=1",
    f"conv 2x2/2 2 -> {TO_LAST} -> window_attention 1 3x3 -> window_attention 1 3x3 shift=[1, 2] -> {TO_FIRST}",
    (f"{TO_LAST} -> window_attention 1 4x4 -> {TO_FIRST}\n conv 2x2/2 2 -> {TO_LAST}"
    f" -> window_attention 1 3x3 -> {TO_FIRST}"),
    f"{TO_LAST} -> window_attention 1 3x3 -> {TO_FIRST} -> upsample 2 -> conv 3x3 2 pad=1",
    f"{TO_LAST} -> window_attention 1 5x5 -> {TO_FIRST} -> conv 3x3 2 pad=2 dilation=2",
    f"{TO_LAST} -> cosine_window_attention 1 4x4 shift=2 -> {TO_FIRST}",
    f"residual {{ conv 3x3 2 pad=1 -> {TO_LAST} -> window_attention 1 4x4 -> {TO_FIRST} }}",
    "unfold 3x3 pad=1", "unfold 2x3/2", "unfold 3x3/3 dilation=2", "conv 3x3 2 pad=1 -> unfold 2x2/2",
    f"conv 3x3 2 pad=1 -> {LIST}", f"conv 3x3 2 pad=1 -> {LIST} -> {MAP} -> conv 3x3 2 pad=1",
    f"conv 3x3 2 pad=1 -> {LIST} -> relu -> {MAP} -> upsample 2",
    "conv 3x3 8 pad=1 -> pixel_shuffle 2 -> conv 3x3 2 pad=1", "pixel_unshuffle 2 -> conv 3x3 2 pad=1 -> upsample 2",
    "conv 3x3/2 2 pad=1 -> resize [9, 15] mode=bilinear -> conv 3x3 2 pad=1",
)  # fmt: skip
NETS = (
    *((around.format(up), "2x48") for up, around in product(UPWARDS, AROUND)),
    *((text, "2x48") for text in SEQUENCES),
    *((text, "2x12x12") for text in MAPS),
)


def largest_by_gradient(graph: Graph, axis: str) -> int:
    """Return the most positions along an axis of the input, from the first to the last, that an output depends on."""
    module = Net(graph).module(seed=0).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.rand(weight.shape, generator=generator, dtype=torch.float64) * 0.3 + 0.1)
    given, made = graph.root.types[0], graph.root.types[graph.root.outputs[0].value]
    x = torch.rand((1, *given.shape[1:]), generator=generator, dtype=torch.float64)
    places = list(product(*map(range, made.shape[1:])))
    where = [at for at, name in enumerate(made.axes[1:]) if name != "c"]
    kept = {tuple(place[at] for at in where): place for place in places}
    x = x.repeat(len(kept), *(1,) * (x.dim() - 1)).requires_grad_()
    y = module(x)
    picked = [y[(row, *(slice(None) if at not in where else place[at] for at in range(len(place))))].sum()
              for row, place in enumerate(kept.values())]  # fmt: skip
    torch.stack(picked).sum().backward()
    assert x.grad is not None
    strength = x.grad.abs().movedim(given.axes.index(axis), 1).flatten(2).sum(2)
    seen = strength > 1e-25 * strength.max()  # a mask of -100 leaves 1e-44
    return max(int(row.nonzero().max() - row.nonzero().min()) + 1 for row in seen if row.any())


def test_there_are_60() -> None:
    assert len({text for text, _ in NETS}) == 60


@pytest.mark.parametrize(("text", "given"), NETS)
def test_the_size_is_the_most_that_a_position_sees(text: str, given: str) -> None:
    graph = graph_of(net_of(text, given))
    *_, layer = graph.flat()
    field = receptive_fields(graph)[layer.outputs[-1]]
    told = {axis: interval and interval.size for axis, interval in field.axes.items()}
    assert told == {axis: largest_by_gradient(graph, axis) for axis in field.axes}


def test_promises_and_why_tell_the_size() -> None:
    text = net_of("conv [3]/2 2 pad=1\n up: upsample 2\n expect up.receptive_field == 3", "2x48")
    graph = graph_of(text)
    assert not verify(NetFacts(graph))
    (layer,) = why(graph, "up").layers
    assert "3 of the input (its receptive field), within a window of 4, in steps of 1 from -2 on" in seen_text(
        layer.receptive
    )
