"""Training scripts read every kind of data as `archlang train` does: they end with the same weights."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.train.recipes import lines_of, recipe_of
from tests.train.scripts import assert_same_weights

SEGMENTATION = """
net masks {
  input image: 3x12x12
  conv 3x3 4 pad=1 -> relu -> conv 1x1 3
  output
}

train run = masks {
  data segmentation classes=3 ignore=255 masks=labels split=name held_out=0.3
  augment pcacolor -> randomcrop [12, 12] padding=2 -> randomhorizontalflip
  view normalize
  loss crossentropy it mask ignore_index=255
  optimizer sgd lr=0.1
  batch 4; epochs 2
  metric iou
}
"""
LINE = """
net line {
  input features: [5]
  linear 4 -> relu -> linear 2
  output
}
"""
OWN = '''
"""Data of a user's own."""

from PIL import Image


class Pictures:
    """Small pictures with the class of their number."""

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return Image.new("RGB", (10, 8), (index * 9, 255 - index, index * index % 256)), index % 3


class Made:
    """Gives pictures."""

    @staticmethod
    def pair():
        """Return some pictures to train on, and the same ones held out."""
        return Pictures(), Pictures()


pictures = Pictures
'''
PICTURES = """
net small {
  input image: 3x8x8
  conv 3x3 4 -> relu -> flatten -> linear 3
  output
}

train run = small {
  data custom
  augment randomcrop 8
  evaluate centercrop 8
  loss crossentropy
  optimizer adam
  batch 4; epochs 2
  metric accuracy
}
"""


def pixels(at: int, *shape: int) -> NDArray[numpy.uint8]:
    """Return bytes in a pattern."""
    return (numpy.arange(int(numpy.prod(shape))) * (at * 7 + 3) % 251).astype(numpy.uint8).reshape(shape)


def test_a_script_draws_the_same_random_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = lines_of(data="data synthetic samples=150 seed=3", view="", batch="batch 30")
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch)


def test_a_script_measures_each_normalize_behind_what_is_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = recipe_of(lines_of(view="view normalize -> pad 1 -> centercrop 8 -> normalize", epochs="epochs 1"))
    assert_same_weights(twice, tmp_path, monkeypatch)


def test_a_script_reads_arrays_that_stay_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "arrays"
    folder.mkdir()
    numpy.save(folder / "image.npy", pixels(1, 60, 1, 8, 8))
    numpy.save(folder / "label.npy", numpy.arange(60, dtype=numpy.int32) % 10)
    text = lines_of(data="data npy split=shuffled", batch="batch 16")
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch, folder)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_script_reads_tables(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        (at * 0.37 % 5, at % 2 == 0, ("red", "blue", "green")[at % 3], ("no", "yes")[at % 4 < 2]) for at in range(40)
    ]
    path = tmp_path / f"table.{kind}"
    names = ["size", "is_even", "colour", "answer"]
    if kind == "csv":
        lines = [",".join(map(str, row)) for row in rows]
        path.write_text("\n".join([",".join(names), *lines]))
    else:
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = [list(column) for column in zip(*rows, strict=True)]
        parquet.write_table(arrow.table(dict(zip(names, columns, strict=True))), path)
    recipe = "data csv target=answer standardize=true"
    numbers = recipe.replace("csv", kind)
    if kind == "parquet":
        numbers = "data parquet target=[size, is_even] columns=[colour, answer] task=numbers split=shuffled"
    loss = "loss mse" if kind == "parquet" else "loss crossentropy"
    text = LINE + (f"train run = line {{\n  {numbers}\n  {loss}\n  optimizer sgd lr=0.1\n  batch 8; epochs 2\n}}\n")
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch, path)


def test_a_script_moves_masks_with_their_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(20):
        for name, values in (("images", pixels(at, 12, 12, 3)), ("labels", pixels(at, 12, 12) % 3)):
            path = tmp_path / "data" / name / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            values[0, 0] = 255 if name == "labels" else 9
            Image.fromarray(values).save(path)
    assert_same_weights(recipe_of(SEGMENTATION), tmp_path, monkeypatch, tmp_path / "data")


@pytest.mark.parametrize("function", ["pictures", "Made.pair"])
def test_a_script_imports_data_of_the_users_own(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_pictures.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert_same_weights(recipe_of(PICTURES), tmp_path, monkeypatch, Path(f"own_pictures:{function}"))


@pytest.mark.parametrize("fields", ["image cls", "image mask", "x cls"])
def test_a_script_reads_shards(fields: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shards").mkdir()
    for shard in range(2):
        with tarfile.open(tmp_path / "shards" / f"{shard}.tar", "w") as file:
            for at in range(16):
                for ending, raw in files_of(shard * 16 + at, fields):
                    member = tarfile.TarInfo(f"{at:02}.{ending}")
                    member.size = len(raw)
                    file.addfile(member, io.BytesIO(raw))
    text = {
        "image cls": PICTURES.replace("data custom", "data webdataset split=name"),
        "image mask": SEGMENTATION.replace("segmentation classes=3 ignore=255 masks=labels", "webdataset"),
        "x cls": LINE.replace("features: [5]", "x: [5]")
        + "train run = line {\n  data webdataset\n  loss crossentropy\n  optimizer adam\n  batch 4; epochs 2\n}\n",
    }[fields]
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch, tmp_path / "shards")


def files_of(at: int, fields: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a sample by their endings."""
    for field in fields.split():
        written = io.BytesIO()
        if field == "cls":
            written.write(str(at % 2 if "x" in fields else at % 3).encode())
        elif field == "x":
            numpy.save(written, pixels(at, 5) / 9)
        else:
            values = pixels(at, 12, 12, 3) if field == "image" else pixels(at, 12, 12) % 3
            Image.fromarray(values).save(written, "png")
        yield {"x": "x.npy", "image": "png", "mask": "mask.png"}.get(field, field), written.getvalue()
