"""Modules whose training step fits in a memory: equal values and gradients, in the memory that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.compiler import CallError, load, loads
from tests.allocator import images, training

SPEC = """
block unit { residual { conv 3x3 16 pad=1 bias=false -> batchnorm -> relu } }
net small {
  input image: [3, 16, 16]
  stem: conv 3x3 16 pad=1
  body: { repeat 6 { unit } }
  globalavgpool -> flatten -> linear 4
  output
}
"""
BUDGET = 5 * 2**20
BATCH = 16


def stepped(net: torch.nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the outputs, gradients and buffers of a step."""
    given = net.train()(image)
    given.square().sum().backward()
    found = {name: value.grad for name, value in net.named_parameters() if value.grad is not None}
    return {"output": given.detach(), **found, **dict(net.named_buffers())}


def test_a_step_fits_in_the_memory_and_is_bit_equal() -> None:
    net = loads(SPEC)
    assert net.memory(BATCH).needed_bytes > BUDGET
    plain, lean = net.module(seed=0), net.module(seed=0, memory=BUDGET, batch=BATCH)
    (image,) = images(net.graph, BATCH)
    one, two = stepped(plain, image), stepped(lean, image)
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    measured = [training(net.graph, made, [image], "momentum").peak_bytes for made in (plain, lean)]
    assert measured[1] <= BUDGET < measured[0]


def test_a_memory_that_is_enough_changes_nothing() -> None:
    assert "recompute" not in type(loads(SPEC).module(memory="1GiB", batch=BATCH)).__module__
    assert loads(SPEC).fit("1GiB", BATCH).plan is not None


def test_what_cannot_fit_is_refused() -> None:
    net = loads(SPEC)
    with pytest.raises(CallError, match=r"batch 16 of small takes .* and no choice of blocks to recompute"):
        net.module(memory="1MiB", batch=BATCH)
    with pytest.raises(CallError, match="give either that or `recomputed`"):
        net.module(memory="1GiB", recomputed=["body.0"])
    with pytest.raises(CallError, match="lots is not an amount of memory"):
        net.module(memory="lots")


def test_the_command_prints_the_plan_and_writes_the_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, source = tmp_path / "small.arch", tmp_path / "small.py"
    spec.write_text(SPEC, encoding="utf-8")
    asked = ["build", str(spec), "--memory", str(BUDGET), "--batch", str(BATCH)]
    assert main([*asked, "-o", str(source)]) == 0
    plan = capsys.readouterr().out
    paths = load(str(spec)).fit(BUDGET, BATCH).plan
    assert paths is not None and [line.strip() for line in plan.splitlines()[2:]] == list(paths.recomputed)
    assert source.read_text(encoding="utf-8") == load(str(spec)).source(paths.recomputed)
    assert main(asked) == 0  # the source on standard output, the plan beside it
    found = capsys.readouterr()
    assert found.out == source.read_text(encoding="utf-8") and found.err == plan


@pytest.mark.parametrize(
    "options, message",
    [
        (["--memory", "1GiB"], "--memory needs the batch of a step"),
        (["--memory", "1GiB", "--batch", "4", "--recompute", "body.0"], "give either that or --recompute"),
        (["--batch", "4"], "--batch is for --memory"),
        (["--memory", "1MiB", "--batch", "16"], "--memory: batch 16 of small takes"),
    ],
)
def test_wrong_uses_are_told(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    spec = tmp_path / "small.arch"
    spec.write_text(SPEC, encoding="utf-8")
    assert main(["build", str(spec), *options]) != 0
    assert message in capsys.readouterr().err
