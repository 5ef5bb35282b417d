"""The built-in recipe of `archlang train` for a net alone, as a text of the language: from an image to scores.

With it LeNet-5 recognises 98% of the held-out digits of MNIST.
"""

from __future__ import annotations

from collections.abc import Sequence

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.recipes.sources import DATA
from archlang.recipes.tuning import photographs, size_of_images

NAME = "from_scratch"
KINDS = ("mnist", "digits", "fashionmnist", "cifar10", "cifar100", "imagefolder")  # of images with a class each
_MIRRORED = ("cifar10", "cifar100")  # the mirror image of a digit is none
_WIDEST_FRAME = 4  # pixels on each side up to which smaller images get a border; beyond it they are enlarged


def scratch(graph: Graph, kind: str) -> str:
    """Return the text of a recipe that trains a net from its first weights on a kind of data.

    Raises `Rejected` if the net takes no image, or gives no scores of classes, or the kind has none.
    """
    if kind not in KINDS:
        message = f"the built-in recipe takes images with a class each, `--data` of the kinds {', '.join(KINDS)}"
        raise Rejected("data-does-not-fit", message, help="write a recipe for other data: `train NAME = NET {`")
    channels, _, _ = size_of_images(graph)
    lines = [
        f"data {kind}{' mode=gray' if kind == 'imagefolder' and channels == 1 else ''}",
        *_stages(kind, graph),
        "view normalize",
        "loss crossentropy",
        "optimizer adamw lr=0.003 weight_decay=0.01",
        "schedule onecycle max_lr=0.003 by=step",
        "batch 64; epochs 30",
        "metric accuracy",
    ]
    return f"train {NAME} = {graph.name} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def _stages(kind: str, graph: Graph) -> Sequence[str]:
    """Return the transforms up to `normalize`: crops of photographs, else small shifts of images of the net's size."""
    channels, height, width = size_of_images(graph)
    if kind == "imagefolder":
        return photographs(height, width)
    shift = max(1, min(height, width) // 16)
    shifts = f"augment randomcrop [{height}, {width}] padding={shift}"
    shape = DATA[kind].fields({}, graph)["image"].shape
    assert shape is not None
    if shape[0] != channels:
        told = f"the images of {kind} are {_times(shape)}, and {graph.name} takes {channels}x{height}x{width}"
        raise Rejected("data-does-not-fit", told)
    return (*_sized(shape[1:], (height, width)), shifts + (" -> randomhorizontalflip" if kind in _MIRRORED else ""))


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _sized(before: tuple[int, ...], wanted: tuple[int, ...]) -> Sequence[str]:
    """Return the transform to the size that the net takes, if there must be one: a border, if it is narrow."""
    if before == wanted:
        return ()
    frame = (wanted[0] - before[0]) // 2
    is_framed = tuple(side + 2 * frame for side in before) == wanted and 0 < frame <= _WIDEST_FRAME
    return (f"view pad {frame}",) if is_framed else (f"view resize {list(wanted)}",)
