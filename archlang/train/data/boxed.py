"""Detection: a folder of images, and one of text files with a line for each object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.train.data.folders import check_images, image, representatives, shown
from archlang.train.data.pairs import paired_halves
from archlang.train.data.samples import Data, Sample

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Boxed:
    """Files of images, each with the boxes of its objects: most x 5."""

    files: Sequence[Path]
    boxes: Sequence[Tensor]
    mode: str
    representatives: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        return {"image": image(self.files[index], self.mode), "boxes": self.boxes[index]}

    def name(self, index: int) -> str:
        """Return the name of the file of a sample, for messages."""
        return shown(self.files[index])


def detection(part: Part, path: Path) -> Data:
    """Return the images of a folder with the objects in the text file of the same name.

    A line is `class x y width height`, in parts of the image, as Darknet has it. An image without objects has an empty
    file.
    """
    halves, told = paired_halves(part, path, "labels", frozenset({".txt"}))
    classes, most, mode = int(part.number("classes")), int(part.number("most")), str(part.arguments["mode"])
    parts: list[Boxed] = []
    for half in halves:
        pictures = [picture for picture, _ in half]
        sizes, _ = check_images(pictures)
        boxes = [boxes_of(file, classes, most) for _, file in half]
        parts.append(Boxed(pictures, boxes, mode, representatives(sizes)))
    present = {int(row[0]) for boxes in parts[0].boxes for row in boxes}
    if missing := [number for number in range(classes) if number not in present]:
        raise Rejected("bad-data", f"no image to train on has an object of the class {missing[0]}")
    return Data(parts[0], parts[1], tuple(map(str, range(classes))), told)


def boxes_of(path: Path, classes: int, most: int) -> Tensor:
    """Return the boxes of a file, most x 5, with the class -1 in rows that are left."""
    import torch

    found = torch.zeros(most, 5)
    found[:, 0] = -1
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(lines) > most:
        raise Rejected("bad-data", f"{shown(path)} has {len(lines)} objects, and `most` is {most}")
    for number, line in enumerate(lines):
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            values = []
        where = f"line {number + 1} of {shown(path)}"
        if len(values) != 5:
            raise Rejected("bad-data", f"{where} is not `class x y width height`: {line.strip()[:60]}")
        if values[0] not in range(classes):
            raise Rejected("bad-data", f"{where} has the class {values[0]:g}; the classes are 0 to {classes - 1}")
        if not all(0 <= value <= 1 for value in values[1:]) or not min(values[3:]) > 0:
            raise Rejected("bad-data", f"{where}: x, y, width and height are parts of the image, from 0 to 1")
        found[number] = torch.tensor(values)
    return found
