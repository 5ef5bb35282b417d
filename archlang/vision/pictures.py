"""Maps as pictures: filters and activations in a grid, and PNG files."""

from __future__ import annotations

from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.files import write_whole
from archlang.library import CallError
from archlang.marks import marked
from archlang.packages import need
from archlang.tapping import tap

if TYPE_CHECKING:
    from torch import Tensor, nn

_GAP = 1  # pixels between two maps of a grid


def filters(module: nn.Module, path: str, columns: int = 8) -> Tensor:
    """Return the filters of a convolution in a grid, h w, or h w 3 if they see three channels.

    Of any other number of channels, each filter is shown by one row of its channels. Raises CallError if the layer at
    `path` has no filters.
    """
    from torch import Tensor

    modules: dict[str, nn.Module] = dict(cast(Any, module).named_modules())
    weight = getattr(modules.get(path), "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() != 4:
        raise CallError(f"{path!r} is no convolution of images: it has no filters of two dimensions")
    if weight.shape[1] == 3:
        return grid(weight.detach(), columns)
    return grid(weight.detach().flatten(0, 1)[:, None], columns if weight.shape[1] == 1 else weight.shape[1])


def activations(module: nn.Module, image: Tensor, path: str, columns: int = 8) -> Tensor:
    """Return the maps that the layer at `path` computes of an image c h w, in a grid, h w."""
    import torch

    with torch.no_grad(), tap(module, path) as seen:
        module(image[None])
    if not isinstance(seen.activation, torch.Tensor) or seen.activation.dim() != 4:
        raise CallError(f"{path!r} gives no maps n c h w")
    return grid(seen.activation[0][:, None], columns)


def grid(maps: Tensor, columns: int = 8) -> Tensor:
    """Return maps n c h w (c is 1 or 3) or n h w side by side in rows, each scaled to 0 to 1, with white gaps."""
    import torch

    maps = maps[:, None] if maps.dim() == 3 else maps
    if maps.dim() != 4 or maps.shape[1] not in (1, 3):
        raise CallError(f"maps are n h w, n 1 h w or n 3 h w, not {'x'.join(map(str, maps.shape))}")
    low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
    scaled = (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
    count, channels, height, width = maps.shape
    columns = min(columns, count)
    tall, wide = height + _GAP, width + _GAP
    picture = torch.ones(channels, ceil(count / columns) * tall - _GAP, columns * wide - _GAP)
    for number, one in enumerate(scaled):
        top, left = number // columns * tall, number % columns * wide
        picture[:, top : top + height, left : left + width] = one
    return picture[0] if channels == 1 else picture.permute(1, 2, 0)


def save(picture: Tensor, path: str | Path, times: int = 1) -> None:
    """Write a picture h w or h w 3 of values from 0 to 1 as a PNG file, each pixel `times` pixels wide and high."""
    image = need("PIL.Image", "pictures are written by")
    pixels = (picture.detach().clamp(0, 1) * 255).round().byte()
    pixels = pixels.repeat_interleave(times, 0).repeat_interleave(times, 1)
    written = BytesIO()
    image.fromarray(pixels.numpy()).save(written, "PNG")
    write_whole(path, marked(written.getvalue(), "png"))
