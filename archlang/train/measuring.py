"""Measures a net on samples: the mean loss, accuracy and their like, over all samples together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, sqrt
from typing import TYPE_CHECKING

from archlang.recipes.measures import MEASURES, SMALLER_IS_BETTER
from archlang.recipes.recipe import Part, Recipe
from archlang.train.detecting import Detections, boxes_of_cells

if TYPE_CHECKING:
    from torch import Tensor


def told(part: Part) -> str:
    """Return the name of a measure in tables: `accuracy`, `accuracy top=5`."""
    usual = {name: default for name, (_, default) in MEASURES[part.word].arguments.items()}
    others = [f"{name}={value}" for name, value in part.arguments.items() if value != usual[name]]
    return " ".join([part.word, *others])


def measured(recipe: Recipe) -> list[Part]:
    """Return what a recipe measures beside the loss: its metrics, and what its promises and `stop` name besides."""
    parts = list(recipe.metrics)
    named = [(goal.metric, goal.span) for goal in recipe.goals]
    if recipe.stop is not None:
        named.append((str(recipe.stop.arguments["on"]), recipe.stop.span))
    for word, span in named:
        if word != "loss" and word not in map(told, parts):
            defaults = {name: default for name, (_, default) in MEASURES[word].arguments.items()}
            parts.append(Part(word, defaults, span))
    return parts


def watched(recipe: Recipe) -> str:
    """Return the measure by which the best epoch is chosen: that of `stop`, else the first one, else the loss."""
    if recipe.stop is not None:
        return str(recipe.stop.arguments["on"])
    return told(recipe.metrics[0]) if recipe.metrics else "loss"


def is_better_than(name: str, value: float, other: float) -> bool:
    """Return whether a value of a measure is better than another one."""
    return value < other if name.partition(" ")[0] in SMALLER_IS_BETTER else value > other


@dataclass
class Measuring:
    """Sums over batches, from which the measures follow. `loss_part` is the first loss of the recipe."""

    parts: Sequence[Part]
    loss_part: Part | None = None
    samples: int = 0
    positions: int = 0
    loss: float = 0.0
    first_loss: float = 0.0
    sums: dict[str, float] = field(default_factory=dict[str, float])
    confusion: Tensor | None = None
    detections: dict[str, Detections] = field(default_factory=dict[str, Detections])

    def add(self, compared: Sequence[Tensor], loss: float, first_loss: float, samples: int) -> None:
        """Add a batch: the two values that the first loss compares, the losses, and the number of samples."""
        self.samples += samples
        self.loss += loss * samples
        self.first_loss += first_loss * samples
        both = [value.detach() for value in compared[:2]]
        prediction, target = both[0], both[-1]  # a loss of one value has no target
        positions = target.numel() if not target.is_floating_point() else samples
        self.positions += positions
        for part in self.parts:
            amount = self._amount(part, prediction, target)
            self.sums[told(part)] = self.sums.get(told(part), 0.0) + amount

    def _amount(self, part: Part, prediction: Tensor, target: Tensor) -> float:
        match part.word:
            case "accuracy" | "error":
                return _correct(prediction, target, int(part.number("top")))
            case "mae":
                return float((prediction - target).abs().double().mean()) * len(target)
            case "rmse":
                return float((prediction - target).square().double().mean()) * len(target)
            case "iou":
                self._count(prediction, target)
            case "map":
                self._detect(part, prediction, target)
            case _:
                pass
        return 0.0

    def _detect(self, part: Part, cells: Tensor, target: Tensor) -> None:
        assert self.loss_part is not None
        found = self.detections.setdefault(told(part), Detections(part.number("iou")))
        for boxes, scores, there in zip(
            *boxes_of_cells(cells, int(self.loss_part.number("boxes"))), target, strict=True
        ):
            found.add(boxes.cpu(), scores.cpu(), there.cpu())

    def _count(self, prediction: Tensor, target: Tensor) -> None:
        import torch

        classes = prediction.shape[1]
        valid = (target >= 0) & (target < classes)
        pairs = target[valid].long() * classes + prediction.argmax(1)[valid]
        counted = torch.bincount(pairs.flatten().cpu(), minlength=classes * classes).view(classes, classes)
        self.confusion = counted if self.confusion is None else self.confusion + counted

    def results(self) -> dict[str, float]:
        """Return the mean loss and each measure."""
        found = {"loss": self.loss / max(self.samples, 1)}
        for part in self.parts:
            name = told(part)
            match part.word:
                case "accuracy":
                    found[name] = self.sums[name] / max(self.positions, 1)
                case "error":
                    found[name] = 1 - self.sums[name] / max(self.positions, 1)
                case "perplexity":
                    found[name] = exp(min(self.first_loss / max(self.samples, 1), 700))
                case "mae":
                    found[name] = self.sums[name] / max(self.samples, 1)
                case "rmse":
                    found[name] = sqrt(self.sums[name] / max(self.samples, 1))
                case "map" if name in self.detections:
                    found[name] = self.detections[name].mean()
                case "iou" if self.confusion is not None:
                    found[name] = _mean_iou(self.confusion)
                case _:
                    pass
        return found


def _correct(scores: Tensor, target: Tensor, top: int) -> float:
    """Return how many of the targets are among the `top` highest scores along the axis of classes, 1."""
    if top == 1:
        return float((scores.argmax(1) == target).sum())
    return float((scores.topk(min(top, scores.shape[1]), 1).indices == target.unsqueeze(1)).sum())


def _mean_iou(confusion: Tensor) -> float:
    """Return the mean over the classes that occur of intersection over union (Everingham et al. 2010, section 4.3)."""
    both = confusion.diagonal().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    occurs = union > 0
    return float((both[occurs] / union[occurs]).mean())
