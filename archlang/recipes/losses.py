"""The losses: their words, arguments, and the values that each compares.

Their laws are those of torch's documentation: which shapes and dtypes fit one another. A test holds names, defaults and
verdicts against the installed torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archlang.recipes.arguments import (
    COUNT,
    FLAG,
    FRACTION,
    INTEGER,
    NOT_NEGATIVE,
    POSITIVE,
    Known,
    Number,
    Setting,
    Several,
    Word,
    known,
)

Arguments = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class Compared:
    """What a loss compares: a value of the net or a field of the data, for one image.

    `shape` has no axis of images. It is None where it is unknown before the data is read, and so are `dtype` and
    `classes`, the number of classes that an integer field counts. `ignored` is a value beside them that is no class.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str | None
    classes: int | None = None
    ignored: int | None = None

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "one number" if self.shape is not None else "unknown shape"
        return f"`{self.name}` ({shape}{f' {self.dtype}' if self.dtype else ''})"


Law = Callable[[Sequence[Compared], Arguments], "str | None"]  # returns what does not fit, None if all is well


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss: its class of torch.nn (or function of archlang), the values it takes in order, and their law.

    `target` is the position of the value that the data gives, None if the net gives all of them.
    """

    known: Known
    takes: tuple[str, ...]
    law: Law
    target: int | None = 1

    @property
    def of_classes(self) -> bool:
        """Whether the first value holds a score for each class, along the axis of channels."""
        return self.law in (_labels, _indices)

    @property
    def along_channels(self) -> bool:
        """Whether the first value must have its channels as axis 1 of a batch."""
        return self.of_classes or self.law is _cells

    @property
    def of_numbers(self) -> bool:
        """Whether a prediction is compared with a target of its shape."""
        return self.law is _alike and self.target is not None


def _labels(values: Sequence[Compared], arguments: Arguments) -> str | None:
    """Compare scores of C classes, C or C x positions, with class indices at each position, or with probabilities."""
    scores, target = values
    if scores.dtype is not None and not scores.dtype.startswith(("float", "bfloat")):
        return f"the scores {scores} must be floats"
    if scores.shape == ():
        return f"{scores} is one number, where one score for each class is needed"
    weights = arguments.get("weight")
    if scores.shape is not None and isinstance(weights, tuple) and len(weights) != scores.shape[0]:
        return f"{scores} has {scores.shape[0]} classes, and `weight` has {len(weights)} numbers"
    if target.ignored is not None and arguments.get("ignore_index", target.ignored) != target.ignored:
        return f"{target} is {target.ignored} where nothing is to be learned: write `ignore_index={target.ignored}`"
    return _labels_of(scores, target)


def _labels_of(scores: Compared, target: Compared) -> str | None:
    if target.dtype is not None and not target.dtype.startswith(("float", "bfloat")):
        if target.dtype not in ("int64", "uint8"):
            return f"classes are int64 or uint8, and {target} is {target.dtype}"
        if None not in (scores.shape, target.shape) and (scores.shape or ())[1:] != target.shape:
            return f"{scores} and {target} do not fit: the target has a class for each position of the scores"
        if scores.shape is not None and target.classes is not None and target.classes != scores.shape[0]:
            return f"{scores} has {scores.shape[0]} scores, and `{target.name}` has {target.classes} classes"
    elif target.dtype is not None and None not in (scores.shape, target.shape) and scores.shape != target.shape:
        return f"probabilities of classes have the shape of the scores: {scores} and {target} differ"
    return None


def _indices(values: Sequence[Compared], arguments: Arguments) -> str | None:
    """Compare scores of classes with class indices, which cannot be probabilities."""
    if (values[1].dtype or "").startswith(("float", "bfloat")):
        return f"{values[1]} must be class indices (int64)"
    return _labels(values, arguments)


def _alike(values: Sequence[Compared], arguments: Arguments) -> str | None:
    """Compare floats of one shape."""
    for value in values:
        if value.dtype is not None and not value.dtype.startswith(("float", "bfloat")):
            return f"{value} must be floats"
    shapes = {value.shape for value in values if value.shape is not None}
    if len(shapes) > 1:
        return f"{' and '.join(map(str, values))} must have one shape"
    return None


def _cells(values: Sequence[Compared], arguments: Arguments) -> str | None:
    """Compare a grid of boxes and scores of classes with rows of class, x, y, width and height."""
    cells, target = values
    count = arguments["boxes"]
    assert isinstance(count, int)
    if cells.dtype is not None and not cells.dtype.startswith(("float", "bfloat")):
        return f"{cells} must be floats"
    if target.shape is not None and (len(target.shape) != 2 or target.shape[1] != 5):
        return f"{target} must be rows of a class, x, y, width and height, as in the field `boxes`"
    if cells.shape is None:
        return None
    scores = cells.shape[0] - 5 * count
    if len(cells.shape) != 3 or scores < 1:
        return f"{cells} must be a grid of {count} boxes of 5 numbers and a score for each class"
    if target.classes is not None and scores != target.classes:
        told = f"has {scores} scores beside {count} boxes of 5 numbers"
        return f"{cells} {told}, and `{target.name}` has {target.classes} classes"
    return None


_REDUCTION = (Word(("mean", "sum")), "mean")
_WEIGHT = (Several(NOT_NEGATIVE), None)
_PAIR = ("prediction", "target")

LOSSES = {
    "bce": Loss(known("BCELoss", reduction=_REDUCTION), _PAIR, _alike),
    "bcewithlogits": Loss(
        known("BCEWithLogitsLoss", reduction=_REDUCTION, pos_weight=(Several(POSITIVE), None)), _PAIR, _alike
    ),
    "crossentropy": Loss(
        known(
            "CrossEntropyLoss",
            weight=_WEIGHT,
            ignore_index=(INTEGER, -100),
            reduction=_REDUCTION,
            label_smoothing=(FRACTION, 0.0),
        ),
        ("scores", "target"),
        _labels,
    ),
    "gaussiannll": Loss(
        known("GaussianNLLLoss", full=(FLAG, False), eps=(POSITIVE, 1e-06), reduction=_REDUCTION),
        ("mean", "target", "variance"),
        _alike,
    ),
    "huber": Loss(known("HuberLoss", reduction=_REDUCTION, delta=(POSITIVE, 1.0)), _PAIR, _alike),
    "kl": Loss(known("kl", reduction=(Word(("mean", "sum")), "sum")), ("mean", "logvar"), _alike, None),
    "kldiv": Loss(
        known("KLDivLoss", reduction=(Word(("mean", "sum", "batchmean")), "mean"), log_target=(FLAG, False)),
        ("logprobabilities", "target"),
        _alike,
    ),
    "l1": Loss(known("L1Loss", reduction=_REDUCTION), _PAIR, _alike),
    "magnitude": Loss(
        known("magnitude", p=(Number("[1, 2]", whole=True), 1), reduction=_REDUCTION), ("value",), _alike, None
    ),
    "mse": Loss(known("MSELoss", reduction=_REDUCTION), _PAIR, _alike),
    "multimargin": Loss(
        known(
            "MultiMarginLoss",
            p=(Number("[1, 2]", whole=True), 1),
            margin=(POSITIVE, 1.0),
            weight=_WEIGHT,
            reduction=_REDUCTION,
        ),
        ("scores", "target"),
        _indices,
    ),
    "nll": Loss(
        known("NLLLoss", weight=_WEIGHT, ignore_index=(INTEGER, -100), reduction=_REDUCTION),
        ("logprobabilities", "target"),
        _indices,
    ),
    "poissonnll": Loss(
        known(
            "PoissonNLLLoss",
            log_input=(FLAG, True),
            full=(FLAG, False),
            eps=(POSITIVE, 1e-08),
            reduction=_REDUCTION,
        ),
        _PAIR,
        _alike,
    ),
    "smoothl1": Loss(known("SmoothL1Loss", reduction=_REDUCTION, beta=(POSITIVE, 1.0)), _PAIR, _alike),
    "softmargin": Loss(known("SoftMarginLoss", reduction=_REDUCTION), _PAIR, _alike),
    "tripletmargin": Loss(
        known(
            "TripletMarginLoss",
            margin=(POSITIVE, 1.0),
            p=(Number("[1, inf)"), 2.0),
            eps=(POSITIVE, 1e-06),
            swap=(FLAG, False),
            reduction=_REDUCTION,
        ),
        ("anchor", "positive", "negative"),
        _alike,
        None,
    ),
    "yolov1": Loss(
        known(
            "yolo_v1",
            boxes=(COUNT, 2),
            coord=(POSITIVE, 5.0),
            noobj=(NOT_NEGATIVE, 0.5),
            reduction=_REDUCTION,
        ),
        ("cells", "boxes"),
        _cells,
    ),
}

OWN = Loss(known("own", reduction=_REDUCTION), (), lambda values, arguments: None, None)  # an operator or a block


def loss_of(word: str) -> Loss:
    """Return the loss of a word: one of torch's or archlang's, or what all those of the user's own have in common."""
    return LOSSES.get(word, OWN)


ELSEWHERE = {"hinge": "multimargin", "svm": "multimargin", "ce": "crossentropy", "softmax": "crossentropy",
             "sparsity": "magnitude", "activity": "magnitude", "l2": "mse",
             "mae": "l1", "sigmoid": "bcewithlogits"}  # fmt: skip
