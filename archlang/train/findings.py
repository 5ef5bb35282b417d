"""What a trained net does with each held-out sample: which classes it mixes up, and where its loss is largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import isnan
from typing import TYPE_CHECKING

from archlang.recipes.losses import loss_of
from archlang.train.making import Term

if TYPE_CHECKING:
    from torch import Tensor

WORST = 20  # samples
SCORES_OF_PROBABILITIES = ("crossentropy", "nll")  # losses of scores from which softmax makes probabilities


@dataclass(frozen=True, slots=True)
class Finding:
    """A sample by its index, with its loss. Where classes are compared, with its label, the prediction and its share.

    `share` is the probability that softmax gives to the prediction.
    """

    index: int
    loss: float
    label: int | None = None
    prediction: int | None = None
    share: float | None = None


@dataclass
class Findings:
    """The samples with the largest loss of all that were added, and the matrix of classes, a row for each true one.

    The loss of a sample is that of `term`, the first of the recipe, of loss `word`. There is no matrix where samples
    have no single label.
    """

    term: Term
    word: str
    seen: int = 0
    worst: list[Finding] = field(default_factory=list[Finding])
    counts: Tensor | None = None

    def add(self, compared: Sequence[Tensor]) -> None:
        """Add a batch: the values that the first loss compares, with classes as axis 1."""
        size = len(compared[0])
        losses = [float(self.term.function(*(value[at : at + 1] for value in compared))) for at in range(size)]
        has_labels = loss_of(self.word).of_classes and compared[1].dim() == 1 and not compared[1].is_floating_point()
        told = self._classes(compared[0], compared[1]) if has_labels else [(None, None, None)] * size
        rows = [Finding(self.seen + at, losses[at], *told[at]) for at in range(size)]
        known = [one for one in rows if not isnan(one.loss)]  # an ignored label has no loss
        self.worst = nlargest(WORST, [*self.worst, *known], lambda one: one.loss)
        self.seen += size

    def _classes(self, scores: Tensor, labels: Tensor) -> list[tuple[int, int, float | None]]:
        """Count each label with its prediction; return both, and the probability of the prediction if it is known."""
        import torch

        classes = scores.shape[1]
        shares, predictions = scores.float().softmax(1).max(1)
        valid = (labels >= 0) & (labels < classes)
        pairs = (labels[valid] * classes + predictions[valid]).cpu()
        counted = torch.bincount(pairs, minlength=classes * classes).view(classes, classes)
        self.counts = counted if self.counts is None else self.counts + counted
        known = self.word in SCORES_OF_PROBABILITIES
        rows = zip(labels, predictions, shares, strict=True)
        return [(int(label), int(prediction), float(share) if known else None) for label, prediction, share in rows]

    @property
    def confusion(self) -> list[list[int]] | None:
        """The matrix: how many samples of each class, a row, were taken for each class, a column."""
        return None if self.counts is None else [[int(one) for one in row] for row in self.counts]
