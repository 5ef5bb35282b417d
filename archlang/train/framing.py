"""Boxes of objects as torchvision's transforms move them, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import Tensor


def framed(boxes: Tensor, image: Tensor) -> Any:
    """Return boxes in parts of an image as torchvision's boxes in pixels.

    `boxes` are ... x most x 5: class, x, y, width, height. They are of one image, or of a batch that is moved alike.
    """
    from torchvision import tv_tensors

    height, width = image.shape[-2:]
    sides = boxes.new_tensor([width, height, width, height])
    places = boxes[..., 1:].flatten(0, -2) * sides
    return cast(Any, tv_tensors.BoundingBoxes)(places, format="CXCYWH", canvas_size=(height, width))


def unframed(before: Tensor, moved: Any) -> Tensor:
    """Return moved boxes in parts of their image; those that are outside get the class -1."""
    import torch

    height, width = moved.canvas_size
    places = moved.as_subclass(torch.Tensor)
    x, y, wide, high = places.unbind(1)
    left, right = ((x + sign * wide / 2).clamp(0, width) for sign in (-1, 1))
    top, bottom = ((y + sign * high / 2).clamp(0, height) for sign in (-1, 1))
    kinds = torch.where((right - left > 1e-3) & (bottom - top > 1e-3), before[..., 0].flatten(), -1.0)
    found = [kinds, (left + right) / 2 / width, (top + bottom) / 2 / height]
    return torch.stack([*found, (right - left) / width, (bottom - top) / height], 1).view(before.shape)
