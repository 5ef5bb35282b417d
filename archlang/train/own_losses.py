"""Losses that torch does not have. Each function stands for itself, so that it can be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def kl_to_standard_normal(mean: Tensor, logvar: Tensor, reduction: str = "sum") -> Tensor:
    """Return the divergence of normal distributions from the standard one, their sum or mean over all values.

    `mean` and `logvar` have one shape. Kingma and Welling 2013 (arXiv:1312.6114), appendix B.
    """
    every = -0.5 * (1 + logvar - mean.square() - logvar.exp())
    return every.sum() if reduction == "sum" else every.mean()


def magnitude(value: Tensor, p: int = 1, reduction: str = "mean") -> Tensor:
    """Return the mean or sum of the values' magnitudes to the power p: with p=1 it makes activations sparse."""
    every = value.abs() if p == 1 else value.square()
    return every.sum() if reduction == "sum" else every.mean()


def yolo_v1(
    cells: Tensor, target: Tensor, boxes: int = 2, coord: float = 5.0, noobj: float = 0.5, reduction: str = "mean"
) -> Tensor:
    """Return YOLO's loss, its mean or sum over the images (Redmon et al. 2015, arXiv:1506.02640, section 2.2).

    `cells` are n x (5 boxes + classes) x rows x columns: for each of the boxes x and y within the cell, the roots of
    width and height, and a confidence; then a score for each class. `target` is n x most x 5: class, x, y, width and
    height in parts of the image, and the class -1 where there is none. Of two objects in a cell, the first counts.
    """
    import torch

    n, _, rows, columns = cells.shape
    predicted = cells[:, : 5 * boxes].reshape(n, boxes, 5, rows, columns).float()
    scores = cells[:, 5 * boxes :].float()
    has, wanted, names = yolo_v1_cells(target, scores)
    iou = torch.stack([yolo_v1_overlap(predicted[:, one, :4].detach(), wanted) for one in range(boxes)], 1)
    best = torch.nn.functional.one_hot(iou.argmax(1), boxes).movedim(-1, 1).bool() & has.unsqueeze(1)
    confidence = predicted[:, :, 4]
    places = (predicted[:, :, :4] - wanted.unsqueeze(1)).square().sum(2)
    loss = coord * places[best].sum() + (confidence - iou)[best].square().sum()
    loss = loss + noobj * confidence[~best].square().sum()
    loss = loss + (scores - names).square().sum(1)[has].sum()
    return loss / n if reduction == "mean" else loss


def yolo_v1_cells(target: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return which cells have an object, its place (n x 4 x rows x columns), and its class in the shape of the scores.

    A place is x and y within the cell, and the roots of width and height.
    """
    import torch

    n, _, rows, columns = scores.shape
    has = torch.zeros(n, rows, columns, dtype=torch.bool, device=scores.device)
    wanted = torch.zeros(n, 4, rows, columns, device=scores.device)
    names = torch.zeros_like(scores)
    every = torch.arange(n, device=scores.device)
    for number in range(target.shape[1]):
        kind, x, y, width, height = target[:, number].unbind(1)
        column, row = (x * columns).long().clamp(0, columns - 1), (y * rows).long().clamp(0, rows - 1)
        new = (kind >= 0) & ~has[every, row, column]
        image, row, column = every[new], row[new], column[new]
        inside = torch.stack([x[new] * columns - column, y[new] * rows - row, width[new].sqrt(), height[new].sqrt()], 1)
        has[image, row, column] = True
        wanted[image, :, row, column] = inside
        names[image, kind[new].long(), row, column] = 1
    return has, wanted, names


def yolo_v1_overlap(one: Tensor, other: Tensor) -> Tensor:
    """Return intersection over union of boxes in each cell; both are n x 4 x rows x columns."""
    import torch

    _, _, rows, columns = one.shape
    grid = torch.stack(torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy")).to(one.device)
    sides = torch.tensor([columns, rows], device=one.device).view(2, 1, 1)
    middles = [(box[:, :2] + grid) / sides for box in (one, other)]
    halves = [box[:, 2:].square() / 2 for box in (one, other)]
    low = torch.maximum(middles[0] - halves[0], middles[1] - halves[1])
    high = torch.minimum(middles[0] + halves[0], middles[1] + halves[1])
    both = (high - low).clamp_min(0).prod(1)
    areas = 4 * halves[0].prod(1) + 4 * halves[1].prod(1)
    return both / (areas - both).clamp_min(1e-9)
