"""WebDataset shards and datasets of Hugging Face from disk."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archlang.diagnostics import Rejected
from archlang.train.data import open_data
from archlang.train.data.shards import Shards
from tests.train.recipes import lines_of, recipe_of
from tests.train.test_data import part, refused, sizes
from tests.train.test_more_data import ran, unfit


def png(value: int, size: int = 8) -> bytes:
    """Return the bytes of a grey picture."""
    file = io.BytesIO()
    Image.new("L", (size, size), value).save(file, "PNG")
    return file.getvalue()


def shard(path: Path, files: dict[str, bytes]) -> None:
    """Write a tar file."""
    with tarfile.open(path, "w") as made:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            made.addfile(member, io.BytesIO(raw))


def two_shards(folder: Path, broken: int | None = None) -> Path:
    """Write two shards of five samples each; the image of one of them may be broken."""
    folder.mkdir()
    for number in range(2):
        files: dict[str, bytes] = {}
        for at in range(5 * number, 5 * number + 5):
            files[f"{at:04}.png"] = b"no picture" if at == broken else png(at)
            files[f"{at:04}.cls"] = str(at % 2).encode()
            files[f"{at:04}.txt"] = b"a caption"
        shard(folder / f"part-{number}.tar", files)
    return folder


def test_samples_are_read_from_their_places(tmp_path: Path) -> None:
    line = "webdataset mode=gray"
    data = open_data(part(line), two_shards(tmp_path / "a"))
    assert sizes(data) == (8, 2)
    found = [(int(data.training[at]["image"][0, 0, 0]), int(data.training[at]["label"])) for at in range(8)]
    assert found == [(at, at % 2) for at in range(10) if at % 5 != 4]
    assert data.extremes("label") == (0, 1)
    made = recipe_of(lines_of(data="data webdataset mode=gray", batch="batch 2", epochs="epochs 1"))
    assert ran(made, tmp_path, tmp_path / "a").last["held-out loss"] > 0
    narrow = recipe_of(lines_of(data="data webdataset mode=gray", batch="batch 2").replace("linear 10", "linear 1"))
    (tmp_path / "b").mkdir()
    assert "has the class 1" in unfit(narrow, tmp_path / "b", tmp_path / "a")


def test_a_broken_sample_is_told_and_counted(tmp_path: Path) -> None:
    folder = two_shards(tmp_path / "a", broken=6)
    data = open_data(part("webdataset mode=gray"), folder)
    with pytest.warns(UserWarning, match=r"part-1\.tar: 0006 cannot be read .* takes its place: 1 so far"):
        sample = data.training[5]
    assert int(sample["image"][0, 0, 0]) == 7 and isinstance(data.training, Shards) and len(data.training.broken) == 1
    assert int(data.training[5]["image"][0, 0, 0]) == 7  # it is told once
    made = recipe_of(lines_of(data="data webdataset mode=gray", batch="batch 2", epochs="epochs 1"))
    with pytest.warns(UserWarning, match="0006 cannot be read"):
        assert ran(made, tmp_path, folder).last["held-out loss"] > 0


def test_wrong_shards(tmp_path: Path) -> None:
    folder = two_shards(tmp_path / "a")
    whole = (folder / "part-1.tar").read_bytes()
    (folder / "part-1.tar").write_bytes(b"no tar file at all" * 100)
    assert refused("webdataset", folder).startswith("part-1.tar: this is no whole tar file")
    (folder / "part-1.tar").write_bytes(whole[:2000])
    assert refused("webdataset", folder).startswith("part-1.tar: this is no whole tar file")
    shard(folder / "part-1.tar", {"0.png": png(1), "0.cls": b"cat"})
    assert "0.cls holds b'cat', where the number of a class is needed" in refused("webdataset", folder)
    shard(folder / "part-1.tar", {"0.png": png(1), "1.png": png(1), "1.cls": b"1"})
    with pytest.warns(UserWarning, match="1 samples lack a file"):
        data = open_data(part("webdataset"), folder)
    assert sizes(data) == (5, 1) and data.told.endswith("1 incomplete ones left out")
    for one in folder.glob("*.tar"):
        one.rename(one.with_suffix(".tar.gz"))
    with pytest.raises(Rejected) as caught:
        open_data(part("webdataset"), folder)
    assert caught.value.help is not None and caught.value.help.startswith("unpack part-")


def test_arrays_and_masks_in_shards(tmp_path: Path) -> None:
    raw = io.BytesIO()
    numpy.save(raw, numpy.arange(3, dtype=numpy.float64))
    for at in range(2):
        shard(tmp_path / f"{at}.tar", {"x/0.png": png(7), "x/0.mask.png": png(2), "x/0.sound.npy": raw.getvalue()})
    sample = open_data(part("webdataset held_out=0.5"), tmp_path).training[0]
    assert tuple(sample["image"].shape) == (3, 8, 8) and sample["mask"].dtype == torch.int64
    assert int(sample["mask"].max()) == 2 and sample["sound"].tolist() == [0, 1, 2]


def test_datasets_of_hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    library = pytest.importorskip("datasets")
    features = library.Features(
        {"img": library.Image(), "label": library.ClassLabel(names=["cat", "dog"]), "weight": library.Value("float64"),
         "name": library.Value("string")}
    )  # fmt: skip
    rows = {
        "img": [Image.new("L", (8, 8), at) for at in range(10)],
        "label": [at % 2 for at in range(10)],
        "weight": [at / 2 for at in range(10)],
        "name": ["a"] * 10,
    }
    one = library.Dataset.from_dict(rows, features=features)
    one.save_to_disk(tmp_path / "one")
    data = open_data(part("huggingface mode=gray"), tmp_path / "one")
    assert sizes(data) == (8, 2) and data.classes == ("cat", "dog")
    assert data.told.endswith("the columns name are left out")
    sample = data.training[3]
    assert set(sample) == {"image", "weight", "label"}
    assert (int(sample["image"][0, 0, 0]), int(sample["label"]), float(sample["weight"])) == (3, 1, 1.5)
    library.DatasetDict({"train": one, "test": one}).save_to_disk(tmp_path / "two")
    assert sizes(open_data(part("huggingface image=img label=label"), tmp_path / "two")) == (10, 10)
    assert "there is no column `picture`" in refused("huggingface image=picture", tmp_path / "one")
    (tmp_path / "none").mkdir()
    assert refused("huggingface", tmp_path / "none").startswith("none: this is no dataset")
    text = lines_of(data="data huggingface mode=gray", batch="batch 2", epochs="epochs 1").replace("10", "2")
    assert ran(recipe_of(text), tmp_path, tmp_path / "one").last["held-out loss"] > 0
