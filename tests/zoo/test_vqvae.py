"""VQ-VAE against torch code written by hand: codes are looked up, and `detach` passes the gradient around them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang

SPEC = Path(__file__).parents[1] / "nets" / "vqvae.arch"


class Unit(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.ReLU(), nn.Conv2d(16, 8, 3, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(8, 16, 1, bias=False))

    def forward(self, input: Tensor) -> Tensor:
        first, conv, second, project = self
        y: Tensor = project(second(conv(first(input))))
        return input + y


class Quantize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.empty(20, 6).uniform_(-1 / 20, 1 / 20))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        near = z.permute(0, 2, 3, 1)
        e = self.codes[torch.cdist(near.reshape(1, -1, 6), self.codes[None])[0].argmin(1)].reshape(near.shape)
        through = near + (e - near).detach()
        return through.permute(0, 3, 1, 2), (e - near.detach()) ** 2, (near - e.detach()) ** 2


class VqVae(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 16, 3, 1, 1),
            Unit(), Unit(), nn.ReLU(),
        )  # fmt: skip
        self.pre, self.quantize = nn.Conv2d(16, 6, 1), Quantize()
        self.decoder = nn.Sequential(
            nn.Conv2d(6, 16, 3, 1, 1), Unit(), Unit(), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        through, codebook, commitment = self.quantize(self.pre(self.encoder(image)))
        return self.decoder(through), codebook, commitment


def test_keys_outputs_and_gradients() -> None:
    """With codes far apart, so that rounding makes no other code the nearest."""
    ours, theirs = archlang.load(str(SPEC)).module(), VqVae()
    with torch.no_grad():
        theirs.get_parameter("quantize.codes").mul_(20)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image = torch.randn(3, 3, 40, 32, generator=torch.Generator().manual_seed(1))
    for net in (ours, theirs):
        decoded, codebook, commitment = net(image)
        ((decoded - image).square().mean() + codebook.mean() + 0.25 * commitment.mean()).backward()
    for mine, other in zip(ours(image), theirs(image), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
    gradients = {name: x.grad for name, x in theirs.named_parameters()}
    for name, x in ours.named_parameters():
        wanted = gradients[name]
        assert wanted is not None and wanted.ne(0).any()
        torch.testing.assert_close(x.grad, wanted, rtol=1e-4, atol=1e-6, msg=name)
