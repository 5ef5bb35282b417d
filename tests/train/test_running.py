"""Runs of recipes: equal to a loop by hand, wherever they are interrupted and with however many workers."""

from __future__ import annotations

import csv
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from archlang.diagnostics import Rejected
from archlang.lower import module
from archlang.program import program_of
from archlang.recipes import Evaluated
from archlang.train.batches import order, steps_of
from archlang.train.checkpoints import read
from archlang.train.data import open_data
from archlang.train.keys import key
from archlang.train.running import Outcome, Where, run
from archlang.train.session import Session
from tests.train.recipes import lines_of, recipe_of

DROPOUT = lines_of(
    augment="augment randomcrop 8 padding=1",
    schedule="schedule onecycle max_lr=0.1 by=step",
    metric="metric accuracy",
    ema="ema 0.9",
).replace("flatten ->", "flatten -> dropout 0.3 ->")


class Stop(Exception):
    """Stands for what kills a run."""


def ran(made: Evaluated, folder: Path, stop_at: int = 0, **where: Any) -> Outcome | None:
    """Run a recipe; it dies after the step `stop_at`, if that is given."""

    def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        if stop_at and loss is not None and session.step == stop_at:
            raise Stop

    try:
        return run(made.recipe, made.graph, Where(folder, **where), {}, show)
    except Stop:
        return None


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the last checkpoint."""
    found: dict[str, torch.Tensor] = read(folder / "last.pt")["state_dict"]
    return found


def assert_equal(one: Path, other: Path) -> None:
    """Assert that two runs have the same weights, optimiser and table, bit by bit."""
    first, second = read(one / "last.pt"), read(other / "last.pt")
    assert first["step"] == second["step"]
    for name, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][name]), name
    for number, state in first["optimizer"]["state"].items():
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(second["optimizer"]["state"][number][name]))
    if first["average"] is not None:
        for name, value in first["average"].items():
            assert torch.equal(value, second["average"][name]), name
    assert (one / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def test_a_run_is_equal_to_a_loop_by_hand(tmp_path: Path) -> None:
    made = recipe_of(
        lines_of(group="group biases weight_decay=0", schedule="schedule step step_size=1", clip="clip norm=1")
    )
    assert ran(made, tmp_path) is not None

    data = open_data(made.recipe.data, None)
    fields: Any = data.training
    images, labels = fields.fields["image"].float() / 255, fields.fields["label"]
    deviation, mean = torch.std_mean(images.double(), correction=0)
    images = (images - mean.float()) / deviation.float()
    net = module(program_of(made.graph), 0).train()
    biases = [one for name, one in net.named_parameters() if name.endswith("bias")]
    others = [one for name, one in net.named_parameters() if not name.endswith("bias")]
    groups: list[dict[str, Any]] = [{"params": others}, {"params": biases, "weight_decay": 0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for epoch in range(2):
        generator = torch.Generator().manual_seed(key(0, "order", epoch))
        shuffled = torch.randperm(len(labels), generator=generator)
        for start in range(0, len(labels) - 1, 64):
            chosen = shuffled[start : start + 64]
            loss = nn.functional.cross_entropy(net(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        schedule.step()
    found = weights(tmp_path)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stop_at", [1, 13, 23, 24])  # 23 steps are an epoch
def test_what_was_killed_ends_as_if_it_had_not_been(
    stop_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)  # a checkpoint after each step
    made = recipe_of(DROPOUT)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert ran(made, whole) is not None
    assert ran(made, broken, stop_at=stop_at) is None
    if stop_at == 1:
        assert not (broken / "last.pt").exists()  # it died before the first one: the run starts anew
        assert ran(made, broken) is not None
    else:
        assert ran(made, broken, resume=True) is not None
    assert_equal(whole, broken)


@pytest.mark.sweep
def test_a_run_goes_on_with_other_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed within an epoch with two workers, it goes on with none, and with one. Starting workers takes seconds."""
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)
    made = recipe_of(DROPOUT.replace("epochs 2", "epochs 1"))
    assert ran(made, tmp_path / "whole") is not None
    ran(made, tmp_path / "two", stop_at=9, workers=2)
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    for name, workers in (("two", 0), ("one", 1)):
        assert read(tmp_path / name / "last.pt")["step"] == 8
        assert ran(made, tmp_path / name, workers=workers, resume=True) is not None
        assert_equal(tmp_path / "whole", tmp_path / name)


def test_each_epoch_has_every_sample_once() -> None:
    first, second = order(0, 0, 10, 4), order(0, 1, 10, 4)
    assert sorted(index for keys in first for _, index in keys) == list(range(10))
    assert [len(keys) for keys in first] == [4, 4, 2]
    assert first != second and {epoch for keys in second for epoch, _ in keys} == {1}
    assert [len(keys) for keys in order(0, 0, 9, 4)] == [4, 4]  # batch norm cannot train on one sample
    assert [len(keys) for keys in order(0, 0, 3, 1)] == [1, 1, 1] and steps_of(3, 1) == 3  # batches of one are meant
    assert order(0, 0, 10, 4) == first


def test_a_changed_recipe_is_not_resumed(tmp_path: Path) -> None:
    made = recipe_of(lines_of(), epochs="1")
    assert ran(made, tmp_path) is not None
    other = recipe_of(lines_of(), epochs="1", optimizer__lr="0.2")
    with pytest.raises(Rejected, match="another recipe"):
        ran(other, tmp_path, resume=True)
    assert ran(other, tmp_path, resume=True, anyway=True) is not None


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    made, last = recipe_of(lines_of(), epochs="1"), tmp_path / "last.pt"
    assert ran(made, tmp_path) is not None
    data = last.read_bytes()

    def written(change: Callable[[dict[str, Any]], object]) -> None:
        state = torch.load(io.BytesIO(data), weights_only=True)
        change(state)
        torch.save(state, last)

    damages: dict[str, Callable[[], object]] = {
        "cannot be read": lambda: last.write_bytes(data[: len(data) // 2]),
        r"the checksum of `archive/data/0` in it is wrong": lambda: last.write_bytes(damaged(data)),
        "its step is not right": lambda: written(lambda state: state.update(step="3")),
        "a tensor `state_dict.fc.bias` that is sparse": lambda: written(
            lambda state: state["state_dict"].update({"fc.bias": torch.ones(10).to_sparse()})
        ),
        "does not fit its own net and recipe": lambda: written(
            lambda state: state["state_dict"].update({"fc.bias": torch.ones(11)})
        ),
        "would take more memory": lambda: written(lambda state: state.update(rows=Large())),
        "is no ordinary file": lambda: piped(last),
    }
    for message, damage in damages.items():
        damage()
        with pytest.raises(Rejected, match=message) as caught:
            ran(made, tmp_path, resume=True)
        assert caught.value.code == "bad-checkpoint"
    last.unlink()
    written(lambda state: state["state_dict"]["fc.bias"].fill_(float("nan")))
    with pytest.warns(UserWarning, match="has values that are not finite"):
        ran(made, tmp_path, resume=True)


def damaged(data: bytes) -> bytes:
    """Return an archive in which a byte of a tensor is another."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo("archive/data/0").header_offset
    at = start + 30 + sum(int.from_bytes(data[start + here : start + here + 2], "little") for here in (26, 28))
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


class Large:
    """What is pickled as a call that asks for a terabyte."""

    def __reduce__(self) -> Any:
        return bytearray, (10**12,)


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    made = recipe_of(lines_of(optimizer="optimizer sgd lr=1e12", epochs="epochs 3").replace(" -> bn1: batchnorm", ""))
    with pytest.raises(Rejected) as caught:
        ran(made, tmp_path)
    assert caught.value.code == "training-diverged"
    assert not (tmp_path / "last.pt").exists() or read(tmp_path / "last.pt")["step"] > 0


@pytest.mark.parametrize("reduction, lr", [("mean", 0.1), ("sum", 0.001)])
def test_parts_of_a_batch_add_up(tmp_path: Path, reduction: str, lr: float) -> None:
    """A loss that is summed over a batch is the sum over its parts, and one that is a mean is their mean."""
    loss, optimizer = f"loss crossentropy reduction={reduction}", f"optimizer sgd lr={lr} momentum=0.9"
    text = lines_of(steps="steps 3", epochs="", loss=loss, optimizer=optimizer).replace(" -> bn1: batchnorm", "")
    one, two = recipe_of(text), recipe_of(text.replace("batch 64", "batch 64; accumulate 2"))
    assert ran(one, tmp_path / "one") is not None and ran(two, tmp_path / "two") is not None
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-4, atol=1e-6)


def test_frozen_parameters_train_later(tmp_path: Path) -> None:
    made = recipe_of(lines_of(freeze="freeze conv1 until=1"))
    start = module(program_of(made.graph), 0).state_dict()["conv1.weight"]
    assert ran(made, tmp_path / "a", stop_at=0) is not None
    assert not torch.equal(weights(tmp_path / "a")["conv1.weight"], start)
    frozen = recipe_of(lines_of(freeze="freeze conv1"))
    assert ran(frozen, tmp_path / "b") is not None
    assert torch.equal(weights(tmp_path / "b")["conv1.weight"], start)


def test_early_stopping_ends_a_run(tmp_path: Path) -> None:
    made = recipe_of(
        lines_of(optimizer="optimizer sgd lr=1e-12", epochs="epochs 9", stop="stop 2 on=accuracy", m="metric accuracy")
    )
    outcome = ran(made, tmp_path)
    assert outcome is not None and len(outcome.rows) == 3  # the first is the best, two are no better


def test_the_table_has_a_row_for_each_epoch(tmp_path: Path) -> None:
    made = recipe_of(lines_of(metric="metric accuracy", more="metric accuracy top=3", error="metric error"))
    outcome = ran(made, tmp_path)
    assert outcome is not None
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    last = {name: float(value) for name, value in rows[-1].items()}
    assert last["held-out accuracy"] == pytest.approx(1 - last["held-out error"])
    assert last["held-out accuracy"] <= last["held-out accuracy top=3"] <= 1
    assert last["held-out accuracy"] > 0.5


GPT = """
net gpt(width=16) {
  input tokens: [8] dtype=int64
  embedding 256 width
  linear width -> head: linear 256
  output
}
train run = gpt {
  data text length=8 by=bytes
  loss crossentropy
  optimizer sgd lr=0.5
  batch 4; steps 1
  metric accuracy; metric perplexity
}
"""


def test_classes_are_the_channels_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(range(97, 123)) * 40)
    made = recipe_of(GPT)
    outcome = ran(made, tmp_path / "run", data=tmp_path / "a.txt")
    assert outcome is not None
    net = module(program_of(made.graph), 0)
    samples = open_data(made.recipe.data, tmp_path / "a.txt").training
    batch = [samples[index] for _, index in order(0, 0, len(samples), 4)[0]]
    tokens, target = (torch.stack([sample[name] for sample in batch]) for name in ("tokens", "next"))
    expected = nn.functional.cross_entropy(net(tokens).transpose(1, 2), target)  # torch wants the classes as axis 1
    assert outcome.last["training loss"] == pytest.approx(expected.item(), rel=1e-6)
    assert 0 <= outcome.last["held-out accuracy"] <= 1


def test_an_input_is_fed_with_noise(tmp_path: Path) -> None:
    text = """
net vae(code=4) {
  input image: 1x8x8
  input noise: [code]
  (image) -> flatten -> linear 8 -> h: it
  (h) -> mean: linear code
  (h) -> logvar: linear code
  (logvar) -> scale 0.5 -> exp -> sd: it
  (sd, noise) -> mul -> (it, mean) -> add -> linear 64 -> sigmoid -> decoder: reshape 1x8x8
  output decoder
}
train run = vae {
  data digits
  feed noise normal
  loss bce decoder image
  loss 0.01 * kl mean logvar reduction=mean
  optimizer adam
  batch 64; epochs 2
}
"""
    made = recipe_of(text)
    one, two = ran(made, tmp_path / "a"), ran(made, tmp_path / "b")
    assert one is not None and two is not None and one.rows == two.rows
    assert one.rows[1]["held-out loss"] < one.rows[0]["held-out loss"]
