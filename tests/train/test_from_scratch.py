"""A net alone, trained by the built-in recipe; weights as a file of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import archlang
from archlang.cli import main
from archlang.recipes.scratch import scratch
from archlang.train.checkpoints import save_weights
from tests.train.recipes import recipe_of

NET = "net {name} {{\n  input image: {size}\n  flatten -> linear {classes}\n  output\n}}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spec(size: str, classes: int = 10, name: str = "n") -> str:
    Path(f"{name}.arch").write_text(NET.format(name=name, size=size, classes=classes))
    return f"{name}.arch"


@pytest.mark.parametrize(
    "size, kind, line",
    [
        ("1x32x32", "mnist", "  view pad 2\n  augment randomcrop [32, 32] padding=2\n"),
        ("1x28x28", "mnist", "  data mnist\n  augment randomcrop [28, 28] padding=1\n"),
        ("1x64x64", "mnist", "  view resize [64, 64]\n"),
        ("1x32x30", "mnist", "  view resize [32, 30]\n"),
        ("3x32x32", "cifar10", "padding=2 -> randomhorizontalflip\n"),
        ("1x8x8", "digits", "  data digits\n  augment randomcrop [8, 8] padding=1\n"),
        ("1x64x64", "imagefolder", "  data imagefolder mode=gray\n  augment randomresizedcrop [64, 64]"),
    ],
)
def test_images_get_the_size_of_the_net(size: str, kind: str, line: str) -> None:
    assert line in scratch(archlang.load(spec(size)).graph, kind)


def test_a_net_alone_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["train", spec("1x8x8"), "--data", "digits", "--epochs", "2"]
    assert main([*call, "--set", "optimizer.lr=0.02", "--set", "schedule.max_lr=0.02"]) == 0
    out = capsys.readouterr().out
    assert "from_scratch: n with 650 trainable parameters, 2 epochs in batches of 64" in out
    assert (
        " of 359 digits read right, after " in out
        and out.endswith("checkpoint: n.pt\n")
        and out.count("held-out accuracy") == 1
    )
    held = torch.load("n.pt", weights_only=True)
    assert (held["net"], held["epochs"], held["seed"]) == ("n", 2, 0)
    archlang.load("n.arch").module().load_state_dict(held["state_dict"], strict=True)
    last = torch.load("runs/n/last.pt", weights_only=True)["state_dict"]
    assert all(torch.equal(one, last[name]) for name, one in held["state_dict"].items())


def test_a_run_of_a_net_alone_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["train", spec("1x8x8"), "--data", "digits", "--epochs", "1"]
    assert main([*call, "--out", "here"]) == 0
    assert main([*call, "--resume", "here"]) == 0
    assert sorted(path.name for path in Path().glob("*.pt")) == ["n-2.pt", "n.pt"]
    assert main(["predict", "here", "nothing.png"]) == 1


@pytest.mark.parametrize(
    "size, classes, data, status, said",
    [
        ("1x8x8", 10, "", 2, "a net alone trains on data of a kind: `--data mnist`"),
        ("1x8x8", 10, "flowers", 2, "a net alone trains on data of a kind"),
        ("1x8x8", 10, "csv:table.csv", 2, "takes images with a class each"),
        ("[8]", 10, "mnist", 2, "for nets from one image to scores of classes, and n is none"),
        ("1x28x28", 26, "mnist", 1, "`it` (26 float32) has 26 scores, and `label` has 10 classes"),
        ("3x28x28", 10, "mnist", 2, "the images of mnist are 1x28x28, and n takes 3x28x28"),
        ("3x28x28", 10, "imagefolder:nowhere", 2, "there is no nowhere"),
        ("1x8x8", 10, "digits:somewhere", 2, "comes with a package"),
    ],
)
def test_what_does_not_fit(
    size: str, classes: int, data: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", data] if data else []
    assert main(["train", spec(size, classes), *words]) == status
    captured = capsys.readouterr()
    assert captured.out == "" and said in captured.err
    assert [path.name for path in Path().iterdir()] == ["n.arch"]


RECIPE = """net n { input image: 1x8x8; a: conv 3x3 4 -> relu; flatten -> b: linear 10; output }
train r = n { data digits; view normalize; loss crossentropy; optimizer sgd lr=0.05; batch 64; steps 3; ema 0.5
  freeze a }
"""


def test_weights_of_a_recipe_as_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.arch").write_text(RECIPE)
    assert main(["train", "r.arch", "-o", "r.pt"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("r: n with 1,450 trainable parameters, ") and out.endswith("checkpoint: r.pt\n")
    average = torch.load("runs/r/last.pt", weights_only=True)["average"]
    for name, tensor in torch.load("r.pt", weights_only=True)["state_dict"].items():
        assert torch.equal(tensor, average[f"module.{name}"])
    assert main(["evaluate", "r.arch", "--weights", "r.pt"]) == 0
    assert main(["train", "r.arch", "-o", "r.arch"]) == 2
    assert main(["train", "r.arch", "-o", "r.pt", "--verify"]) == 2
    assert "promises" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "lines, count",
    [
        ("", 1490),
        ("freeze a", 1450),
        ("freeze a until=1", 1490),
        ("freeze a biases", 1440),
        ("freeze biases; freeze b.bias", 1476),
    ],
)
def test_trainable_parameters_are_those_that_are_not_frozen_for_good(lines: str, count: int) -> None:
    from archlang.recipes.freezing import trained_params

    made = recipe_of(RECIPE.replace("freeze a", lines).replace("steps 3", "epochs 3"), "r")
    assert trained_params(made.recipe, made.graph) == count


def test_a_file_of_weights_loads_with_weights_only_and_is_whole() -> None:
    state = {"w": torch.arange(6.0).requires_grad_()}
    meta = {"net": "small", "arguments": {"classes": 10}}
    assert save_weights(Path("small.pt"), state, meta) == Path("small.pt")
    held = torch.load("small.pt", weights_only=True)
    assert {name: held[name] for name in meta} == meta
    assert torch.equal(held["state_dict"]["w"], state["w"]) and not held["state_dict"]["w"].requires_grad


def test_a_file_of_weights_replaces_only_files_that_it_may_replace() -> None:
    wanted, state = Path("small.pt"), {"w": torch.zeros(2)}
    assert save_weights(wanted, state, {}, replace=False) == wanted
    before = wanted.read_bytes()
    assert save_weights(wanted, {"w": torch.ones(2)}, {}, replace=False) == Path("small-2.pt")
    assert wanted.read_bytes() == before
    assert save_weights(wanted, {"w": torch.ones(2)}, {}) == wanted
    assert wanted.read_bytes() != before


def test_importing_training_costs_no_torch() -> None:
    import subprocess
    import sys

    program = "import sys, archlang.train; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.sweep
def test_lenet_reads_the_held_out_digits(capsys: pytest.CaptureFixture[str]) -> None:
    """The defaults give 98% in 30 epochs; a few of them do for a test."""
    assert main(["train", "lenet5", "--data", "mnist", "--epochs", "4"]) == 0
    last = Path("runs/lenet5/metrics.csv").read_text().splitlines()[-1]
    assert float(last.rpartition(",")[2]) >= 0.93


# ends the process where torch is first looked for, with the policy for its exit
FINDER = """
import os, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "torch":
            sys.exit(os.environ.get("OMP_WAIT_POLICY", "none"))
sys.meta_path.insert(0, Finder())
from archlang.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("words", [["demo"], ["train", "lenet5", "--data", "mnist"]])
def test_threads_wait_without_spinning(words: list[str]) -> None:
    """The policy is set before torch is imported, which reads it once. Else training beside other programs crawls."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", FINDER, *words]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "passive"
