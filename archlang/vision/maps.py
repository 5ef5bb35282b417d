"""What a net looks at, and what it looks for: gradients with respect to images, and images with parts hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from archlang.library import CallError
from archlang.tapping import tap

if TYPE_CHECKING:
    from torch import Tensor, nn


def saliency(module: nn.Module, images: Tensor, target: int | None = None) -> Tensor:
    """Return how strongly each pixel changes the score of a class, n h w: its channels' largest gradient.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013, section 3.
    """
    import torch

    given = images.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(_scores(module, given, target).sum(), given)
    return gradient.abs().amax(1)


def grad_cam(module: nn.Module, images: Tensor, path: str, target: int | None = None) -> Tensor:
    """Return where a layer sees a class, n h w, in the size of the images and from 0 to 1.

    The maps of the layer at `path` are added with the means of their gradients as weights; what is negative becomes 0.
    Raises CallError if the layer gives no maps n c h w. Source: Selvaraju et al., "Grad-CAM", 2017.
    """
    import torch
    from torch.nn import functional

    with torch.enable_grad(), tap(module, path) as seen:
        given = images.detach().clone().requires_grad_()
        torch.autograd.grad(_scores(module, given, target).sum(), given)
    maps, gradient = seen.activation, seen.gradient
    if not isinstance(maps, torch.Tensor) or maps.dim() != 4 or gradient is None:
        raise CallError(
            f"{path!r} gives no maps n c h w that the score depends on; name a convolution or what follows it"
        )
    summed = (gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).clamp(min=0)
    large = functional.interpolate(summed, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return large / large.amax((1, 2), keepdim=True).clamp(min=torch.finfo(large.dtype).tiny)


def class_model(
    module: nn.Module, shape: tuple[int, ...], target: int, steps: int = 200, rate: float = 0.1, decay: float = 0.01
) -> Tensor:
    """Return the image c h w that a net takes most for a class: gradient ascent from zeros on score - decay*|image|^2.

    `shape` is that of the image. The score is that before a softmax, if the net ends without one, as nets for training
    do. Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013, section 2.
    """
    import torch

    image = torch.zeros(1, *shape, requires_grad=True)
    optimizer = torch.optim.Adam([image], lr=rate)
    with torch.enable_grad():
        for _ in range(steps):
            loss = decay * image.square().sum() - _scores(module, image, target).sum()
            (image.grad,) = torch.autograd.grad(loss, image)
            cast(Any, optimizer).step()
    return image.detach()[0]


def occlusion(
    module: nn.Module, image: Tensor, size: int, stride: int = 1, target: int | None = None, value: float = 0.0
) -> Tensor:
    """Return the score of a class while a square of the image is hidden, rows x columns of its positions.

    `image` is c h w; a square of `size` pixels with a `value` is moved over it by `stride`. Low scores are where the
    net finds the class. Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
    """
    import torch

    height, width = image.shape[1:]
    if not 1 <= size <= min(height, width) or stride < 1:
        raise CallError(f"a square of {size} pixels, moved by {stride}, is not within an image of {height}x{width}")
    with torch.no_grad():
        if target is None:
            target = int(_output(module, image[None]).argmax(1))
        rows: list[Tensor] = []
        for top in range(0, height - size + 1, stride):
            lefts = range(0, width - size + 1, stride)
            hidden = image.repeat(len(lefts), 1, 1, 1)
            for number, left in enumerate(lefts):
                hidden[number, :, top : top + size, left : left + size] = value
            rows.append(_scores(module, hidden, target))
    return torch.stack(rows)


def _scores(module: nn.Module, images: Tensor, target: int | None) -> Tensor:
    """Return the score of the target for each image, or that of its best class."""
    scores = _output(module, images)
    if target is None:
        return scores.amax(1)
    if not 0 <= target < scores.shape[1]:
        raise CallError(f"there is no class {target}: the net tells {scores.shape[1]} apart, from 0")
    return scores[:, target]


def _output(module: nn.Module, images: Tensor) -> Tensor:
    from torch import Tensor

    scores: object = module(images)
    if not isinstance(scores, Tensor) or scores.dim() != 2:
        raise CallError(f"{type(module).__name__} does not give scores, one output n classes")
    return scores
