"""Masks, tables, .npy files, datasets of the user's own and synthetic samples; and what is said of wrong ones."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archlang.diagnostics import Rejected
from archlang.recipes import Evaluated
from archlang.train.data import Data, open_data
from archlang.train.running import Outcome, Where, run
from tests.train.recipes import NET, lines_of, recipe_of, told
from tests.train.test_data import part, refused, sizes

SEGMENT = """
net segment {
  input image: 3x8x8
  conv 3x3 3 pad=1
  output
}
train run = segment {
  data segmentation classes=3 ignore=255
  loss crossentropy ignore_index=255
  optimizer sgd lr=0.1
  batch 2; steps 2
  metric iou
}
"""
TABLE = """
net scores {
  input features: [3]
  linear 2
  output
}
train run = scores {
  data csv target=kind
  loss crossentropy
  optimizer sgd lr=0.1
  batch 2; epochs 1
}
"""


def ran(made: Evaluated, folder: Path, data: Path | None = None) -> Outcome:
    """Run a recipe to its end."""
    return run(made.recipe, made.graph, Where(folder / "run", data), {})


def unfit(made: Evaluated, folder: Path, data: Path | None) -> str:
    """Return why data does not fit, before the first step."""
    with pytest.raises(Rejected) as caught:
        ran(made, folder, data)
    assert caught.value.code == "data-does-not-fit" and not (folder / "run").exists()
    return caught.value.message


def pictures(folder: Path, count: int, value: int = 2, size: tuple[int, int] = (8, 8)) -> Path:
    """Write images and their masks, whose upper half is `value`, and whose corner is 255."""
    for word in ("images", "masks"):
        (folder / word).mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", size, (number, 9, 200)).save(folder / "images" / f"{number:02}.png")
        mask = numpy.zeros((size[1], size[0]), numpy.uint8)
        mask[:4] = value
        mask[0, 0] = 255
        Image.fromarray(mask).save(folder / "masks" / f"{number:02}.png")
    return folder


def test_masks_belong_to_images_of_their_name(tmp_path: Path) -> None:
    data = open_data(part("segmentation classes=3 ignore=255", "crossentropy it mask"), pictures(tmp_path / "a", 10))
    assert sizes(data) == (8, 2) and "8 samples to train on" in data.told
    sample = data.training[1]
    assert (tuple(sample["image"].shape), sample["image"].dtype) == ((3, 8, 8), torch.uint8)
    assert (tuple(sample["mask"].shape), sample["mask"].dtype) == ((8, 8), torch.int64)
    assert sample["image"][0, 0, 0] == 1 and sample["mask"][0, :2].tolist() == [255, 2] and sample["mask"][5, 5] == 0
    outcome = ran(recipe_of(SEGMENT), tmp_path, tmp_path / "a")
    assert 0 <= outcome.last["held-out iou"] <= 1
    pictures(tmp_path / "b" / "train", 3)
    pictures(tmp_path / "b" / "val", 2)
    assert sizes(open_data(part("segmentation classes=3 ignore=255"), tmp_path / "b")) == (3, 2)


def test_wrong_masks(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", 4)
    line = "segmentation classes=3 ignore=255"
    with pytest.raises(Rejected) as caught:
        open_data(part("segmentation classes=3"), folder)
    assert caught.value.message == "masks/00.png holds 255 in row 0, column 0; its classes are 0 to 2"
    assert caught.value.help == "`ignore=255` in the line `data` leaves these pixels out"
    assert "holds 2 in row 0, column 1" in refused("segmentation classes=2 ignore=255", folder)
    Image.new("RGB", (8, 8)).save(folder / "masks" / "01.png")
    assert refused(line, folder).startswith("masks/01.png is a picture in the mode RGB")
    Image.new("L", (8, 9)).save(folder / "masks" / "01.png")
    assert refused(line, folder) == "images/01.png is 8x8, and its mask 01.png is 8x9"
    (folder / "masks" / "01.png").unlink()
    assert refused(line, folder) == "a: the image `01` has no mask, one of 1 without"
    (folder / "images" / "01.png").unlink()
    (folder / "images" / "02.png").write_bytes((folder / "images" / "02.png").read_bytes()[:45])
    assert refused(line, folder).startswith("images/02.png is no image that can be read")


def test_what_a_mask_ignores_the_loss_must_ignore() -> None:
    _, wrong = told(SEGMENT.replace("crossentropy ignore_index=255", "crossentropy"))
    (only,) = wrong
    assert only.message.endswith("where nothing is to be learned: write `ignore_index=255`")
    _, wrong = told(SEGMENT.replace("classes=3", "classes=4"))
    assert "has 3 scores, and `mask` has 4 classes" in wrong[0].message


def test_pixels_that_a_crop_adds_are_ignored(tmp_path: Path) -> None:
    from archlang.train.transforming import transformed

    text = SEGMENT.replace("loss", "augment randomcrop 16 padding=8\n  loss", 1)
    made = recipe_of(text)
    data = open_data(made.recipe.data, pictures(tmp_path, 5))
    training, _ = transformed(made.recipe, data)
    mask = torch.stack([training[0, at]["mask"] for at in range(4)])
    image = torch.stack([training[0, at]["image"] for at in range(4)])
    outside = image[:, 2] == 0  # the blue of every image is 200
    assert outside.any() and bool((mask[outside] == 255).all())


def test_images_of_another_size_are_named(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "a" / name).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (8, 8 + (number == 2)), number).save(tmp_path / "a" / name / f"{number}.png")
    text = lines_of(data="data imagefolder mode=gray", batch="batch 2").replace("linear 10", "linear 2")
    made = recipe_of(text)
    message = unfit(made, tmp_path, tmp_path / "a")
    assert message.startswith("cat/2.png: the field `image` is 1x9x8 behind the transforms")


@pytest.mark.parametrize("word", ["csv", "parquet"])
def test_tables(tmp_path: Path, word: str) -> None:
    from pyarrow import csv, parquet

    path = tmp_path / "a.csv"
    lines = [f"{at / 2},{'red' if at % 2 else 'blue'},{'yes' if at % 3 else 'no'}" for at in range(20)]
    path.write_text("size,colour,kind\n" + "\n".join(lines) + "\n")
    if word == "parquet":
        parquet.write_table(csv.read_csv(path), tmp_path / "a.parquet")
        path = tmp_path / "a.parquet"
    data = open_data(part(f"{word} target=kind held_out=0.5"), path)
    assert sizes(data) == (10, 10) and data.classes == ("no", "yes")
    # the number, then one feature for each of the words in order
    assert data.training[1]["features"].tolist() == [1.0, 1.0, 0.0] and int(data.training[1]["label"]) == 1
    made = recipe_of(TABLE.replace("csv", word))
    assert ran(made, tmp_path, path).last["held-out loss"] > 0
    numbers = open_data(part(f'{word} target="size" columns=[colour] task=numbers', "mse"), path)
    assert numbers.training[1]["target"].tolist() == [0.5] and len(numbers.training[1]["features"]) == 2
    scaled = open_data(part(f"{word} target=kind standardize=true"), path)
    features = torch.stack([scaled.training[at]["features"] for at in range(16)]).double()
    assert features.mean(0).abs().max() < 1e-6 and features.std(0, correction=0).sub(1).abs().max() < 1e-6


def test_wrong_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("size,kind\n1,a\n2,b\n,a\n3,b\n")
    assert refused("csv target=kid", path) == "a.csv: there is no column `kid`"
    assert refused("csv target=kind", path) == "a.csv: the column `size` is empty in row 3, and in 1 in all"
    path.write_text("size,kind\n1,a\n2,a\n")
    assert refused("csv target=kind", path) == "a.csv: the column `kind` has the one class a; two are needed"
    path.write_text("size,kind\n1,a\n2,b\n3,b\n")
    assert refused("csv target=kind task=numbers", path) == (
        "a.csv: the column `kind` holds string, where numbers are needed"
    )
    assert refused("csv target=kind columns=[kind]", path) == "a.csv: the column `kind` is a feature and the target"
    path.write_text("size,kind\n1.5,a\n2,b\n")
    assert "numbers with fractions" in refused("csv target=size", path)
    path.write_text("size,kind\n1,a,3\n2,b\n")
    assert refused("csv target=kind", path).startswith("a.csv: it cannot be read: ")
    assert unfit_table(tmp_path).startswith("the field `features` is 1 behind the transforms, and the input `features`")


def unfit_table(folder: Path) -> str:
    """Return what is said of a table with one feature, for a net that takes three."""
    path = folder / "narrow.csv"
    path.write_text("size,kind\n" + "1,a\n2,b\n" * 5)
    return unfit(recipe_of(TABLE), folder, path)


def test_numbers_are_no_classes() -> None:
    _, wrong = told(TABLE.replace("target=kind", "target=kind task=numbers"))
    assert "probabilities of classes have the shape of the scores" in wrong[0].message
    _, wrong = told(TABLE.replace("crossentropy", "mse"))
    assert wrong[0].message == "`mse`: `label` (one number int64) must be floats"
    recipe_of(TABLE.replace("target=kind", "target=[a, b] task=numbers").replace("crossentropy", "mse"))


def test_npy_files(tmp_path: Path) -> None:
    numpy.save(tmp_path / "image.npy", numpy.arange(10 * 64, dtype=numpy.uint8).reshape(10, 1, 8, 8))
    numpy.save(tmp_path / "label.npy", numpy.arange(10))
    data = open_data(part("npy split=shuffled"), tmp_path)
    assert sizes(data) == (8, 2) and data.told.endswith("in an order that is the same for each run")
    kept = [int(data.training[at]["label"]) for at in range(8)]
    assert kept == sorted(kept) and kept != [at for at in range(10) if at % 5 != 4]
    assert torch.equal(data.training[7]["image"].flatten(), (torch.arange(64) + 64 * kept[7]).to(torch.uint8))
    assert data.extremes("label") == (0, 9)
    made = recipe_of(lines_of(data="data npy", batch="batch 2").replace("linear 10", "linear 9"))
    assert unfit(made, tmp_path, tmp_path) == "`label` has the class 9, and `it` (9 float32) has scores for 0 to 8"
    numpy.save(tmp_path / "label.npy", numpy.arange(9))
    assert "different numbers of rows" in refused("npy", tmp_path)
    numpy.save(tmp_path / "label.npy", numpy.array([*range(9), numpy.nan]))
    assert refused("npy", tmp_path).endswith("row 9 of `label` holds a value that is no finite number")
    (tmp_path / "label.npy").write_bytes(b"none")
    assert refused("npy", tmp_path).startswith("label.npy: it cannot be read")


def test_tokens_must_be_in_the_table_of_an_embedding(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcdefgh" * 20)
    text = """
net gpt {
  input tokens: [4] dtype=int64
  embedding 7 16 -> linear 8
  output
}
train run = gpt { data text length=4; loss crossentropy; optimizer sgd; batch 2; steps 1 }
"""
    message = unfit(recipe_of(text), tmp_path, tmp_path / "a.txt")
    assert message == "the field `tokens` holds 7, and `0` has vectors for 0 to 6"


OWN = """
import numpy
import torch

class Made:
    classes = ["a", "b"]
    def __len__(self):
        return 10
    def __getitem__(self, at):
        return numpy.full((1, 8, 8), at / 10, numpy.float64), at % 2

def pair():
    return Made(), Made()

def named():
    return [{"image": torch.zeros(1, 8, 8), "label": 3}] * 10

def nothing():
    return None

def wrong():
    return ["sample"] * 10

value = 3
"""


def test_a_dataset_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made_for_a_test.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    data = opened("made_for_a_test:Made")
    assert sizes(data) == (8, 2) and data.classes == ("a", "b")
    assert (data.training[3]["image"].dtype, data.training[3]["label"].dtype) == (torch.float32, torch.int64)
    assert sizes(opened("made_for_a_test:pair")) == (10, 10)
    assert int(opened("made_for_a_test:named").training[0]["label"]) == 3
    for name, message in {
        "made_for_a_test": "made_for_a_test names none",
        "no_such_module:f": "No module named",
        "made_for_a_test:none": "made_for_a_test has no `none`",
        "made_for_a_test:value": "is no function",
        "made_for_a_test:nothing": "which has no length or takes no index",
        "made_for_a_test:wrong": "a sample is a mapping",
    }.items():
        assert message in str(refusal(name))
    made = recipe_of(lines_of(data="data custom", batch="batch 2", epochs="epochs 1").replace("linear 10", "linear 2"))
    assert ran(made, tmp_path, Path("made_for_a_test:Made")).last["held-out loss"] > 0


def refusal(name: str) -> str:
    """Return what is said of data of the user's own, when it is opened or when its first sample is read."""
    with pytest.raises(Rejected) as caught:
        opened(name).training[0]
    return caught.value.message


def opened(name: str) -> Data:
    """Return the data of a function."""
    return open_data(part("custom"), Path(name))


def test_a_spec_names_no_function() -> None:
    _, wrong = told(lines_of(data='data custom "os:getcwd"'))
    assert [one.code for one in wrong] == ["out-of-range"]


def test_synthetic_data_has_the_shapes_of_the_net(tmp_path: Path) -> None:
    made = recipe_of(lines_of(data="data synthetic samples=20", view="", batch="batch 4", epochs="epochs 1"))
    data = open_data(made.recipe.data, None, made.graph)
    assert sizes(data) == (16, 4)
    assert tuple(data.training[0]["image"].shape) == (1, 8, 8) and data.extremes("label") is None
    again = open_data(made.recipe.data, None, made.graph)
    assert torch.equal(again.training[3]["image"], data.training[3]["image"])
    other = recipe_of(lines_of(data="data synthetic samples=20 seed=1", view="", batch="batch 4", epochs="epochs 1"))
    different = open_data(other.recipe.data, None, other.graph)
    assert not torch.equal(different.training[3]["image"], data.training[3]["image"])
    assert ran(made, tmp_path).last["held-out loss"] > 0
    recipe_of(lines_of(data="data synthetic", view="", loss="loss mse it target"))
    _, wrong = told(lines_of(data="data synthetic", view="", loss="loss mse"))
    assert len(wrong) == 1


def test_files_that_are_added_move_no_others(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(0, 60, 2):
            Image.new("L", (4, 4)).save(tmp_path / name / f"{number:02}.png")
    before = held_out(tmp_path)
    for name in ("cat", "dog"):
        for number in range(1, 60, 2):
            Image.new("L", (4, 4)).save(tmp_path / name / f"{number:02}.png")
    after = held_out(tmp_path)
    assert before == {name for name in after if int(name[4:6]) % 2 == 0}
    assert 0.1 < len(after) / 120 < 0.3


def held_out(folder: Path) -> set[str]:
    """Return the files that are held out by a hash of their names."""
    data = open_data(part("imagefolder split=name"), folder)
    half: object = data.held_out
    files: list[tuple[Path, int]] = getattr(half, "files")  # noqa: B009
    return {f"{path.parent.name}/{path.name}" for path, _ in files}


def test_names_need_no_quotes() -> None:
    for written in ("[a, b]", '["a", "b"]', '[a, "b"]'):
        assert part(f"csv target={written} task=numbers", "mse").arguments["target"] == ("a", "b")
    assert NET.startswith("\nnet tiny")
    _, wrong = told(lines_of(data="data csv target=3"))
    assert [one.message for one in wrong] == ["`target` of `csv` is a name, or a list, each a name, not the number 3"]
