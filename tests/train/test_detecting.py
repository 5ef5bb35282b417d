"""Average precision of boxes, against cases by hand, and overlaps against the points of a grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from archlang.train.batches import held_out_batches
from archlang.train.data import open_data
from archlang.train.detecting import Detections, average_precision, boxes_of_cells, overlaps
from archlang.train.measuring import Measuring, measured
from archlang.train.own_losses import yolo_v1_cells
from archlang.train.running import Where, run
from archlang.train.transforming import Transformed
from tests.train.recipes import recipe_of, told

YOLO = """
net small { input image: 3x32x32; conv 8x8/8 16 -> relu -> cells: conv 1x1 13; output }
train r = small {
  data shapes samples=40
  loss yolov1 it boxes
  optimizer adam
  batch 8; epochs 1
  LINE
}
"""


def test_precision_over_recall_by_hand() -> None:
    assert average_precision([(0.9, True), (0.8, True)], 2) == 1
    assert average_precision([], 3) == 0
    # precisions 1, 1/2, 2/3 at recalls 1/2, 1/2, 1
    assert average_precision([(0.7, True), (0.9, True), (0.8, False)], 2) == pytest.approx((1 + 2 / 3) / 2)
    # precisions 0, 1/2, 2/3, 1/2, 3/5: from each recall on the best is 2/3, 2/3, 3/5
    found = [(0.9, False), (0.8, True), (0.7, True), (0.6, False), (0.5, True)]
    assert average_precision(found, 4) == pytest.approx((2 / 3 + 2 / 3 + 3 / 5) / 4)


def test_overlaps_count_the_points_of_a_grid() -> None:
    boxes = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.6, 0.5, 0.4, 0.2], [0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2]])
    at = (torch.arange(1000) + 0.5) / 1000
    y, x = torch.meshgrid(at, at, indexing="ij")
    inside = [((x - a).abs() < w / 2) & ((y - b).abs() < h / 2) for a, b, w, h in boxes.tolist()]
    wanted = [[float((i & j).sum() / (i | j).sum()) for j in inside] for i in inside]
    torch.testing.assert_close(overlaps(boxes, boxes), torch.tensor(wanted), atol=5e-3, rtol=0)


def target(*boxes: tuple[float, float, float, float, float]) -> Tensor:
    return torch.tensor([*boxes, (-1.0, 0.0, 0.0, 0.0, 0.0)])


def test_a_box_is_right_once_and_for_its_class_alone() -> None:
    found = Detections()
    there = target((0, 0.3, 0.3, 0.2, 0.2), (1, 0.7, 0.7, 0.2, 0.2))
    boxes = torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.37, 0.3, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2], [0.1, 0.9, 0.1, 0.1]])
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.1], [0.6, 0.5], [0.0, -1.0]])
    found.add(boxes, scores, there)
    # the second overlaps the first by 0.48 and its object too: the object is taken; the third is of the other class
    assert [(round(score, 3), is_right) for score, is_right in found.found[0]] == [
        (0.9, True),
        (0.8, False),
        (0.6, False),
    ]
    assert found.there == {0: 1, 1: 1}
    assert found.mean() == 0.5  # the class 1 was never found


def test_boxes_that_overlap_a_better_one_of_their_class_are_left_out() -> None:
    found = Detections()
    boxes = torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.31, 0.3, 0.2, 0.2], [0.31, 0.3, 0.2, 0.2]])
    found.add(boxes, torch.tensor([[0.5, 0.0], [0.9, 0.0], [0.0, 0.7]]), target((0, 0.3, 0.3, 0.2, 0.2)))
    rounded = {kind: [(round(score, 3), is_right) for score, is_right in one] for kind, one in found.found.items()}
    assert rounded == {0: [(0.9, True)], 1: [(0.7, False)]}


@pytest.mark.parametrize("overlap, right", [(0.6, True), (0.8, False)])
def test_how_much_a_box_must_overlap(overlap: float, right: bool) -> None:
    found = Detections(overlap)
    found.add(torch.tensor([[0.5, 0.5, 0.3, 0.4]]), torch.tensor([[1.0]]), target((0, 0.5, 0.5, 0.4, 0.4)))
    assert found.found[0] == [(1.0, right)]  # 0.75


def test_cells_that_say_what_is_there_are_perfect_and_others_are_not() -> None:
    made = recipe_of(YOLO.replace("LINE", "metric map; metric map iou=0.75"))
    data = open_data(made.recipe.data, None)
    perfect = Measuring(measured(made.recipe), made.recipe.losses[0].part)
    shifted = Measuring(measured(made.recipe), made.recipe.losses[0].part)
    for batch in held_out_batches(Transformed(data.held_out, (), 0), 8, 0):
        # of two objects in a cell a grid says one, so that the others are left out of what is there
        boxes = batch["boxes"].clone()
        has, places, names = yolo_v1_cells(boxes, torch.zeros(len(boxes), 3, 16, 16))
        one = torch.cat([places, has.unsqueeze(1).float()], 1)
        cells = torch.cat([one, torch.zeros_like(one), names], 1)
        perfect.add([cells, boxes], 0.0, 0.0, len(boxes))
        cells[:, 2:4] *= 0.8**0.5  # 0.64 of each area
        shifted.add([cells, boxes], 0.0, 0.0, len(boxes))
    assert perfect.results() == {"loss": 0.0, "map": 1.0, "map iou=0.75": 1.0}
    assert shifted.results() == {"loss": 0.0, "map": 1.0, "map iou=0.75": 0.0}


def test_places_of_cells() -> None:
    cells = torch.zeros(1, 5 + 2, 2, 4)
    cells[0, :, 1, 3] = torch.tensor([0.5, 0.25, 0.6, 0.4, 0.9, 0.1, 0.8])
    boxes, scores = boxes_of_cells(cells, 1)
    assert boxes.shape == (1, 8, 4) and scores.shape == (1, 8, 2)
    torch.testing.assert_close(boxes[0, 7], torch.tensor([3.5 / 4, 1.25 / 2, 0.36, 0.16]))
    torch.testing.assert_close(scores[0, 7], torch.tensor([0.09, 0.72]))


def test_a_run_measures_it(tmp_path: Path) -> None:
    made = recipe_of(YOLO.replace("LINE", "metric map; expect map >= 0"))
    outcome = run(made.recipe, made.graph, Where(tmp_path), {})
    assert 0 <= outcome.last["held-out map"] <= 1


def test_it_is_for_grids_of_boxes() -> None:
    text = YOLO.replace("LINE", "metric map").replace("loss yolov1 it boxes", "loss mse it it")
    assert any(
        "measures boxes, and the first loss of the recipe is not `yolov1`" in one.message for one in told(text)[1]
    )
