"""The compiled modules and torchvision's own: the lightest net of each spec, and in the sweep every net below 30
million parameters, `torch.equal` throughout.

No net needs a tolerance. `python -m tests.prove` holds the larger ones in the same way.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType

import pytest
import torch

import archlang
from archlang.shipped import shipped_nets
from archlang.verify import Trial
from tests.parity import assert_equal_in_eval, assert_equal_modules, scramble

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "torchvision.json").read_text("utf-8"))["models"]
LARGEST = int(os.environ.get("ARCHLANG_LARGEST", "30"))  # millions of parameters
NETS = sorted(name for name, model in REFERENCE.items() if model["params"] < LARGEST * 1_000_000)
LIGHTEST = {min(sorted({*names} & {*NETS}), key=lambda name: REFERENCE[name]["macs"], default="")
            for _, names in shipped_nets()}  # fmt: skip
WHOLE = ("inception", "maxvit", "swin", "vit")  # nets of one size: they train at it, the others at 64x64
SILENT = {"googlenet": {"init_weights": True}, "inception_v3": {"init_weights": True}}  # no word on a coming default


def sides(name: str) -> tuple[int, int]:
    """Return the sides of the images of a net in evaluation, torchvision's own, and in training, which takes longer."""
    side: int = REFERENCE[name]["input"][-1]
    return side, side if name.startswith(WHOLE) else 64


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.sweep] * (name not in LIGHTEST)) for name in NETS]
)
def test_equal_to_torchvision(name: str, torchvision: ModuleType) -> None:
    torch.manual_seed(1)
    theirs = torchvision.models.get_model(name, weights=None, **SILENT.get(name, {}))
    scramble(theirs)
    evaluated, trained = sides(name)
    net = archlang.load(name)
    verdict = net.verify(theirs, Trial(size=(trained, trained)))
    assert verdict.equal, str(verdict)
    ours = net.module()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_in_eval(ours, theirs, torch.randn(1, 3, evaluated, evaluated))


def test_equal_at_the_papers_size(torchvision: ModuleType) -> None:
    torch.manual_seed(2)
    theirs = torchvision.models.vgg11(weights=None)
    with torch.device("meta"):  # its 133 million weights are loaded, and need not be drawn
        ours = archlang.load("vgg11_2014").module()
    assert_equal_modules(ours.to_empty(device="cpu"), theirs, torch.randn(1, 3, 224, 224))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_equal_with_its_inputs_transformed(name: str, torchvision: ModuleType) -> None:
    torch.manual_seed(3)
    theirs = torchvision.models.get_model(name, weights=None, transform_input=True, **SILENT[name])
    scramble(theirs)
    ours = archlang.load(name, transform_input=True).module()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_in_eval(ours, theirs, torch.randn(1, 3, *[sides(name)[0]] * 2))
