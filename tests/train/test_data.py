"""The kinds of data, in files made here, and what is said of wrong ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.train.data import Data, folders, open_data
from archlang.train.data.samples import parted
from tests.train.recipes import NET, recipe_of


def part(line: str, fields: str = "crossentropy") -> Part:
    """Return the `data` line of a recipe, read."""
    text = NET + f"train run = tiny {{ data {line}; loss {fields}; optimizer sgd; batch 2; epochs 1 }}\n"
    from archlang.recipes import evaluated
    from tests.train.recipes import file_of

    found, wrong = evaluated(file_of(text), "run")
    assert found is not None, wrong
    return found.recipe.data


def refused(line: str, path: Path | None) -> str:
    """Return what is said of wrong data."""
    with pytest.raises(Rejected) as caught:
        open_data(part(line), path)
    assert caught.value.code == "bad-data"
    return caught.value.message


def idx(values: numpy.ndarray) -> bytes:
    """Return bytes in MNIST's format."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(numpy.uint8).tobytes()


def mnist(folder: Path) -> numpy.ndarray:
    """Write the four files of MNIST, six images and four; return the images to train on."""
    images = numpy.arange(10 * 28 * 28).reshape(10, 28, 28) % 251
    labels = numpy.arange(10)
    for name, rows in (("train", slice(0, 6)), ("t10k", slice(6, 10))):
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[rows])))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels[rows]))
    return images[:6]


def sizes(data: Data) -> tuple[int, int]:
    """Return the numbers of samples of both parts."""
    return len(data.training), len(data.held_out)


def test_mnist_in_its_original_files(tmp_path: Path) -> None:
    images = mnist(tmp_path)
    data = open_data(part("mnist"), tmp_path)
    assert sizes(data) == (6, 4) and len(data.classes) == 10
    sample = data.training[3]
    assert torch.equal(sample["image"], torch.tensor(images[3:4]).to(torch.uint8))
    assert int(sample["label"]) == 3 and data.held_out[0]["label"].dtype == torch.int64
    assert open_data(part("fashionmnist"), tmp_path).classes[0] == "T-shirt/top"


def test_wrong_idx_files(tmp_path: Path) -> None:
    mnist(tmp_path)
    whole = (tmp_path / "train-labels-idx1-ubyte").read_bytes()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(whole[:-1])
    assert refused("mnist", tmp_path) == "train-labels-idx1-ubyte: it holds 5 values, and says 6"
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"no idx")
    assert refused("mnist", tmp_path) == "train-labels-idx1-ubyte: this is no idx file of bytes"
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(numpy.arange(5)))
    assert refused("mnist", tmp_path) == "train: there are 6 images and 5 labels"
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(whole)
    assert "t10k-labels-idx1-ubyte" in refused("mnist", tmp_path)


def test_cifar100_has_a_hundred_classes(tmp_path: Path) -> None:
    """So mixed labels have as many shares; its fine labels stand behind the coarse ones."""
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(bytes([7, 99, *[3] * 3072]))
    data = open_data(part("cifar100"), tmp_path)
    assert data.classes == tuple(map(str, range(100))) and int(data.training[0]["label"]) == 99
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"kind{at}" for at in range(100)), encoding="utf-8")
    assert open_data(part("cifar100"), tmp_path).classes[99] == "kind99"


def test_cifar_in_its_binary_files(tmp_path: Path) -> None:
    rows = (numpy.arange(12 * 3 * 32 * 32).reshape(12, -1) % 251).astype(numpy.uint8)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    for at, name in enumerate(names):
        both = [numpy.concatenate([[at], rows[2 * at]]), numpy.concatenate([[at], rows[2 * at + 1]])]
        (folder / name).write_bytes(numpy.stack(both).astype(numpy.uint8).tobytes())
    data = open_data(part("cifar10"), tmp_path)
    assert sizes(data) == (10, 2) and data.classes[3] == "cat"
    assert torch.equal(data.training[4]["image"].flatten(), torch.tensor(rows[4]))
    assert int(data.training[4]["label"]) == 2
    (folder / names[0]).write_bytes(b"12345")
    assert refused("cifar10", tmp_path) == "data_batch_1.bin: its length is no number of images"
    (tmp_path / "empty").mkdir()
    assert refused("cifar10", tmp_path / "empty") == "there is no data_batch_1.bin in the folder empty"


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    image, label = numpy.zeros((10, 1, 8, 8), numpy.float64), numpy.arange(10, dtype=numpy.int32)
    numpy.savez(path, image=image, label=label)
    data = open_data(part("npz held_out=0.3"), path)
    assert sizes(data) == (7, 3)
    assert (data.training[0]["image"].dtype, data.training[0]["label"].dtype) == (torch.float32, torch.int64)
    numpy.savez(path, image=image, label=label[:9])
    assert refused("npz", path) == "arrays.npz: its arrays have different numbers of rows: image 10, label 9"
    numpy.savez(path, image=image, label=numpy.array(["a"] * 10))
    assert refused("npz", path) == "arrays.npz: `label` holds <U1, where numbers are needed"
    path.write_bytes(b"none")
    assert refused("npz", path).startswith("arrays.npz: it cannot be read")


def test_folders_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in (("cat", 5), ("dog", 5)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("RGB", (6, 4), (number, 0, 255)).save(tmp_path / name / f"{number}.png")
    data = open_data(part("imagefolder"), tmp_path)
    assert sizes(data) == (8, 2) and data.classes == ("cat", "dog")
    assert [int(data.held_out[at]["label"]) for at in range(2)] == [0, 1]  # a fifth of each class
    image = data.training[1]["image"]
    assert (tuple(image.shape), image.dtype, image[:, 0, 0].tolist()) == ((3, 4, 6), torch.uint8, [1, 0, 255])
    assert tuple(open_data(part("imagefolder mode=gray"), tmp_path).training[0]["image"].shape) == (1, 4, 6)
    (tmp_path / "cat" / "9.png").write_bytes(b"no image")
    assert refused("imagefolder", tmp_path) == "cat/9.png is no image that can be read: cannot identify image file"
    monkeypatch.setattr(folders, "READ_FIRST", 0)  # of many files, only the sizes are read before the first step
    whole = (tmp_path / "cat" / "4.png").read_bytes()
    (tmp_path / "cat" / "9.png").write_bytes(whole[:45])
    broken = open_data(part("imagefolder"), tmp_path)
    at = parted(11, 0.2)[0].index(5)  # the sixth file, behind the five cats
    with pytest.raises(Rejected, match=r"cat/9\.png is no image"):
        broken.training[at]
    (tmp_path / "bird").mkdir()
    assert refused("imagefolder", tmp_path).startswith("the class `bird`")


def test_text_in_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("abcabcabcabcabcabcabcabcabcabc")
    data = open_data(part("text length=4", "crossentropy it next"), path)
    assert data.classes == ("a", "b", "c") and sizes(data) == (5, 1)
    sample = data.training[1]
    assert sample["tokens"].tolist() == [1, 2, 0, 1] and sample["next"].tolist() == [2, 0, 1, 2]
    assert open_data(part("text length=4 by=bytes", "crossentropy it next"), path).training[0]["tokens"][0] == ord("a")
    assert "too few" in refused("text length=40", path)
    path.write_bytes(b"\xff\xfe ...")
    assert "by=bytes" in refused("text length=2", path)


def test_paths_that_are_missing(tmp_path: Path) -> None:
    assert refused("cifar10", None) == "`data cifar10` is read from files"
    assert refused("digits", tmp_path) == "`data digits` comes with a package: it takes no `--data`"
    assert refused("npz", tmp_path / "none.npz").startswith("there is no ")


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 0.3, 0.5, 0.9])
def test_parts_are_spread_evenly(share: float) -> None:
    training, held_out = parted(1000, share)
    assert sorted([*training, *held_out]) == list(range(1000))
    assert len(held_out) == round(1000 * share)
    assert max(abs(at * share - number) for number, at in enumerate(held_out)) <= 1.0


def test_packaged_digits() -> None:
    made = recipe_of(NET + "train run = tiny { data digits; loss crossentropy; optimizer sgd; batch 2; epochs 1 }\n")
    data = open_data(made.recipe.data, None)
    assert sizes(data) == (1438, 359)
    image = data.training[0]["image"]
    assert (tuple(image.shape), image.dtype, int(image.max())) == ((1, 8, 8), torch.uint8, 239)
