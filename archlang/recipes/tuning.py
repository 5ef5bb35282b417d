"""The built-in recipe of `archlang finetune`, as a text of the language: for nets of images that give scores."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.diagnostics import Rejected
from archlang.ir import Graph

NAME = "finetune"
# mean and deviation of ImageNet's images, as published weights expect them (torchvision/transforms/_presets.py)
IMAGENET = "mean=[0.485, 0.456, 0.406] std=[0.229, 0.224, 0.225]"


def tuning(graph: Graph, kind: str, normalize: str = "") -> str:
    """Return the text of a recipe that trains a net further on images of a kind of data.

    `normalize` are the arguments of that transform; without them, those of ImageNet for colour images, else what is
    measured. Raises `Rejected` if the net takes no image, or gives no scores of classes.
    """
    channels, height, width = size_of_images(graph)
    numbers = normalize or (IMAGENET if channels == 3 else "")
    lines = [
        f"data {kind}{' mode=gray' if kind == 'imagefolder' and channels == 1 else ''}",
        *_stages(kind, height, width),
        f"view normalize {numbers}",
        "loss crossentropy",
        "optimizer sgd lr=0.01 momentum=0.9 weight_decay=1e-4",
        "schedule cosineannealing by=step",
        "batch 32; epochs 10",
        "metric accuracy",
    ]
    body = "".join(f"  {line.rstrip()}\n" for line in lines)
    return f"train {NAME} = {graph.name} {{\n{body}}}\n"


def size_of_images(graph: Graph) -> tuple[int, int, int]:
    """Return channels, height and width of the image that a net takes.

    Raises `Rejected` if it takes anything else, or gives no scores of classes.
    """
    root = graph.root
    inputs = [root.types[port.value] for port in root.inputs]
    outputs = [root.types[port.value] for port in root.outputs if not port.training]
    if len(inputs) != 1 or inputs[0].axes != ("n", "c", "h", "w") or outputs[0].axes != ("n", "c"):
        message = f"the built-in recipe is for nets from one image to scores of classes, and {graph.name} is none"
        help = "write a recipe, and name it: `SPEC:RECIPE`"
        raise Rejected("data-does-not-fit", message, help=help)
    _, channels, height, width = inputs[0].shape
    return channels, height, width


def photographs(height: int, width: int) -> Sequence[str]:
    """Return the transforms of photographs of any size: random crops and flips, and the middle in evaluation."""
    larger = f"{round(height * 8 / 7)}, {round(width * 8 / 7)}"  # 256 for 224
    return (
        f"augment randomresizedcrop [{height}, {width}] -> randomhorizontalflip",
        f"evaluate resize [{larger}] -> centercrop [{height}, {width}]",
    )


def _stages(kind: str, height: int, width: int) -> Sequence[str]:
    """Return the transforms up to `normalize`: those of photographs, else the size alone."""
    return photographs(height, width) if kind == "imagefolder" else (f"view resize [{height}, {width}]",)
