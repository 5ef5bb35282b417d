"""DCGAN against torch code written by hand: each net, both in one, and how their weights start."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_in_eval, assert_equal_in_train, assert_equal_modules
from tests.starts import equal_starts, seeded

SPEC = Path(__file__).parents[1] / "nets" / "dcgan.arch"


class Generator(nn.Module):
    def __init__(self, noise: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = noise
        for at, out in enumerate((8 * width, 4 * width, 2 * width, width)):
            conv = nn.ConvTranspose2d(before, out, 4, 2 if at else 1, 1 if at else 0, bias=False)
            layers += [conv, nn.BatchNorm2d(out), nn.ReLU()]
            before = out
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.main(z)
        return made


class Discriminator(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for times in (1, 2, 4):
            conv = nn.Conv2d(times * width, 2 * times * width, 4, 2, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(2 * times * width), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, bias=False), nn.Sigmoid())

    def forward(self, image: Tensor) -> Tensor:
        score: Tensor = self.main(image)
        return score


def started(net: nn.Module) -> nn.Module:
    """Return the net with its weights drawn as section 4 of the paper says, and the scales of its norms around 1."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return net


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


class Both(nn.Module):
    """The net `small` of the spec, over a noise that is bound."""

    def __init__(self, z: Tensor) -> None:
        super().__init__()
        self.made, self.real, self.z = Generator(6, 4), Discriminator(4), z

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        made = self.made(self.z)
        return self.real(image), self.real(made.detach()), self.real(made)


class Bound(nn.Module):
    """A module of noise and images as one of images."""

    def __init__(self, both: nn.Module, z: Tensor) -> None:
        super().__init__()
        self.made, self.real = both.get_submodule("made"), both.get_submodule("real")
        self.whole, self.z = [both], z

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        judged: tuple[Tensor, Tensor, Tensor] = self.whole[0](self.z, image)
        return judged


def test_each_net_computes_as_torch() -> None:
    torch.manual_seed(1)
    generator = archlang.load(f"{SPEC}:generator", noise=6, width=4).module()
    assert_equal_modules(generator, started(Generator(6, 4)), drawn(3, 6, 1, 1))
    discriminator = archlang.load(f"{SPEC}:discriminator", width=4).module()
    assert_equal_modules(discriminator, started(Discriminator(4)), drawn(3, 3, 64, 64))


def test_both_in_one() -> None:
    """What is detached gives the generator no gradient; the discriminator's statistics follow three batches."""
    z = drawn(3, 6, 1, 1)
    ours, theirs = Bound(archlang.load(f"{SPEC}:small").module(), z), Both(z)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_in_train(ours, theirs, drawn(3, 3, 64, 64))
    assert_equal_in_eval(ours, theirs, drawn(3, 3, 64, 64))


def test_starts() -> None:
    generator, discriminator = (archlang.load(f"{SPEC}:{name}").module for name in ("generator", "discriminator"))
    assert equal_starts(seeded(generator, 5), seeded(lambda: started(Generator(100, 64)), 5))
    assert equal_starts(seeded(discriminator, 5), seeded(lambda: started(Discriminator(64)), 5))
