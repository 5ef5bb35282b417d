"""The recipes of papers and of the lectures can be said: each fits its net, without data."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlang.cli import main

RECIPES = {
    "LeNet on MNIST": """
use "lenet5": lenet5
train run = lenet5 {
  data mnist
  view pad 2 -> normalize
  augment randomaffine degrees=0 translate=[0.06, 0.06]
  loss crossentropy
  optimizer adamw lr=0.003 weight_decay=0.01
  schedule onecycle max_lr=0.003 by=step
  batch 64; epochs 30
  metric accuracy
  expect accuracy >= 0.98 at seeds=3
}
""",
    "He et al. 2015, section 4.2": """
use "resnet_cifar": resnet20
train run = resnet20 {
  data cifar10
  view normalize
  augment randomcrop 32 padding=4 -> randomhorizontalflip
  loss crossentropy
  optimizer sgd lr=0.1 momentum=0.9 weight_decay=1e-4
  schedule multistep milestones=[32_000, 48_000] gamma=0.1 by=step
  batch 128; steps 64_000
  metric error
  expect error <= 0.09
}
""",
    "torchvision's of 2021": """
use "resnet": resnet50
train run = resnet50 {
  data imagefolder
  augment randomresizedcrop 176 -> randomhorizontalflip -> trivialaugmentwide
  evaluate resize 232 -> centercrop 224
  view normalize mean=[0.485, 0.456, 0.406] std=[0.229, 0.224, 0.225]
  augment randomerasing p=0.1
  mix mixup alpha=0.2
  mix cutmix alpha=1.0
  loss crossentropy label_smoothing=0.1
  optimizer sgd lr=0.5 momentum=0.9 weight_decay=2e-5
  group norms biases weight_decay=0
  schedule warmup 5 start_factor=0.01 -> cosineannealing by=epoch
  batch 1024; epochs 600; precision bf16
  ema 0.99998 every=32
  metric accuracy; metric accuracy top=5
}
""",
    "GoogLeNet with its auxiliary losses": """
use "googlenet": googlenet
train run = googlenet {
  data imagefolder
  augment randomresizedcrop 224 -> randomhorizontalflip
  evaluate resize 256 -> centercrop 224
  view normalize
  loss crossentropy
  loss 0.3 * crossentropy aux1
  loss 0.3 * crossentropy aux2
  optimizer sgd lr=0.01 momentum=0.9
  schedule step step_size=8 gamma=0.96 by=epoch
  batch 256; epochs 60
}
""",
    "a sparse autoencoder": """
net auto {
  input image: 1x8x8
  flatten -> linear 32 -> code: relu
  linear 64 -> sigmoid -> decoder: reshape 1x8x8
  output
}
train run = auto {
  data digits
  augment gaussiannoise sigma=0.1
  view normalize mean=[0] std=[1]
  loss mse decoder image
  loss 1e-4 * magnitude code
  optimizer adam
  batch 64; epochs 20
}
""",
    "a variational autoencoder": """
net vae(code=20) {
  input image: 1x28x28
  input noise: [code]
  (image) -> flatten -> linear 400 -> relu -> h: it
  (h) -> mean: linear code
  (h) -> logvar: linear code
  (logvar) -> scale 0.5 -> exp -> sd: it
  (sd, noise) -> mul -> (it, mean) -> add -> linear 400 -> relu -> linear 784 -> sigmoid -> decoder: reshape 1x28x28
  output decoder
}
train run = vae {
  data mnist
  view normalize mean=[0] std=[1]
  feed noise normal
  loss bce decoder image reduction=sum
  loss kl mean logvar
  optimizer adam lr=1e-3
  batch 128; epochs 30
}
""",
    "FCN": """
net segment {
  input image: [3, H=224, W=224]
  trunk: conv 3x3 32 pad=1 -> relu -> score: conv 1x1 21
  output
}
train run = segment {
  data segmentation classes=21 ignore=255
  augment randomcrop 224 -> randomhorizontalflip
  evaluate centercrop 224
  view normalize
  loss crossentropy it mask ignore_index=255
  optimizer sgd lr=1e-3 momentum=0.9 weight_decay=5e-4
  group biases lr=2e-3 weight_decay=0
  metric iou
  batch 20; epochs 50
}
""",
    "YOLO v1": """
use "yolo_v1": yolo_v1
train run = yolo_v1 {
  data detection classes=20
  view resize [448, 448] -> normalize
  augment randomaffine degrees=0 translate=[0.2, 0.2] scale=[0.8, 1.2] -> colorjitter brightness=0.5 saturation=0.5
  loss yolov1 cells boxes coord=5 noobj=0.5
  optimizer sgd lr=1e-2 momentum=0.9 weight_decay=5e-4
  schedule warmup 1 start_factor=0.1 -> multistep milestones=[75, 105] by=epoch
  batch 64; epochs 135
}
""",
    "fine-tuning": """
use "resnet": resnet50
train run = resnet50 classes=20 {
  data imagefolder
  view resize [224, 224] -> normalize
  optimizer adamw lr=1e-3 weight_decay=0.05
  group layer4 lr=1e-4
  group conv1 bn1 layer1 layer2 layer3 lr=1e-5
  freeze conv1 bn1 layer1 layer2 layer3 until=5
  schedule cosineannealing by=step
  loss crossentropy
  batch 64; epochs 20
  metric accuracy
  stop 5 on=accuracy
}
""",
    "next word": """
net gpt(words=256, width=64) {
  input tokens: [128] dtype=int64
  wte: embedding words width
  layernorm -> mlp: linear (4*width) -> gelu -> linear width
  logits: linear words bias=false
  output
}
train run = gpt {
  data text length=128 by=bytes
  loss crossentropy logits next
  optimizer adamw lr=6e-4 betas=[0.9, 0.95] weight_decay=0.1
  group norms biases wte weight_decay=0
  schedule warmup 200 -> cosineannealing eta_min=6e-5 by=step
  clip norm=1.0; batch 64; steps 5_000; precision bf16
  metric perplexity
}
""",
    "AlexNet's colours, hinge, max-norm": """
use "alexnet": alexnet
train run = alexnet {
  data imagefolder
  evaluate resize 256 -> centercrop 224
  augment resize 256 -> randomcrop 224 -> randomhorizontalflip -> pcacolor
  view normalize
  loss multimargin
  regularize maxnorm=4
  optimizer sgd lr=0.01 momentum=0.9 nesterov=true weight_decay=5e-4
  schedule warmup 2 -> reduceonplateau factor=0.1 patience=3
  swa start=80 lr=1e-3
  batch 128; epochs 90
  metric error top=5
}
""",
    "the other optimisers and schedules of the lectures": """
net small { input image: 1x8x8; flatten -> linear 32 -> relu -> linear 10; output }
train run = small {
  data digits
  view normalize
  loss crossentropy weight=[1, 1, 2, 1, 1, 1, 1, 1, 1, 1]
  optimizer rmsprop lr=0.001 alpha=0.9
  schedule timebased decay=0.1
  batch 64; epochs 5; accumulate 2
}
""",
}


@pytest.mark.parametrize("name", RECIPES)
def test_can_be_said(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec.arch").write_text(RECIPES[name])
    assert main(["check", f"{tmp_path / 'spec.arch'}:run"]) == 0, capsys.readouterr().err
    assert "run: trains " in capsys.readouterr().out
