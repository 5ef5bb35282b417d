"""The measures of a net while it trains: their words and arguments, and what each needs of the loss's values."""

from __future__ import annotations

from archlang.recipes.arguments import COUNT, Number, known

_TOP = (COUNT, 1)

MEASURES = {
    "accuracy": known("accuracy", top=_TOP),
    "error": known("error", top=_TOP),
    "loss": known("loss"),
    "perplexity": known("perplexity"),
    "iou": known("iou"),
    "map": known("map", iou=(Number("(0, 1)"), 0.5)),
    "mae": known("mae"),
    "rmse": known("rmse"),
}
OF_CLASSES = frozenset({"accuracy", "error", "perplexity", "iou"})  # these need scores of classes
OF_NUMBERS = frozenset({"mae", "rmse"})  # these need numbers, and a target of their shape
OF_BOXES = frozenset({"map"})  # these need the boxes of a grid of cells
SMALLER_IS_BETTER = frozenset({"error", "loss", "perplexity", "mae", "rmse"})
