"""Compiled modules go through every door of PyTorch: export, compilation, copies, files, parallel and low precision."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from torch import nn

import archlang
from archlang.facts.work import totals
from archlang.shipped import shipped_nets
from benchmarks.doors import subject_of, table
from benchmarks.doors_cases import DOORS, NEEDED, SLOW, Subject, tried

BLOCKS = """
block unit(width) { residual { conv 3x3 width pad=1 bias=false -> batchnorm -> relu } }
net blocks(width=8) {
  input image: [3, H=16, W=16]
  stem: { conv 3x3 width pad=1 bias=false -> batchnorm -> relu }
  body: repeat 3 { unit width }
  conv 2x2/2 width -> upsample 2
  globalavgpool -> flatten -> dropout 0.5 -> fc: linear 5
  output
}
"""

TOKENS = """
block unit(width) {
  residual { layernorm -> attention 2 }
  residual { layernorm -> linear (4*width) -> gelu -> linear width }
}
net tokens(width=8) {
  input text: [T=12] dtype=int64
  wte: embedding 50 width
  body: repeat 2 { unit width }
  layernorm -> head: linear 50 bias=false weight=wte.weight
  output
}
"""

TRIED = [door for door in DOORS if door not in SLOW and (door not in NEEDED or find_spec(NEEDED[door]) is not None)]
CHEAP = (
    "torch.export, dynamic batch", "copy.deepcopy", "pickle", "safetensors", "meta device",
    "load_state_dict(assign=True)", "DDP, gloo",
)  # fmt: skip


@pytest.mark.parametrize("door", TRIED)
@pytest.mark.parametrize("spec", [BLOCKS, TOKENS], ids=["blocks", "tokens"])
def test_small_nets(door: str, spec: str) -> None:
    assert tried(door, subject_of(archlang.loads(spec))) == ""


SMALL = [f"{path}:{name}" for path, nets in shipped_nets() for name in nets]


@pytest.mark.parametrize(
    "heads, image, cut",
    [("2", "3x4", 'conv [1] 8 -> permute "n t c"'), ("", "3x4x4", 'conv 1x1 8 -> permute "n h w c"')],
)
def test_a_trace_of_fused_attention(heads: str, image: str, cut: str) -> None:
    """A trace holds sizes as tensors, and torch's kernel takes no tensor for what is yes or no."""
    lines = [f"(x) -> {cut} -> {name}: it" for name in "qkv"]
    text = f"net n {{ input x: {image}; {'; '.join(lines)}; (q, k, v) -> sdpa {heads}; output }}"
    assert tried("torch.jit.trace", subject_of(archlang.loads(text))) == ""


@pytest.mark.sweep
@pytest.mark.parametrize("name", SMALL, ids=lambda name: name.rpartition(":")[2])
def test_shipped_nets_of_a_million_parameters(name: str) -> None:
    try:
        net = archlang.load(name)
    except archlang.SpecError:
        pytest.skip("other nets give it its arguments")
    if 0 < totals(net.graph).params <= 1_000_000:  # DDP takes no module without parameters
        assert {door: why for door in CHEAP if (why := tried(door, subject_of(net)))} == {}


class Forgetful(nn.Conv2d):
    """A module that no door should take: it computes something else each time."""

    calls = 0

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(input) * self.calls


def test_a_door_that_changes_the_results_is_told() -> None:
    net = archlang.loads("net n { input image: 3x8x8; conv 3x3 4; output }")
    told = {door: tried(door, Subject(net.graph, lambda: Forgetful(3, 4, 3))) for door in ("autocast", "channels_last")}
    assert all("differs by" in why for why in told.values()), told
    assert table({"autocast": {"n": told["autocast"], "m": ""}}, SLOW).splitlines()[2] == "| autocast | 1 of 2 |"
