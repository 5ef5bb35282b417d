"""Pictures of circles, squares and triangles on noise, drawn from a seed: for segmentation and detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, in_memory

if TYPE_CHECKING:
    from torch import Generator, Tensor

NAMES = ("background", "circle", "square", "triangle")
TRIES = 20  # to find a free place for an object


def shapes(part: Part) -> Data:
    """Return pictures with fields `image`, `mask` (0 is background) and `boxes` (class, x, y, width, height)."""
    import torch

    size, classes, most = (int(part.number(name)) for name in ("size", "classes", "most"))
    generator = torch.Generator().manual_seed(int(part.number("seed")))
    rows = [picture(size, classes, most, generator) for _ in range(int(part.number("samples")))]
    fields = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    return in_memory(fields, part, NAMES[: classes + 1])


def picture(size: int, classes: int, most: int, generator: Generator) -> dict[str, Tensor]:
    """Return one picture. Its objects do not touch; where no place is found for one, there is one less."""
    import torch

    image = torch.randint(100, (3, size, size), generator=generator)
    mask = torch.zeros(size, size, dtype=torch.int64)
    boxes = torch.zeros(most, 5)
    boxes[:, 0] = -1
    for number in range(int(torch.randint(1, most + 1, (), generator=generator))):
        kind = int(torch.randint(classes, (), generator=generator))
        color = torch.randint(120, 256, (3,), generator=generator)
        found = place(size, boxes[:number], generator)
        if found is None:
            break
        pixels = inside(kind, *found, size)
        image[:, pixels] = color.unsqueeze(1)
        mask[pixels] = kind + 1
        x, y, radius = found
        boxes[number] = torch.tensor([kind, x / size, y / size, 2 * radius / size, 2 * radius / size])
    return {"image": image.to(torch.uint8), "mask": mask, "boxes": boxes}


def place(size: int, others: Tensor, generator: Generator) -> tuple[float, float, float] | None:
    """Return the middle and the half side of a new object that is whole and touches no other; None if none is found."""
    import torch

    for _ in range(TRIES):
        drawn = torch.rand(3, generator=generator)
        radius = float(size * (0.125 + 0.125 * drawn[2]))
        x, y = (float(radius + (size - 2 * radius) * drawn[axis]) for axis in (0, 1))
        apart = (others[:, 1:3] * size - torch.tensor([x, y])).abs() > radius + others[:, 3:] * size / 2
        if bool(apart.any(1).all()):
            return x, y, radius
    return None


def inside(kind: int, x: float, y: float, radius: float, size: int) -> Tensor:
    """Return which pixels are inside a shape: a circle, a square, or a triangle that points up."""
    import torch

    middles = torch.arange(size) + 0.5
    right, down = (middles - x).unsqueeze(0), (middles - y).unsqueeze(1)
    if kind == 0:
        return right.square() + down.square() < radius**2
    if kind == 1:
        return torch.maximum(right.abs(), down.abs()) < radius
    return (right.abs() < (down + radius) / 2) & (down.abs() < radius)


FUNCTIONS = (inside, place, picture)  # which a training script has, too
