"""Losses of the user's own: blocks of the spec, and operators of `--operators`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.lower import module
from archlang.program import program_of
from archlang.train.data import open_data
from tests.train.recipes import recipe_of, told
from tests.train.test_running import weights
from tests.train.test_words import compare, raw

DICE = """
block dice(smooth=1.0) {
  input scores
  input other
  (scores) -> sigmoid -> p: it
  (p, other) -> mul -> scale 2 -> both: it
  (p, other) -> add -> sum: it
  (both, sum) -> sub -> scale smooth
}
block weighted {
  input x
  linear 1
}
"""

CUBE = '''
"""A loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Kind, Operator, Size, Work
from archlang.ops.runs import SEVERAL_CALLS
from archlang.shapes import TensorType


class Power(Operator):
    """The differences of two values to a power."""

    word: ClassVar[str] = "powerloss"
    arity: ClassVar[tuple[int, ...]] = (2,)
    positional: ClassVar[Mapping[str, Kind]] = {"exponent": "number"}
    examples: ClassVar[tuple[Example, ...]] = (Example("powerloss 4", "3x4x4, 3x4x4"),)
    runs = SEVERAL_CALLS

    exponent: Size = 4

    def outputs(self, x: TensorType, y: TensorType) -> tuple[TensorType]:
        if x.shape != y.shape:
            raise Rejected("unequal-shapes", f"powerloss compares values of one shape, not {x} and {y}")
        return (x,)

    def work(self, x: TensorType, y: TensorType) -> Work:
        return Work(elementwise=2 * x.values)

    def torch(self, x: TensorType, y: TensorType) -> Expression:
        return Expression(f"({{0}} - {{1}}) ** {self.exponent}")
'''


def test_a_block_is_a_loss(tmp_path: Path) -> None:
    from tests.train.test_running import ran

    text = DICE + raw(
        data="data synthetic samples=200", loss="loss 0.5 * dice it target smooth=0.25 reduction=sum", steps="steps 3",
        epochs="", optimizer="optimizer sgd lr=0.001",
    )  # fmt: skip
    made = recipe_of(text)
    assert ran(made, tmp_path) is not None
    data = open_data(made.recipe.data, None, made.graph)
    net = module(program_of(made.graph), 0).train()
    optimizer = torch.optim.SGD(net.parameters(), 0.001)
    from archlang.train.batches import order

    for keys in order(0, 0, len(data.training), 64)[:3]:
        samples = [data.training[index] for _, index in keys]
        images, target = (torch.stack([one[name] for one in samples]) for name in ("image", "target"))
        p = net(images).sigmoid()
        loss = 0.5 * (0.25 * (2 * p * target - (p + target))).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    compare(weights(tmp_path), net)


def test_losses_of_ones_own_must_fit() -> None:
    def messages(loss: str) -> list[str]:
        _, wrong = told(DICE + raw(loss=loss))
        return [one.message for one in wrong]

    (shapes,) = messages("loss dice it image")
    assert shapes.startswith("`dice`: mul needs equal")
    assert messages("loss weighted it") == ["`weighted`: it has weights, which nothing would train"]
    assert messages("loss dice") == ["`dice` is a loss of your own: name what it compares, as in `loss dice it label`"]
    (argument,) = messages("loss dice it it smoth=3")
    assert "smoth" in argument
    assert messages("loss softmax it") == ["there is no loss `softmax`"]  # the operators of archlang are no losses
    assert messages("loss dice it lable") == ["`lable` is no value of tiny and no field of the data"]


def test_an_operator_of_the_users_own_is_a_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(CUBE)
    spec = tmp_path / "spec.arch"
    spec.write_text(
        raw(data="data synthetic samples=100", loss="loss powerloss it target exponent=2", optimizer="optimizer adam")
    )
    own = ["--operators", str(tmp_path / "mine.py")]
    assert main(["check", str(spec), *own]) == 0, capsys.readouterr()
    assert main(["train", str(spec), *own, "--out", str(tmp_path / "own")]) == 0, capsys.readouterr()
    spec.write_text(spec.read_text().replace("powerloss it target exponent=2", "mse it target"))
    assert main(["train", str(spec), "--out", str(tmp_path / "mse")]) == 0
    one, other = ((tmp_path / name / "metrics.csv").read_text() for name in ("own", "mse"))
    assert one == other
    spec.write_text(spec.read_text().replace("mse it target", "powerloss it label"))
    capsys.readouterr()
    assert main(["check", str(spec), *own]) == 1
    assert "powerloss compares values of one shape" in capsys.readouterr().err
    assert main(["check", str(spec)]) == 1  # without the file, there is no such loss
    assert "there is no loss `powerloss`" in capsys.readouterr().err
