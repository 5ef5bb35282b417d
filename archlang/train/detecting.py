"""Average precision of detected boxes (Everingham et al. 2010, section 4.2; the whole area, as VOC 2010 has it)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import Tensor

OVERLAPPING = 0.5  # of two boxes of a class that overlap by more, the one with the lower score is left out


@dataclass
class Detections:
    """The boxes that a net detects, image by image, held against those that are there.

    A box is right if it overlaps one of its class by `overlap` (intersection over union), and none with a higher score
    did. `found` are (score, whether it is right) by class, `there` the number of objects of each class.
    """

    overlap: float = 0.5
    found: dict[int, list[tuple[float, bool]]] = field(default_factory=dict[int, list[tuple[float, bool]]])
    there: Counter[int] = field(default_factory=Counter[int])

    def add(self, boxes: Tensor, scores: Tensor, target: Tensor) -> None:
        """Add an image: `boxes` m x 4 (x, y, width, height), `scores` m x classes; `target` most x 5, class first.

        Each box counts for its likeliest class, if its score is above 0. The class of a target is -1 where none is.
        """
        import torch

        best, kinds = scores.max(1)
        real = target[target[:, 0] >= 0]
        self.there.update(int(one) for one in real[:, 0])
        order = [at for at in cast("list[int]", cast(Any, best.argsort(descending=True)).tolist()) if best[at] > 0]
        every = torch.cat([boxes[order], real[:, 1:]])
        shares = cast("list[list[float]]", cast(Any, overlaps(every, every)).tolist())
        names = [int(kinds[at]) for at in order]
        classes = [*names, *(int(one) for one in real[:, 0])]
        kept, taken = list[int](), set[int]()
        for at, kind in enumerate(names):
            if any(classes[other] == kind and shares[at][other] > OVERLAPPING for other in kept):
                continue
            kept.append(at)
            likely = [other for other in range(len(names), len(classes)) if classes[other] == kind]
            chosen = max(likely, key=shares[at].__getitem__, default=None)
            is_right = chosen is not None and chosen not in taken and shares[at][chosen] >= self.overlap
            if is_right and chosen is not None:
                taken.add(chosen)
            self.found.setdefault(kind, []).append((float(best[order[at]]), is_right))

    def mean(self) -> float:
        """Return the mean of the average precision over the classes that occur; 0 if none does."""
        each = [average_precision(self.found.get(kind, []), count) for kind, count in sorted(self.there.items())]
        return sum(each) / len(each) if each else 0.0


def average_precision(found: Sequence[tuple[float, bool]], there: int) -> float:
    """Return the area under precision over recall. At each recall, the best precision from there on counts."""
    ranked = [is_right for _, is_right in sorted(found, key=lambda one: -one[0])]
    right = list(accumulate(map(int, ranked)))
    precisions = [count / place for place, count in enumerate(right, 1)]
    best = list(accumulate(reversed(precisions), max))[::-1]
    return sum(one for one, is_right in zip(best, ranked, strict=True) if is_right) / there


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Return intersection over union of each pair of boxes (x, y, width, height): m x 4 and k x 4 give m x k."""
    import torch

    ends = [(each[:, :2] - each[:, 2:] / 2, each[:, :2] + each[:, 2:] / 2) for each in (one, other)]
    low = torch.maximum(ends[0][0].unsqueeze(1), ends[1][0])
    high = torch.minimum(ends[0][1].unsqueeze(1), ends[1][1])
    both = (high - low).clamp_min(0).prod(2)
    areas = one[:, 2:].prod(1).unsqueeze(1) + other[:, 2:].prod(1)
    return both / (areas - both).clamp_min(1e-12)


def boxes_of_cells(cells: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the boxes of a grid (see `yolo_v1`) of n images: n x m x 4 in parts of the image, n x m x classes.

    The score of a class is its own times the confidence of the box (Redmon et al. 2015, equation 1).
    """
    import torch

    n, _, rows, columns = cells.shape
    each = cells[:, : 5 * count].reshape(n, count, 5, rows, columns).float()
    column, row = torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy")
    grid = torch.stack([column, row]).to(cells.device)
    sides = torch.tensor([columns, rows], device=cells.device).view(2, 1, 1)
    places = torch.cat([(each[:, :, :2] + grid) / sides, each[:, :, 2:4].clamp_min(0).square()], 2)
    scores = each[:, :, 4:] * cells[:, 5 * count :].float().unsqueeze(1)
    return places.movedim(2, -1).flatten(1, 3), scores.movedim(2, -1).flatten(1, 3)
