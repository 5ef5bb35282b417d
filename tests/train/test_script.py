"""Training scripts: they end with the weights of `archlang train`, and say all that a recipe says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy
import pytest
from PIL import Image

from archlang.cli import main
from archlang.diagnostics import Diagnostic
from archlang.marks import is_made_here
from archlang.train.script import training_script
from archlang.train.script.refused import WRITTEN
from tests.train.recipes import NET, lines_of, recipe_of
from tests.train.scripts import assert_same_weights, script_of

NETS = Path(__file__).parents[1] / "nets"
MLP = """
net mlp {
  input image: 1x8x8
  flatten -> fc1: linear 16 -> relu -> dropout 0.1 -> fc2: linear 10
  output
}

train run = mlp {
  data digits
  loss crossentropy
  optimizer sgd lr=0.1 momentum=0.9 nesterov=true
  schedule multistep milestones=[1] gamma=0.1
  batch 100; epochs 2; seed 3
  metric accuracy; metric error top=2
}
"""
LENET = """
net lenet {
  input image: 1x8x8
  c1: conv 3x3 6 pad=1 -> tanh -> avgpool 2x2
  c3: conv 3x3 8 -> tanh -> flatten -> f6: linear 10
  output
}

train run = lenet {
  data digits held_out=0.3
  view normalize
  loss crossentropy label_smoothing=0.1
  optimizer adam lr=0.01
  group c1 lr=0.001
  freeze c3 until=1
  schedule warmup 5 -> cosineannealing eta_min=1e-4 by=step
  batch 128; epochs 3
  stop 1 on=accuracy
}
"""
VAE = """
block encode(width) { conv 3x3/2 8 pad=1 -> relu; flatten -> linear (2*width) -> split 2 }

net vae(width=4) {
  input image: 1x8x8
  input noise: [width]
  (image) -> (mean, logvar): encode width
  buffer halved: [1] init=constant(0.5)
  (logvar, halved) -> mul -> exp
  (it, noise) -> mul
  (mean, it) -> add
  decode: { linear 64 -> sigmoid -> reshape 1x8x8 }
  output
}

train run = vae {
  data digits
  feed noise normal
  loss bce it image reduction=sum
  loss 0.5 * kl mean logvar
  optimizer adam
  schedule timebased decay=0.5
  batch 128; epochs 2
  metric mae; metric rmse
}
"""
SPARSE = MLP.replace("fc1: linear 16 -> relu", "fc1: linear 16 -> code: relu").replace(
    "  optimizer",
    """  loss 1e-3 * magnitude code p=2 reduction=sum
  loss 0.01 * magnitude code
  regularize fc1 l1=1e-4 maxnorm=0.5
  regularize biases l2=1e-3
  regularize l1=1e-5
  clip norm=2; accumulate 2
  freeze fc2 until=1
  optimizer""",
)
SUMMED = VAE.replace("batch 128", "batch 128; accumulate 4")
GPT = """
train run = gpt2 vocabulary=256 context=8 width=16 depth=1 heads=2 {
  data text length=8 by=bytes
  loss crossentropy
  optimizer adamw lr=6e-4 betas=[0.9, 0.95] weight_decay=0.1
  group norms biases embeddings weight_decay=0
  schedule warmup 5 -> cosineannealing by=step
  clip norm=1.0; batch 32; accumulate 4; steps 12
  metric perplexity; metric accuracy
}
"""
RESNET = """
net small {
  input image: 3x32x32
  conv 3x3/2 8 pad=1 bias=false -> batchnorm -> relu
  residual { conv 3x3 8 pad=1 bias=false -> batchnorm } -> relu
  globalavgpool -> flatten -> fc: linear 10
  output
}

train run = small {
  data cifar10
  augment randomcrop 32 padding=4 -> randomhorizontalflip
  view normalize
  augment randomerasing p=0.5
  mix mixup alpha=0.2; mix cutmix
  loss crossentropy
  optimizer sgd lr=0.1 momentum=0.9 weight_decay=1e-4
  group norms weight_decay=0
  group fc lr=0.01
  schedule onecycle max_lr=0.1 by=step
  batch 16; epochs 2
  ema 0.9 every=2
  metric accuracy
}
"""


def text_file(folder: Path) -> Path:
    """Return a text of 1,500 bytes."""
    path = folder / "words.txt"
    path.write_text("".join(f"the {number} of {number * 7 % 11}, " for number in range(120))[:1500])
    return path


def cifar(folder: Path) -> Path:
    """Return the files of CIFAR-10 with 10 images each, in a pattern."""
    for at, name in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        rows = (numpy.arange(10 * 3073) * (at + 3) % 251).astype(numpy.uint8).reshape(10, 3073)
        rows[:, 0] = numpy.arange(10)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    return folder


@pytest.mark.parametrize("text", [MLP, LENET, VAE, SPARSE, SUMMED], ids=["mlp", "lenet", "vae", "sparse", "summed"])
def test_a_script_trains_to_the_same_weights(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch)


def test_so_does_that_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe_of((NETS / "gpt2.arch").read_text() + GPT)
    assert_same_weights(made, tmp_path, monkeypatch, text_file(tmp_path))


def test_so_does_that_of_augmented_and_mixed_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same_weights(recipe_of(RESNET), tmp_path, monkeypatch, cifar(tmp_path))


def test_so_does_that_of_a_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(24):
        path = tmp_path / "images" / "abc"[at % 3] / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((numpy.arange(108) * (at + 1) % 256).astype(numpy.uint8).reshape(9, 12)).save(path)
    text = NET.replace("linear 10", "linear 3") + (
        "train run = tiny {\n  data imagefolder mode=gray held_out=0.25\n  view resize [8, 8] -> normalize\n"
        "  augment randomhorizontalflip\n  loss crossentropy\n  optimizer rmsprop\n  batch 8; epochs 2\n}\n"
    )
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch, tmp_path / "images")


def test_so_does_that_of_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = numpy.arange(60 * 6).reshape(60, 6) % 17
    numpy.savez(tmp_path / "rows.npz", x=rows / 8.0, y=(rows.sum(1, keepdims=True) / 40).astype(numpy.float32))
    text = (
        "net line {\n  input x: [6]\n  linear 1\n  output\n}\n"
        "train run = line {\n  data npz\n  loss huber it y\n  optimizer adagrad lr=0.1\n"
        "  schedule reduceonplateau patience=0\n  batch 2; accumulate 2; steps 60\n}\n"
    )
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch, tmp_path / "rows.npz")


@pytest.mark.parametrize("text", [MLP, LENET, VAE, RESNET])
def test_scripts_are_laid_out_as_a_formatter_would(text: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(script_of(recipe_of(text)))
    assert is_made_here(script)
    for command in (["check", "--select", "B,C4,E,F,I,PIE,RET,SIM,UP,W", "--ignore", "RET504"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", script.name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_a_script_has_nothing_that_the_recipe_does_not_use() -> None:
    text = script_of(recipe_of(MLP))
    for word in ("torchvision", "archlang.", "scaler", "average", "clip", "parts_of", "statistics", "parameter_groups"):
        assert word not in text.split('"""', 2)[2], word


def refused(text: str) -> list[Diagnostic]:
    """Return what the script of a recipe cannot say."""
    made = recipe_of(text)
    script, wrong = training_script(made.recipe, made.graph, "spec.arch:run")
    assert not script
    return wrong


def test_what_a_script_cannot_say_is_told_where_it_is() -> None:
    mixed = lines_of(data="data imagefolder", view="", mix="mix mixup alpha=0.2")
    (wrong,) = refused(mixed)
    assert wrong.code == "not-in-script" and wrong.span.line == 14
    clash = NET.replace("net tiny", "block DataLoader { relu }\nnet v2") + lines_of().partition(NET)[2].replace(
        "= tiny", "= v2"
    )
    assert not training_script(recipe_of(clash).recipe, recipe_of(clash).graph, "s")[1]  # the class is called V2


def test_scripts_know_every_field_of_a_recipe() -> None:
    """A field that is new is refused wherever it is set, until the writers of scripts know it."""
    for kind, names in WRITTEN.items():
        assert {one.name for one in fields(kind)} >= names


def test_the_command_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.arch").write_text(MLP)
    assert main(["build", "spec.arch", "--train", "--set", "batch=50", "-o", "run.py"]) == 0
    text = Path("run.py").read_text()
    assert "BATCH = 50" in text and "`archlang train spec.arch:run --set batch=50`" in text
    assert main(["build", "spec.arch", "--train"]) == 0
    assert "BATCH = 100" in capsys.readouterr().out
    Path("alone.arch").write_text(NET)
    assert main(["build", "alone.arch", "--train"]) == 2
    assert "names no recipe" in capsys.readouterr().err
    assert main(["build", "spec.arch", "--train", "--weights", "x.pt"]) == 2
    assert "--weights is for the source of a net alone" in capsys.readouterr().err
    assert main(["build", "alone.arch", "--data", "x"]) == 2
    assert "--data is for --train" in capsys.readouterr().err
