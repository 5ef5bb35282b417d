"""Transforms that need torch alone: `normalize`, `pad`, `randomcrop`, flips. Their results are those of torchvision.

They also take the rows of a batch at once. What is random is drawn for each row by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from archlang.diagnostics import Rejected

if TYPE_CHECKING:
    from torch import Tensor

Size = tuple[int, int]  # height and width
Drawn = tuple[int, int]  # the top and the left of a crop; whether an image is flipped, and 0


class Native(Protocol):
    """A transform of images n x c x h x w."""

    def size(self, before: Size) -> Size:
        """Return the size of images behind it."""
        ...

    def room(self, before: Size) -> Size:
        """Return how far down and right a window may lie in images of this size; 0, 0 if nothing is random."""
        ...

    def draw(self, room: Size) -> Drawn:
        """Draw for an image from torch's own generator, as torchvision does."""
        ...

    def images(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Return the images behind it, each as it was drawn."""
        ...


class _Fixed:
    """A transform of which nothing is random, and which leaves the size as it was."""

    def size(self, before: Size) -> Size:
        """Return the size as it was."""
        return before

    def room(self, before: Size) -> Size:
        """Return none: nothing is random."""
        return 0, 0

    def draw(self, room: Size) -> Drawn:
        """Draw nothing."""
        return 0, 0


@dataclass(frozen=True, slots=True)
class Normalize(_Fixed):
    """Bytes become numbers from 0 to 1; of each channel the mean is subtracted, and it is divided by the deviation."""

    mean: Sequence[float]
    deviation: Sequence[float]

    def images(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Return images in float32."""
        import torch

        mean, deviation = (torch.tensor(list(one)).view(-1, 1, 1) for one in (self.mean, self.deviation))
        floats = images.float() if images.is_floating_point() else images.float().mul_(1 / _most(images))
        return floats.sub(mean).div_(deviation)


def _most(images: Tensor) -> int:
    import torch

    return 1 if images.dtype == torch.bool else torch.iinfo(images.dtype).max


@dataclass(frozen=True, slots=True)
class Pad(_Fixed):
    """A border of one value: `sides` are left, top, right, bottom."""

    sides: tuple[int, int, int, int]
    fill: float = 0

    def size(self, before: Size) -> Size:
        """Return the size with the border."""
        left, top, right, bottom = self.sides
        return before[0] + top + bottom, before[1] + left + right

    def images(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Return the images with the border."""
        from torch.nn.functional import pad

        left, top, right, bottom = self.sides
        return pad(images, [left, right, top, bottom], value=self.fill)


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """A window at a random place of an image, or of one with a border."""

    window: Size
    border: Pad

    def size(self, before: Size) -> Size:
        """Return the size of the window."""
        return self.window

    def room(self, before: Size) -> Size:
        """Return how far the window may lie from the corner. Raises `Rejected` if it is larger than the image."""
        outer = self.border.size(before)
        if outer[0] < self.window[0] or outer[1] < self.window[1]:
            told = "x".join(map(str, self.window)), "x".join(map(str, outer))
            raise Rejected("bad-data", f"`randomcrop` takes {told[0]} of an image of {told[1]}")
        return outer[0] - self.window[0], outer[1] - self.window[1]

    def draw(self, room: Size) -> Drawn:
        """Draw the corner of a window: a number for each axis that has room."""
        import torch

        down, right = room
        return int(torch.randint(down + 1, ())) if down else 0, int(torch.randint(right + 1, ())) if right else 0

    def images(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Return the window of each image."""
        import torch

        wide = self.border.images(images, drawn)
        windows = wide.unfold(2, self.window[0], 1).unfold(3, self.window[1], 1)  # n c top left h w, without a copy
        top, left = torch.tensor(drawn).unbind(1)
        return windows[torch.arange(len(images)), :, top, left]


@dataclass(frozen=True, slots=True)
class Flip(_Fixed):
    """An image turned around, with a probability, along an axis: -1 for left and right, -2 for up and down."""

    axis: int
    probability: float = 0.5

    def draw(self, room: Size) -> Drawn:
        """Draw whether an image is turned around."""
        import torch

        return int(torch.rand(1) < self.probability), 0

    def images(self, images: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Return the images, some of them turned around."""
        import torch

        turned = torch.tensor([one for one, _ in drawn], dtype=torch.bool)
        return torch.where(turned.view(-1, 1, 1, 1), images.flip(self.axis), images)


_FLIPS = {"randomhorizontalflip": -1, "randomverticalflip": -2}


def is_native(word: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether a transform of images, with these arguments, needs no torchvision."""
    if word not in ("pad", "randomcrop"):
        return word == "normalize" or word in _FLIPS
    is_one_value = isinstance(arguments.get("fill", 0), (int, float))
    return (
        is_one_value and arguments.get("padding_mode", "constant") == "constant" and not arguments.get("pad_if_needed")
    )


def native(word: str, arguments: Mapping[str, Any]) -> Native | None:
    """Return a transform that needs no torchvision; None if there is none for this word with these arguments."""
    if not is_native(word, arguments):
        return None
    if word == "normalize":
        return Normalize(arguments["mean"], arguments["std"])
    if word in _FLIPS:
        return Flip(_FLIPS[word], arguments.get("p", 0.5))
    border = Pad(_sides(arguments.get("padding") or 0), arguments.get("fill", 0))
    return border if word == "pad" else RandomCrop(_window(arguments["size"]), border)


def _sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom, of one number, of those of both axes, or of all four."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    left, top = padding[:2]
    right, bottom = padding[2:] or padding
    return left, top, right, bottom


def _window(size: int | Sequence[int]) -> Size:
    if isinstance(size, int):
        return size, size
    return size[0], size[-1]
