"""`archlang predict`: a trained net on images, arrays and text, equal to the net run by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.lower import module
from archlang.program import program_of
from archlang.train.checkpoints import read
from archlang.train.continuing import continued
from archlang.train.data import open_data
from archlang.train.located import located
from archlang.train.predicting import Predictor, chosen, predictor
from archlang.train.record import read_record
from archlang.train.running import Where, run
from tests.train.recipes import lines_of, recipe_of

TEXT = lines_of(metric="metric accuracy", epochs="epochs 1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, three digits as images and as arrays, and files that are wrong."""
    place = tmp_path_factory.mktemp("predicted")
    (place / "spec.arch").write_text(TEXT, encoding="utf-8")
    made = recipe_of(TEXT)
    run(made.recipe, made.graph, Where(place / "run"), {})
    digits = images()[:3]
    for at, digit in enumerate(digits):
        Image.fromarray(digit[0].numpy()).save(place / f"{at}.png")
    numpy.save(place / "one.npy", digits[1].numpy())
    numpy.save(place / "three.npy", digits.numpy())
    numpy.savez(place / "three.npz", image=digits.numpy(), other=numpy.arange(3))
    Image.new("L", (20, 20)).save(place / "large.png")
    (place / "text.png").write_text("no image", encoding="utf-8")
    return place


def images() -> Any:
    data: Any = open_data(recipe_of(TEXT).recipe.data, None)
    return data.held_out.fields["image"]


def by_hand(folder: Path) -> torch.Tensor:
    """Return the probabilities of the first three held-out digits."""
    made = recipe_of(TEXT)
    data: Any = open_data(made.recipe.data, None)
    known = data.training.fields["image"].double() / 255
    net = module(program_of(made.graph), 0)
    net.load_state_dict(read(folder / "run" / "best.pt")["state_dict"])
    with torch.no_grad():
        prepared = ((images()[:3].double() / 255 - known.mean()) / known.std(correction=0)).float()
        shares: torch.Tensor = net.eval()(prepared).softmax(1)
        return shares


def test_images_and_arrays_are_prepared_as_in_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    files = ["0.png", "1.png", "2.png", "one.npy", "three.npy", "three.npz"]
    assert main(["predict", "run", *files, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = ["0.png", "1.png", "2.png", "one.npy", *(f"three.{end}[{at}]" for end in ("npy", "npz") for at in range(3))]
    assert [one["file"] for one in found] == rows
    expected = by_hand(folder)
    for one, row in zip(found, [0, 1, 2, 1, 0, 1, 2, 0, 1, 2], strict=True):
        best = expected[row].sort(descending=True)
        assert [choice["class"] for choice in one["classes"]] == best.indices[:5].tolist()
        assert [choice["name"] for choice in one["classes"]] == [str(number) for number in best.indices[:5].tolist()]
        assert [choice["value"] for choice in one["classes"]] == pytest.approx(best.values[:5].tolist(), abs=1e-5)


def test_wrong_files_are_told_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    wrong = ["text.png", "large.png", "nothing.png", "spec.arch"]
    assert main(["predict", "run", "0.png", *wrong, "1.png", "--save", "outputs"]) == 1
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["0.png", "1.png"] and "%" in out
    for told in (
        "text.png is no image that can be read",
        "large.png: `image` is 1x20x20, and the input takes 1x8x8",
        "nothing.png: there is no such file",
        "spec.arch: no file of this kind can be read",
    ):
        assert told in err
    assert sorted(one.name for one in Path("outputs").iterdir()) == ["0.png.npz", "1.png.npz"]
    with numpy.load("outputs/1.png.npz") as held:
        (scores,) = (held[name] for name in held.files)
    assert torch.from_numpy(scores).softmax(1)[0].tolist() == pytest.approx(by_hand(folder)[1].tolist(), abs=1e-5)


def test_a_net_alone_gives_scores_and_needs_the_right_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    plain = {"state_dict": read(Path("run/best.pt"))["state_dict"]}
    torch.save(plain["state_dict"], "plain.pt")
    assert main(["predict", "spec.arch:tiny", "--weights", "plain.pt", "1.png", "large.png", "--format", "json"]) == 1
    found, wrong = json.loads(capsys.readouterr().out)
    made = recipe_of(TEXT)
    net = module(program_of(made.graph), 0)
    net.load_state_dict(plain["state_dict"])
    with torch.no_grad():
        scores = net.eval()(images()[1:2].float() / 255)[0]
    assert found["classes"][0]["value"] == pytest.approx(float(scores.max()), rel=1e-4)
    assert "a recipe says how images are prepared" in wrong["error"]


@pytest.mark.parametrize(
    "call, told",
    [
        (["spec.arch", "0.png"], "and a spec needs weights"),
        (["run", "0.png", "--set", "width=8"], "the folder of a run holds a net as it was compiled"),
        ([".", "0.png"], "is no folder of a run"),
        (["spec.arch", "--weights", "plain.pt", "0.png"], "takes mean and deviation from the training data"),
        (["run", "--weights", "spec.arch", "0.png"], "cannot be read"),
    ],
)
def test_wrong_calls_are_told(
    call: list[str], told: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    torch.save(read(Path("run/best.pt"))["state_dict"], "plain.pt")
    assert main(["predict", *call]) == 2
    assert told in capsys.readouterr().err


WORDS = """
net next(width=16) {
  input tokens: [6] dtype=int64
  embedding 6 width
  STEP width
  linear 6
  output
}
train run = next {
  data text length=6
  loss crossentropy
  optimizer adam lr=0.03
  batch 8; epochs 2
}
"""


def trained(folder: Path, step: str) -> Predictor:
    """Return a net that was trained on `abcdef abc...`, without the space: five letters and a line end."""
    (folder / "text.txt").write_text("abcde\n" * 120, encoding="utf-8")
    made = recipe_of(WORDS.replace("STEP", step))
    run(made.recipe, made.graph, Where(folder / "run", folder / "text.txt"), {})
    return predictor(read_record(folder / "run"), located(folder / "run")[0], "cpu")


def test_a_text_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = trained(tmp_path, "gru")
    assert continued(net, "ab", 9, temperature=0) == "cde\nabcde"
    assert continued(net, "ab", 30, seed=1, temperature=3) == continued(net, "ab", 30, seed=1, temperature=3)
    assert continued(net, "ab", 30, seed=1, temperature=3) != continued(net, "ab", 30, seed=2, temperature=3)
    with pytest.raises(Rejected, match="`x` does not occur"):
        continued(net, "abx", 1)
    with pytest.raises(Rejected, match="the prompt is empty"):
        continued(net, "", 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"abcd\n")))
    assert main(["predict", "run", "-", "--tokens", "3", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "abcde\na\n"


def test_a_net_that_sees_later_tokens_takes_whole_windows_alone(tmp_path: Path) -> None:
    net = trained(tmp_path, "gru bidirectional=true")
    with pytest.raises(Rejected, match="sees later tokens, too, so a prompt must have 6 or more"):
        continued(net, "ab", 1)
    assert len(continued(net, "abcde\nabc", 2)) == 2


def test_a_recipe_with_its_numbers_needs_no_run(folder: Path) -> None:
    made = recipe_of(TEXT.replace("view normalize", "view normalize mean=[0.5] std=[0.25]"))
    torch.save(read(folder / "run" / "best.pt")["state_dict"], folder.parent / "alone.pt")
    record, file = chosen(made.graph, made.recipe, folder.parent / "alone.pt")
    (found,) = predictor(record, file, "cpu").of_file(folder / "2.png")
    net = module(program_of(made.graph), 0)
    net.load_state_dict(read(file.parent / folder.name / "run" / "best.pt")["state_dict"])
    with torch.no_grad():
        scores = net.eval()((images()[2:3].float() / 255 - 0.5) / 0.25)[0]
    assert [one.number for one in found.choices] == scores.topk(5).indices.tolist()
    assert [one.value for one in found.choices] == pytest.approx(scores.softmax(0).topk(5).values.tolist(), abs=1e-5)
