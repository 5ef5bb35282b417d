"""Boxes of objects: YOLO's loss against loops, transforms that move boxes, files of boxes, generated shapes."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from archlang.train.data import open_data
from archlang.train.own_losses import yolo_v1
from archlang.train.transforming import applied, transformed
from archlang.train.vision import transforms_v2
from tests.train.recipes import recipe_of, told
from tests.train.test_data import part, refused, sizes


def by_hand(cells: Tensor, target: Tensor, boxes: int, coord: float, noobj: float) -> float:
    """Return YOLO's loss, summed over the images, as its paper writes it: cell by cell and box by box."""
    total = 0.0
    for image, objects in zip(cells.tolist(), target.tolist(), strict=True):
        rows, columns = len(image[0]), len(image[0][0])
        chosen: dict[tuple[int, int], list[float]] = {}
        for one in objects:
            if one[0] >= 0:
                chosen.setdefault((int(one[2] * rows), int(one[1] * columns)), one)
        for row in range(rows):
            for column in range(columns):
                cell = [channel[row][column] for channel in image]
                predicted = [cell[5 * at : 5 * at + 5] for at in range(boxes)]
                if (row, column) not in chosen:
                    total += noobj * sum(box[4] ** 2 for box in predicted)
                    continue
                kind, x, y, width, height = chosen[row, column]
                ious = [
                    overlap(
                        ((column + box[0]) / columns, (row + box[1]) / rows, box[2] ** 2, box[3] ** 2),
                        (x, y, width, height),
                    )
                    for box in predicted
                ]
                best = ious.index(max(ious))
                box = predicted[best]
                total += coord * ((box[0] - (x * columns - column)) ** 2 + (box[1] - (y * rows - row)) ** 2)
                total += coord * ((box[2] - sqrt(width)) ** 2 + (box[3] - sqrt(height)) ** 2)
                total += (box[4] - ious[best]) ** 2
                total += noobj * sum(other[4] ** 2 for at, other in enumerate(predicted) if at != best)
                total += sum((score - (at == kind)) ** 2 for at, score in enumerate(cell[5 * boxes :]))
    return total


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return intersection over union of two boxes of x, y, width and height."""
    sides = [
        max(0, min(a + c / 2, b + d / 2) - max(a - c / 2, b - d / 2))
        for a, c, b, d in ((one[0], one[2], other[0], other[2]), (one[1], one[3], other[1], other[3]))
    ]
    both = sides[0] * sides[1]
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def test_yolos_loss_is_that_of_its_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    cells = torch.rand(3, 2 * 5 + 4, 3, 4, generator=generator)
    target = torch.zeros(3, 5, 5)
    target[..., 0] = -1
    target[0, :3] = torch.tensor([[2, 0.3, 0.4, 0.5, 0.6], [0, 0.9, 0.9, 0.1, 0.2], [1, 0.31, 0.41, 0.2, 0.2]])
    target[1, 2] = torch.tensor([3, 1.0, 1.0, 0.3, 0.3])  # its middle is on the border of the image
    target[1, 2, 1:3] = 0.999
    for count, coord, noobj in ((2, 5.0, 0.5), (1, 1.0, 2.0)):
        found = yolo_v1(cells, target, count, coord, noobj, "sum")
        expected = by_hand(cells, target, count, coord, noobj) if count == 2 else None
        if expected is None:
            wider = torch.cat([cells[:, :5], cells[:, 10:]], 1)
            found, expected = yolo_v1(wider, target, 1, coord, noobj, "sum"), by_hand(wider, target, 1, coord, noobj)
        torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-5)
    assert torch.equal(yolo_v1(cells, target), yolo_v1(cells, target, reduction="sum") / 3)
    cells.requires_grad_()
    yolo_v1(cells, target).backward()
    assert cells.grad is not None and bool(cells.grad.isfinite().all())


DETECT = """
net detect(boxes=2, classes=3) {
  input image: 3x32x32
  conv 8x8/8 16 -> relu -> conv 1x1 (5*boxes + classes)
  output
}
train run = detect {
  data shapes samples=50
  loss yolov1 it boxes
  optimizer sgd lr=0.1
  batch 10; steps 1
}
"""


def test_a_grid_must_have_room_for_boxes_and_classes() -> None:
    recipe_of(DETECT)
    _, wrong = told(DETECT.replace("loss yolov1 it boxes", "loss yolov1 it boxes boxes=1"))
    assert "has 8 scores beside 1 boxes of 5 numbers, and `boxes` has 3 classes" in wrong[0].message
    _, wrong = told(DETECT.replace("it boxes", "it mask"))
    assert "must be rows of a class, x, y, width and height" in wrong[0].message


def test_generated_shapes_agree_with_their_masks_and_boxes() -> None:
    made = recipe_of(DETECT)
    data = open_data(made.recipe.data, None)
    assert sizes(data) == (40, 10) and data.classes == ("background", "circle", "square", "triangle")
    again = open_data(made.recipe.data, None)
    for at in range(40):
        sample = data.training[at]
        assert all(torch.equal(sample[name], again.training[at][name]) for name in sample)
        assert sample["image"][:, sample["mask"] == 0].max() < 100 < sample["image"][:, sample["mask"] > 0].min() + 1
        kinds = {int(row[0]) + 1 for row in sample["boxes"] if row[0] >= 0}
        assert kinds == {*sample["mask"].unique().tolist()} - {0}
        for kind, x, y, width, height in (row.tolist() for row in sample["boxes"] if row[0] >= 0):
            rows, columns = (sample["mask"] == kind + 1).nonzero().float().add(0.5).div(32).unbind(1)
            inside = ((rows - y).abs() < height / 2) & ((columns - x).abs() < width / 2)
            assert columns[inside].max() - columns[inside].min() > width - 3 / 32
            assert rows[inside].max() - rows[inside].min() > height - 3 / 32
    other = open_data(part("shapes samples=50 seed=1"), None)
    assert not torch.equal(other.training[0]["image"], data.training[0]["image"])


def test_transforms_move_boxes_with_their_image() -> None:
    v2 = transforms_v2()
    image = torch.zeros(3, 10, 20, dtype=torch.uint8)
    boxes = torch.tensor([[1, 0.25, 0.3, 0.1, 0.2], [-1, 0, 0, 0, 0], [0, 0.9, 0.9, 0.1, 0.1]])
    flipped = applied({"image": image, "boxes": boxes}, [v2.RandomHorizontalFlip(1.0)])["boxes"]
    torch.testing.assert_close(flipped[0], torch.tensor([1, 0.75, 0.3, 0.1, 0.2]))
    assert flipped[:, 0].tolist() == [1, -1, 0]
    cut = applied({"image": image, "boxes": boxes}, [v2.CenterCrop((10, 10))])["boxes"]
    # the crop begins at the sixth column: the first box, from 4 to 6, keeps a half; the last one is outside
    torch.testing.assert_close(cut[0], torch.tensor([1, 0.05, 0.3, 0.1, 0.2]))
    assert cut[:, 0].tolist() == [1, -1, -1]
    larger = applied({"image": image, "boxes": boxes}, [v2.Resize((20, 40))])["boxes"]
    torch.testing.assert_close(larger, boxes)


def test_what_is_done_once_to_all_images_moves_all_boxes() -> None:
    made = recipe_of(
        DETECT.replace("loss", "view centercrop 32 -> normalize\n  augment randomhorizontalflip\n  loss", 1)
    )
    data = open_data(made.recipe.data, None)
    training, held_out = transformed(made.recipe, data)
    for at in range(10):
        torch.testing.assert_close(held_out[0, at]["boxes"], data.held_out[at]["boxes"])
    assert any(not torch.equal(training[0, at]["boxes"], data.training[at]["boxes"]) for at in range(40))


def test_boxes_in_files(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number in range(10):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"{number}.png")
        lines = f"{number % 2} 0.5 0.5 0.25 0.5\n" if number else ""
        (tmp_path / "labels" / f"{number}.txt").write_text(lines)
    line = "detection classes=2 most=3"
    data = open_data(part(line, "yolov1 it boxes boxes=1"), tmp_path)
    assert sizes(data) == (8, 2)
    assert data.training[1]["boxes"].tolist() == [[1, 0.5, 0.5, 0.25, 0.5], [-1, 0, 0, 0, 0], [-1, 0, 0, 0, 0]]
    assert data.training[0]["boxes"][:, 0].tolist() == [-1, -1, -1]
    assert refused("detection classes=3", tmp_path) == "no image to train on has an object of the class 2"
    for text, message in {
        "2 0.5 0.5 0.1 0.1": "line 1 of labels/3.txt has the class 2; the classes are 0 to 1",
        "1 0.5 0.5 0.1": "line 1 of labels/3.txt is not `class x y width height`: 1 0.5 0.5 0.1",
        "1 50 50 10 10": "line 1 of labels/3.txt: x, y, width and height are parts of the image, from 0 to 1",
        "0 0.5 0.5 0.1 0.1\n" * 4: "labels/3.txt has 4 objects, and `most` is 3",
    }.items():
        (tmp_path / "labels" / "3.txt").write_text(text)
        assert refused(line, tmp_path) == message
    (tmp_path / "labels" / "3.txt").unlink()
    assert refused(line, tmp_path).endswith("the image `3` has no label, one of 1 without")
