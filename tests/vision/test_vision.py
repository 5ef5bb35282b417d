"""Maps and pictures of what a net has learned, against formulas that follow from nets simple enough to solve."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import archlang
from archlang import vision
from archlang.marks import is_made_here

SPEC = """
net small {
  input image: 2x6x6
  body: { conv 3x3 4 pad=1 -> relu }
  flatten -> fc: linear 3
  output
}
"""


def images(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 2, 6, 6, generator=torch.Generator().manual_seed(4))


@pytest.fixture(name="module")
def made() -> nn.Module:
    return archlang.loads(SPEC).module(seed=0).eval()


def linear() -> nn.Module:
    """Return a net whose scores are sums of pixels with weights."""
    return archlang.loads("net n { input image: 2x6x6; flatten -> fc: linear 3; output }").module(seed=0).eval()


def test_saliency_of_a_linear_net_is_its_weight() -> None:
    module = linear()
    weight = module.get_parameter("fc.weight").detach().reshape(3, 2, 6, 6)
    assert torch.equal(vision.saliency(module, images(), 1), weight[1].abs().amax(0).expand(2, 6, 6))
    best = module(images()).argmax(1)
    assert torch.equal(vision.saliency(module, images()), weight[best].abs().amax(1))
    assert all(value.grad is None for value in module.parameters())


def test_grad_cam_is_the_sum_of_maps_by_their_mean_weight(module: nn.Module) -> None:
    maps = module.get_submodule("body")(images()).detach()
    weight = module.get_parameter("fc.weight").detach()[2].reshape(4, 6, 6).mean((1, 2))
    summed = torch.einsum("nchw,c->nhw", maps, weight).clamp(min=0)
    expected = summed / summed.amax((1, 2), keepdim=True)
    assert torch.allclose(vision.grad_cam(module, images(), "body", 2), expected, atol=1e-6)
    with pytest.raises(archlang.CallError, match="'fc' gives no maps"):
        vision.grad_cam(module, images(), "fc")


def test_the_model_of_a_class_of_a_linear_net() -> None:
    """Score w*x - decay*|x|^2 is greatest at w / (2*decay)."""
    module = linear()
    found = vision.class_model(module, (2, 6, 6), 1, steps=400, rate=0.02, decay=0.5)
    weight = module.get_parameter("fc.weight").detach()[1].reshape(2, 6, 6)
    assert torch.allclose(found, weight, atol=1e-3)


def test_occlusion_hides_each_square(module: nn.Module) -> None:
    image = images(1)[0]
    found = vision.occlusion(module, image, size=3, stride=2, target=1, value=0.5)
    assert found.shape == (2, 2)
    hidden = image.clone()
    hidden[:, 0:3, 2:5] = 0.5
    assert torch.allclose(found[0, 1], module(hidden[None])[0, 1].detach(), atol=1e-6)
    with pytest.raises(archlang.CallError, match="is not within an image of 6x6"):
        vision.occlusion(module, image, size=7)


def test_pictures(module: nn.Module, tmp_path: Path) -> None:
    shown = vision.activations(module, images(1)[0], "body", columns=3)
    assert shown.shape == (13, 20) and shown[:6, 6].eq(1).all()
    first = module.get_submodule("body")(images(1))[0, 0].detach()
    assert torch.allclose(shown[:6, :6], (first - first.min()) / (first.max() - first.min()))
    assert vision.filters(module, "body.0").shape == (15, 7)  # 4 rows of 2 channels
    colours = nn.Sequential(nn.Conv2d(3, 8, 5))
    assert vision.filters(colours, "0", columns=4).shape == (11, 23, 3)
    vision.save(shown, tmp_path / "maps.png", times=2)
    from PIL import Image

    with Image.open(tmp_path / "maps.png") as image:
        assert image.size == (40, 26) and image.mode == "L"
    assert is_made_here(tmp_path / "maps.png")
    with pytest.raises(archlang.CallError, match="'fc' is no convolution"):
        vision.filters(module, "fc")


@pytest.mark.parametrize("target", [3, -1])
def test_a_class_that_there_is_not(module: nn.Module, target: int) -> None:
    with pytest.raises(archlang.CallError, match="the net tells 3 apart"):
        vision.saliency(module, images(), target)
    with pytest.raises(archlang.CallError, match="does not give scores"):
        vision.saliency(module.get_submodule("body"), images())
