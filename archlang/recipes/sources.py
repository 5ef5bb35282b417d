"""The kinds of data: their words, arguments, and the fields of each sample, as far as they are known without reading.

A field is a tensor: `image` of channels x height x width in uint8, `label` one number. Sizes that only the files tell
are unknown here, and are compared when the data is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from archlang.recipes.arguments import COUNT, REQUIRED, Known, Number, Setting, Word, known
from archlang.recipes.losses import Compared

Arguments = Mapping[str, Setting]
Fields = dict[str, Compared]

_HELD_OUT = (Number("(0, 1)"), 0.2)  # of all samples


@dataclass(frozen=True, slots=True)
class DataKind:
    """A kind of data. `path` says whether its files are named by `--data`: `never`, `optional` or `needed`.

    `target` is the field that losses compare with where they name none.
    """

    known: Known
    fields: Callable[[Arguments], Fields]
    path: str
    target: str = "label"


def _images(shape: tuple[int, ...] | None, classes: int | None) -> Callable[[Arguments], Fields]:
    def fields(arguments: Arguments) -> Fields:
        return {
            "image": Compared("image", shape, "uint8"),
            "label": Compared("label", (), "int64", classes),
        }

    return fields


def _text(arguments: Arguments) -> Fields:
    length = arguments["length"]
    assert isinstance(length, int)
    return {"tokens": Compared("tokens", (length,), "int64"), "next": Compared("next", (length,), "int64")}


def _arrays(arguments: Arguments) -> Fields:
    return {}


DATA = {
    "cifar10": DataKind(known("cifar10"), _images((3, 32, 32), 10), "needed"),
    "cifar100": DataKind(known("cifar100"), _images((3, 32, 32), 100), "needed"),
    "digits": DataKind(known("digits", held_out=_HELD_OUT), _images((1, 8, 8), 10), "never"),
    "fashionmnist": DataKind(known("fashionmnist"), _images((1, 28, 28), 10), "needed"),
    "imagefolder": DataKind(
        known("imagefolder", held_out=_HELD_OUT, mode=(Word(("rgb", "gray")), "rgb")), _images(None, None), "needed"
    ),
    "mnist": DataKind(known("mnist", held_out=_HELD_OUT), _images((1, 28, 28), 10), "optional"),
    "npz": DataKind(known("npz", held_out=_HELD_OUT), _arrays, "needed", target="label"),
    "text": DataKind(
        known(
            "text",
            length=(COUNT, REQUIRED),
            by=(Word(("characters", "bytes")), "characters"),
            held_out=_HELD_OUT,
        ),
        _text,
        "needed",
        target="next",
    ),
}
