"""RepVGG against torch code written by hand: three branches in training, one convolution afterwards."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_modules, scramble
from tests.timm_models import equal_to_timm, needs_timm

SPEC = Path(__file__).parents[1] / "nets" / "repvgg.arch"


class Unit(nn.Module):
    def __init__(self, channels: int, width: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return y


class Rep(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.identity = nn.BatchNorm2d(width) if stride == 1 and channels == width else None
        self.conv_kxk = Unit(channels, width, 3, stride, groups)
        self.conv_1x1 = Unit(channels, width, 1, stride, groups)

    def forward(self, x: Tensor) -> Tensor:
        same = None if self.identity is None else self.identity(x)
        y: Tensor = self.conv_1x1(x) + self.conv_kxk(x)
        return (y if same is None else same + y).relu()


class RepVgg(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Rep(3, 8, 2)
        first, second = nn.Sequential(Rep(8, 8, 2), Rep(8, 8, 1, 2)), nn.Sequential(Rep(8, 12, 2), Rep(12, 12, 1, 2))
        self.stages = nn.Sequential(first, second)
        self.head = nn.ModuleDict({"fc": nn.Linear(12, 5)})

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.head["fc"](self.stages(self.stem(image)).mean((2, 3)))
        return scores


def images(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module(), RepVgg()
    scramble(theirs)
    assert_equal_modules(ours, theirs, images())


def merged(rep: Rep) -> tuple[Tensor, Tensor]:
    """Return the kernel and the bias of the convolution that does in evaluation what the three branches do."""
    large, small = rep.conv_kxk, rep.conv_1x1
    parts = [(large.conv.weight, large.bn), (nn.functional.pad(small.conv.weight, (1, 1, 1, 1)), small.bn)]
    if rep.identity is not None:
        parts.append((nn.init.dirac_(torch.zeros_like(large.conv.weight), large.conv.groups), rep.identity))
    kernels, biases = [], []
    for kernel, norm in parts:
        assert norm.running_mean is not None and norm.running_var is not None
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        kernels.append(kernel * factor[:, None, None, None])
        biases.append(norm.bias - norm.running_mean * factor)
    return torch.stack(kernels).sum(0), torch.stack(biases).sum(0)


@torch.no_grad()
def test_one_convolution_does_what_the_branches_did() -> None:
    trained, deployed = RepVgg().double().eval(), archlang.load(f"{SPEC}:small_deploy").module().double().eval()
    scramble(trained)
    weights = {f"head.{name}": value for name, value in trained.head.state_dict().items()}
    for name, rep in trained.named_modules():
        if isinstance(rep, Rep):
            weights[f"{name}.reparam_conv.weight"], weights[f"{name}.reparam_conv.bias"] = merged(rep)
    deployed.load_state_dict(weights, strict=True)
    torch.testing.assert_close(deployed(images(torch.float64)), trained(images(torch.float64)), rtol=1e-10, atol=1e-10)


def test_weights_start_as_published() -> None:
    """Kernels by the fan out of their group; the norms as they are found in trained nets, around 0.1."""
    module = archlang.load(f"{SPEC}:repvgg_a0").module(seed=0)
    found = {name: value.detach() for name, value in module.named_parameters()}
    kernel, norm = found["stages.2.3.conv_kxk.conv.weight"], found["stages.3.0.conv_kxk.bn.weight"]
    assert abs(kernel.std() / (2 / (9 * 192)) ** 0.5 - 1) < 0.02
    assert abs(norm.mean() - 0.1) < 0.01 and abs(norm.std() - 0.1) < 0.01
    assert found["head.fc.bias"].count_nonzero() == 0


@needs_timm
def test_timm() -> None:
    equal_to_timm(SPEC, "repvgg_a0", starts="distributions")
