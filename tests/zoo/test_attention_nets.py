"""GPT-2 and MobileViT of `sdpa`, against modules by hand with torch's fused attention, and timm if installed."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archlang
from archlang.facts.work import count
from tests.attention_nets import Gpt2, MobileVit
from tests.parity import assert_equal_modules, scramble

NETS = Path(__file__).parents[1] / "nets"
XXS = {"widths": (16, 24, 48, 64, 80), "dims": (64, 80, 96), "expand": 2, "last": 320}


def small_gpt2() -> nn.Module:
    return Gpt2(vocabulary=50, context=16, width=24, depth=2, heads=4)


def test_mobilevit_has_the_keys_outputs_and_gradients_of_a_module_by_hand() -> None:
    theirs = MobileVit(**XXS, classes=5)  # type: ignore[arg-type]
    scramble(theirs)
    ours = archlang.load(f"{NETS}/mobilevit.arch:small").module()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    ours, theirs = ours.double(), theirs.double()
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    for mode in (True, False):
        assert_alike(ours.train(mode), theirs.train(mode), images)


def assert_alike(ours: nn.Module, theirs: nn.Module, inputs: Tensor) -> None:
    given, wanted = ours(inputs), theirs(inputs)
    torch.testing.assert_close(given, wanted, rtol=1e-9, atol=1e-9)
    for module, y in ((ours, given), (theirs, wanted)):
        module.zero_grad()
        y.square().mean().backward()
    gradients = {name: x.grad for name, x in theirs.named_parameters()}
    for name, x in ours.named_parameters():
        torch.testing.assert_close(x.grad, gradients[name], rtol=1e-6, atol=1e-9, msg=name)


def test_gpt2_has_the_keys_outputs_and_gradients_of_a_module_by_hand() -> None:
    """With dropout, which draws in the same order."""
    tokens = torch.randint(50, (3, 16), generator=torch.Generator().manual_seed(1))
    ours, theirs = archlang.load(f"{NETS}/gpt2.arch:small").module(), small_gpt2()
    assert ours.get_parameter("lm_head.weight") is ours.get_parameter("transformer.wte.weight")
    assert_equal_modules(ours, theirs, tokens)


def test_gpt2_reads_shorter_texts() -> None:
    ours, theirs = archlang.load(f"{NETS}/gpt2.arch:small").module().eval(), small_gpt2().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    tokens = torch.randint(50, (3, 7), generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours(tokens), theirs(tokens))


def test_gpt2_starts_at_the_entropy_of_its_vocabulary() -> None:
    """Within 2% of ln V, with the tied head and the paper's deviations."""
    module = archlang.load(f"{NETS}/gpt2.arch:small", width=64, vocabulary=500).module(seed=0).eval()
    tokens = torch.randint(500, (32, 16), generator=torch.Generator().manual_seed(1))
    loss = nn.functional.cross_entropy(module(tokens).flatten(0, 1), tokens.roll(-1, 1).flatten())
    assert abs(loss.item() - math.log(500)) < 0.02 * math.log(500)
    weight = module.get_parameter("transformer.h.0.attn.c_proj.weight")
    assert weight.std().item() == pytest.approx(0.02 / 2, rel=0.1)  # 1/sqrt(2n) of the others, for n = 2 layers
    assert module.get_parameter("transformer.h.0.attn.c_attn.weight").std().item() == pytest.approx(0.02, rel=0.1)


def test_gpt2_of_124_million() -> None:
    assert count(archlang.load(f"{NETS}/gpt2.arch:gpt2").graph).net.params == 124_439_808


@pytest.mark.skipif(not find_spec("timm"), reason="timm is not installed")
@pytest.mark.parametrize("name", ["mobilevit_xxs", "mobilevit_xs", "mobilevit_s"])
def test_mobilevit_is_timms(name: str) -> None:
    from tests.torchvision_models import torchvision

    torchvision()  # timm needs its operators
    timm: Any = pytest.importorskip("timm")
    theirs = timm.create_model(name)
    ours = archlang.load(f"{NETS}/mobilevit.arch:{name}").module()
    assert_equal_modules(ours, theirs, torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1)))
