"""Transforms that need torch alone, compared with torchvision's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from archlang.diagnostics import Rejected
from archlang.train.batches import Plan, loader, training_batches
from archlang.train.data import InMemory
from archlang.train.keys import key
from archlang.train.transforming import Described, Steps, Transformed
from tests.specs import net_of

BYTES = (torch.arange(6 * 3 * 9 * 7) * 37 % 251).to(torch.uint8).view(6, 3, 9, 7)
NUMBERS = {"mean": [0.1, 0.45, 0.7], "std": [0.3, 0.21, 1 / 3]}


def steps(*described: tuple[str, Mapping[str, Any]]) -> Steps:
    return Steps(tuple(Described(word, arguments, word.startswith("random")) for word, arguments in described))


@pytest.mark.parametrize(
    "word, arguments",
    [
        ("normalize", NUMBERS),
        ("pad", {"padding": 2}),
        ("pad", {"padding": [1, 2], "fill": 7}),
        ("pad", {"padding": [1, 2, 3, 0], "fill": 9}),
        ("randomhorizontalflip", {}),
        ("randomhorizontalflip", {"p": 0.2}),
        ("randomverticalflip", {"p": 0.9}),
        ("randomcrop", {"size": 5}),
        ("randomcrop", {"size": [9, 4]}),
        ("randomcrop", {"size": [9, 7]}),
        ("randomcrop", {"size": [9], "padding": 3, "fill": 4}),
        ("randomcrop", {"size": [8, 10], "padding": [2, 1]}),
        ("randomcrop", {"size": [8, 10], "padding": [2, 1, 3, 0]}),
    ],
    ids=str,
)
@pytest.mark.parametrize("image", [BYTES[0], BYTES[0].double() / 255, BYTES[0].float()], ids=lambda x: str(x.dtype))
def test_each_is_torchvisions(word: str, arguments: Mapping[str, Any], image: Tensor) -> None:
    one = steps((word, arguments))
    assert one.are_native({"image", "label"})
    for seed in range(12):
        torch.manual_seed(seed)
        (wanted,) = (one.vision[0](tv_tensors.Image(image)).as_subclass(Tensor),)
        after = torch.rand(())
        torch.manual_seed(seed)
        found = one({"image": image})["image"]
        assert found.dtype == wanted.dtype and torch.equal(found, wanted)
        assert torch.equal(torch.rand(()), after)  # as many numbers were drawn


@pytest.mark.parametrize(
    "word, arguments",
    [
        ("pad", {"padding": 2, "padding_mode": "reflect"}),
        ("pad", {"padding": 2, "fill": [1, 2, 3]}),
        ("randomcrop", {"size": 20, "pad_if_needed": True}),
        ("centercrop", {"size": 4}),
        ("randomrotation", {"degrees": 5}),
    ],
    ids=str,
)
def test_others_are_left_to_torchvision(word: str, arguments: Mapping[str, Any]) -> None:
    assert not steps(("normalize", NUMBERS), (word, arguments)).are_native({"image"})


def test_a_mask_is_moved_with_its_image() -> None:
    both = steps(("randomcrop", {"size": 4}))
    mask = torch.arange(63).view(9, 7)
    torch.manual_seed(3)
    found = both({"image": mask.expand(3, 9, 7), "mask": mask})
    assert torch.equal(found["image"][0], found["mask"])


def test_a_batch_at_once_is_its_samples_one_by_one() -> None:
    described = (
        Described("pad", {"padding": 1}, False),
        Described("randomcrop", {"size": [10, 8], "padding": 2}, True),
        Described("normalize", NUMBERS, False),
        Described("randomhorizontalflip", {}, True),
        Described("randomcrop", {"size": 6}, True),
        Described("randomverticalflip", {}, True),
    )
    samples = Transformed(InMemory({"image": BYTES, "label": torch.arange(6)}), described, 5)
    keys = [(0, 3), (0, 1), (7, 5), (2, 3)]
    rows = samples.at_once(keys)
    assert rows is not None and rows["label"].tolist() == [3, 1, 5, 3]
    whole = v2.Compose(
        [
            v2.Pad(1),
            v2.RandomCrop((10, 8), padding=2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(NUMBERS["mean"], NUMBERS["std"]),
            v2.RandomHorizontalFlip(),
            v2.RandomCrop(6),
            v2.RandomVerticalFlip(),
        ]
    )
    for at, (epoch, index) in enumerate(keys):
        torch.manual_seed(key(5, "sample", epoch, index))
        wanted = whole(tv_tensors.Image(BYTES[index])).as_subclass(Tensor)
        assert torch.equal(rows["image"][at], wanted)
        assert torch.equal(samples[epoch, index]["image"], wanted)


def test_workers_make_the_same_batches() -> None:
    described = (Described("randomcrop", {"size": 5, "padding": 2}, True), Described("normalize", NUMBERS, False))
    samples = Transformed(InMemory({"image": BYTES}), described, 0)
    plan = Plan(0, 2, 0, 4, 3)
    alone, by_one = (list(training_batches(samples, plan, workers)) for workers in (0, 1))
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(alone, by_one, strict=True))


def test_batches_for_cuda_are_pinned() -> None:
    samples = Transformed(InMemory({"image": BYTES}), (), 0)
    for workers, device, is_pinned in ((1, "cuda", True), (1, "cpu", False), (0, "cuda:1", False)):
        assert loader(samples, [[(0, 1)]], workers, device).pin_memory is is_pinned


def test_a_window_larger_than_its_image() -> None:
    with pytest.raises(Rejected, match="takes 12x12 of an image of 9x7"):
        steps(("randomcrop", {"size": 12}))({"image": BYTES[0]})


def test_without_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in recipe of a net alone trains where torchvision is not installed."""
    import subprocess
    import sys

    program = (
        "import sys; sys.modules['torchvision'] = None; from archlang.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    (tmp_path / "n.arch").write_text(net_of("avgpool 4x4 -> flatten -> linear 10", "1x32x32"))
    call = ["train", "n.arch", "--data", "mnist", "--epochs", "1", "-o", "l.pt"]
    done = subprocess.run(
        [sys.executable, "-c", program, *call], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, (tmp_path / "l.pt").is_file()) == (0, True), done.stderr
