"""The tables of torch's classes hold the names and defaults of the installed torch and torchvision."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from archlang.recipes.arguments import REQUIRED, Known
from archlang.recipes.losses import LOSSES
from archlang.recipes.optimizers import ELSEWHERE, OPTIMIZERS
from archlang.recipes.schedules import SCHEDULES, WHOLE_RUN
from archlang.recipes.transforms import MIXES, RANDOM, TRANSFORMS

# how an optimiser or a transform runs, and what no text can say
LEFT_OUT = {
    "params", "optimizer", "foreach", "fused", "capturable", "differentiable", "maximize", "last_epoch", "inplace",
    "size_average", "reduce", "device", "decoupled_weight_decay", "scale_fn", "scale_mode", "epochs",
    "steps_per_epoch", "self",
}  # fmt: skip
OWN = {"kl", "magnitude", "yolov1"}  # losses that torch does not have
OWN_TRANSFORMS = {"pcacolor"}  # that torchvision does not have


def signature(kind: type) -> dict[str, Any]:
    """Return the arguments of a class, with their defaults."""
    return {
        name: REQUIRED if one.default is inspect.Parameter.empty else one.default
        for name, one in inspect.signature(kind).parameters.items()
        if name not in LEFT_OUT
    }


def check(known: Known, kind: type, less: frozenset[str] = frozenset()) -> None:
    """Assert that each argument of the table is one of the class, with its default but for those of `less`."""
    theirs = signature(kind)
    for name, (_, default) in known.arguments.items():
        if name == "decoupled_weight_decay":
            continue
        assert name in theirs, f"{known.name} has no {name}"
        ours = list(default) if isinstance(default, tuple) else default
        found = list(theirs[name]) if isinstance(theirs[name], (tuple, list)) else theirs[name]
        assert ours == found or default == WHOLE_RUN or name in less, f"{known.name}.{name}: {ours}, torch has {found}"


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_optimizers_are_those_of_torch(word: str) -> None:
    kind = getattr(torch.optim, OPTIMIZERS[word].name, None)
    if kind is None:
        pytest.skip(f"this torch has no {OPTIMIZERS[word].name}")
    check(OPTIMIZERS[word], kind)
    assert {*signature(kind)} - {*OPTIMIZERS[word].arguments} <= {"eps"}  # Adafactor's has a None in it


def test_every_optimizer_of_torch_is_known() -> None:
    every = {
        name.lower()
        for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and name != "Optimizer"
    }
    assert every <= {*OPTIMIZERS, *ELSEWHERE}


@pytest.mark.parametrize("word", SCHEDULES)
def test_schedules_are_those_of_torch(word: str) -> None:
    kind = getattr(lr_scheduler, SCHEDULES[word].name)
    check(SCHEDULES[word], kind)
    assert {*signature(kind)} == {*SCHEDULES[word].arguments}


@pytest.mark.parametrize("word", sorted({*LOSSES} - OWN))
def test_losses_are_those_of_torch(word: str) -> None:
    known = LOSSES[word].known
    check(known, getattr(torch.nn, known.name))


@pytest.mark.parametrize("word", sorted({*TRANSFORMS, *MIXES} - OWN_TRANSFORMS))
def test_transforms_are_those_of_torchvision(word: str) -> None:
    from torchvision.transforms import v2

    known = {**TRANSFORMS, **MIXES}[word]
    kind = getattr(v2, known.name)
    # the numbers of `normalize` may be measured; policies are an enumeration, and colours are words there
    check(known, kind, frozenset({"mean", "std", "policy"}))
    order = [name for name in signature(kind) if name in known.arguments]
    assert [*known.arguments] == order


def test_what_draws_is_told_as_random() -> None:
    from torchvision.transforms import v2

    for word, known in TRANSFORMS.items():
        if word in ("normalize", "autoaugment", *OWN_TRANSFORMS):
            continue
        given = {name: _any(name) for name, (_, default) in known.arguments.items() if default == REQUIRED}
        transform = getattr(v2, known.name)(**given)
        image = torch.randint(256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        if word in ("gaussiannoise", "elastictransform"):
            image = image.float() / 255
        drawn: set[bytes] = set()
        for seed in range(8):
            torch.manual_seed(seed)
            drawn.add(transform(image).contiguous().numpy().tobytes())
        assert (len(drawn) > 1) <= (word in RANDOM), word


def _any(name: str) -> int:
    return {"kernel_size": 3, "size": 8, "degrees": 30, "bits": 3, "threshold": 100, "sharpness_factor": 2}.get(name, 2)
