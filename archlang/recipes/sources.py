"""The kinds of data: their words, arguments, and the fields of each sample, as far as they are known without reading.

A field is a tensor: `image` of channels x height x width in uint8, `label` one number. Sizes that only the files tell
are unknown here, and are compared when the data is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from archlang.ir import Graph
from archlang.recipes.arguments import (
    COUNT,
    FLAG,
    FROM_ZERO,
    NAME,
    REQUIRED,
    Either,
    Kind,
    Known,
    Number,
    Setting,
    Several,
    Word,
    known,
)
from archlang.recipes.losses import Compared
from archlang.shapes import TensorType

Arguments = Mapping[str, Setting]
Fields = dict[str, Compared]

_HELD_OUT = (Number("(0, 1)"), 0.2)  # of all samples
_CLASSES = Number("[2, inf)", whole=True)
_MODE = (Word(("rgb", "gray")), "rgb")
_SPLIT = (Word(("even", "shuffled")), "even")
_SPLIT_OF_FILES = (Word(("even", "shuffled", "name")), "even")


@dataclass(frozen=True, slots=True)
class DataKind:
    """A kind of data. `path` says what `--data` names: nothing, or files, which may be optional, or a `callable`.

    `target` is the field that losses compare with where they name none.
    """

    known: Known
    fields: Callable[[Arguments, Graph], Fields]
    path: Literal["never", "optional", "needed", "callable"]
    target: Callable[[Arguments], str] = lambda arguments: "label"


def _images(shape: tuple[int, ...] | None, classes: int | None) -> Callable[[Arguments, Graph], Fields]:
    def fields(arguments: Arguments, graph: Graph) -> Fields:
        return {
            "image": Compared("image", shape, "uint8"),
            "label": Compared("label", (), "int64", classes),
        }

    return fields


def _masks(arguments: Arguments, graph: Graph) -> Fields:
    classes, ignored = arguments["classes"], arguments["ignore"]
    assert isinstance(classes, int)
    return {
        "image": Compared("image", None, "uint8"),
        "mask": Compared("mask", None, "int64", classes, ignored=ignored if isinstance(ignored, int) else None),
    }


def _boxes(arguments: Arguments, graph: Graph) -> Fields:
    most, classes = arguments["most"], arguments["classes"]
    assert isinstance(most, int) and isinstance(classes, int)
    return {"image": Compared("image", None, "uint8"), "boxes": Compared("boxes", (most, 5), "float32", classes)}


def _shapes(arguments: Arguments, graph: Graph) -> Fields:
    size, classes = arguments["size"], arguments["classes"]
    assert isinstance(size, int) and isinstance(classes, int)
    return {
        "image": Compared("image", (3, size, size), "uint8"),
        "mask": Compared("mask", (size, size), "int64", classes + 1),
        "boxes": _boxes(arguments, graph)["boxes"],
    }


def _text(arguments: Arguments, graph: Graph) -> Fields:
    length = arguments["length"]
    assert isinstance(length, int)
    return {"tokens": Compared("tokens", (length,), "int64"), "next": Compared("next", (length,), "int64")}


def _table(arguments: Arguments, graph: Graph) -> Fields:
    """Return the fields of a table: `features`, and `label` or, for numbers, `target`, one for each column."""
    columns = arguments["target"]
    if arguments["task"] == "classes":
        target = Compared("label", (), "int64")
    else:
        target = Compared("target", (len(columns) if isinstance(columns, tuple) else 1,), "float32")
    return {"features": Compared("features", None, "float32"), target.name: target}


def _target_of_table(arguments: Arguments) -> str:
    return "label" if arguments["task"] == "classes" else "target"


def _of_net(arguments: Arguments, graph: Graph) -> Fields:
    """Return fields in the shapes of a net: its inputs, a class for each position of its output, and `target`."""
    root = graph.root
    output = root.types[next(port.value for port in root.outputs if not port.training)]
    sides = _sides(output)
    at = output.axes.index("c") - 1 if "c" in output.axes else 0
    classes = sides[at] if sides else 1
    fields = {
        "label": Compared("label", (*sides[:at], *sides[at + 1 :]), "int64", classes),
        "target": Compared("target", sides, "float32"),
    }
    inputs = {port.name: root.types[port.value] for port in root.inputs}
    return {name: Compared(name, _sides(type), type.dtype) for name, type in inputs.items()} | fields


def _sides(type: TensorType) -> tuple[int, ...]:
    return tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")


def _unknown(arguments: Arguments, graph: Graph) -> Fields:
    return {}


_TABLE: dict[str, tuple[Kind, Setting]] = {
    "target": (Either((NAME, Several(NAME))), REQUIRED),
    "columns": (Several(NAME), None),
    "task": (Word(("classes", "numbers")), "classes"),
    "standardize": (FLAG, False),
    "held_out": _HELD_OUT,
    "split": _SPLIT,
}

DATA = {
    "cifar10": DataKind(known("cifar10"), _images((3, 32, 32), 10), "needed"),
    "cifar100": DataKind(known("cifar100"), _images((3, 32, 32), 100), "needed"),
    "csv": DataKind(known("csv", **_TABLE), _table, "needed", _target_of_table),
    "custom": DataKind(known("custom", held_out=_HELD_OUT, split=_SPLIT), _unknown, "callable"),
    "detection": DataKind(
        known(
            "detection",
            classes=(COUNT, REQUIRED),
            most=(COUNT, 32),
            images=(NAME, "images"),
            labels=(NAME, "labels"),
            held_out=_HELD_OUT,
            mode=_MODE,
            split=_SPLIT_OF_FILES,
        ),
        _boxes,
        "needed",
        lambda arguments: "boxes",
    ),
    "digits": DataKind(known("digits", held_out=_HELD_OUT), _images((1, 8, 8), 10), "never"),
    "fashionmnist": DataKind(known("fashionmnist"), _images((1, 28, 28), 10), "needed"),
    "huggingface": DataKind(
        known("huggingface", image=(NAME, None), label=(NAME, None), held_out=_HELD_OUT, mode=_MODE, split=_SPLIT),
        _unknown,
        "needed",
    ),
    "imagefolder": DataKind(
        known("imagefolder", held_out=_HELD_OUT, mode=_MODE, split=_SPLIT_OF_FILES), _images(None, None), "needed"
    ),
    "mnist": DataKind(known("mnist", held_out=_HELD_OUT), _images((1, 28, 28), 10), "optional"),
    "npy": DataKind(known("npy", held_out=_HELD_OUT, split=_SPLIT), _unknown, "needed"),
    "npz": DataKind(known("npz", held_out=_HELD_OUT, split=_SPLIT), _unknown, "needed"),
    "parquet": DataKind(known("parquet", **_TABLE), _table, "needed", _target_of_table),
    "segmentation": DataKind(
        known(
            "segmentation",
            classes=(_CLASSES, REQUIRED),
            ignore=(Number("[0, 255]", whole=True), None),
            images=(NAME, "images"),
            masks=(NAME, "masks"),
            held_out=_HELD_OUT,
            mode=_MODE,
            split=_SPLIT_OF_FILES,
        ),
        _masks,
        "needed",
        lambda arguments: "mask",
    ),
    "shapes": DataKind(
        known(
            "shapes",
            size=(Number("[16, inf)", whole=True), 32),
            samples=(_CLASSES, 1000),
            classes=(Number("[1, 3]", whole=True), 3),
            most=(COUNT, 2),
            seed=(FROM_ZERO, 0),
            held_out=_HELD_OUT,
        ),
        _shapes,
        "never",
        lambda arguments: "mask",
    ),
    "synthetic": DataKind(
        known("synthetic", samples=(Number("[2, inf)", whole=True), 1024), below=(COUNT, 2), seed=(FROM_ZERO, 0)),
        _of_net,
        "never",
    ),
    "text": DataKind(
        known(
            "text",
            length=(COUNT, REQUIRED),
            by=(Word(("characters", "bytes")), "characters"),
            held_out=_HELD_OUT,
        ),
        _text,
        "needed",
        lambda arguments: "next",
    ),
    "webdataset": DataKind(
        known("webdataset", held_out=_HELD_OUT, mode=_MODE, split=_SPLIT_OF_FILES), _unknown, "needed"
    ),
}
