"""Each argument of an optimiser, a schedule or a loss changes the object of torch that is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import torch

from archlang.lower import module
from archlang.program import program_of
from archlang.recipes.arguments import REQUIRED, Kind, Known, Setting, Unfit
from archlang.recipes.fitting import Fitted
from archlang.recipes.losses import LOSSES
from archlang.recipes.optimizers import OPTIMIZERS
from archlang.recipes.schedules import SCHEDULES
from archlang.train.making import OWN, optimizer, schedule, terms
from tests.train.mistakes_in_recipes import right
from tests.train.recipes import recipe_of

NET = "net tried { input image: 1x8x8; flatten -> linear 4 bias=false; output }\n"
# what another argument must be for this one to be valid
BESIDE = {"nesterov": "momentum=0.9"}
OTHER = {
    "betas": "[0.5, 0.6]", "etas": "[0.4, 1.3]", "step_sizes": "[1e-5, 40]", "ns_coefficients": "[3, -4, 2]",
    "beta2_decay": "(0-0.5)", "milestones": "[2, 3]", "weight": "[1, 2, 3, 4]", "pos_weight": "[1, 2, 3, 4]",
    "anneal_strategy": "linear", "reduction": "sum", "mode": "", "threshold_mode": "abs", "total_steps": "",
}  # fmt: skip


def others(known: Known) -> Iterator[tuple[str, str]]:
    """Yield each argument with a value that is not its default."""
    for name, (kind, default) in known.arguments.items():
        if default == REQUIRED:
            continue
        if name in OTHER:
            value = OTHER[name] or {"mode": "max" if known.name == "ReduceLROnPlateau" else "triangular2"}.get(name, "")
        elif isinstance(default, bool):
            value = str(not default).lower()
        else:
            value = next((f"{one:g}" for one in (0.25, 2, 3, 1) if one != default and fits(kind, one)), right(kind))
        if value:
            yield name, value


def fits(kind: Kind, value: float) -> bool:
    """Return whether a number is a value of a kind."""
    try:
        kind.fitting(value)
    except Unfit:
        return False
    return True


def required(known: Known) -> str:
    """Return the arguments that must be given."""
    needed = [(name, kind) for name, (kind, default) in known.arguments.items() if default == REQUIRED]
    return " ".join(f"{name}={right(kind)}" for name, kind in needed)


def fitted(**lines: str) -> Fitted:
    """Return a recipe with some lines replaced, beside its net."""
    every = {"data": "data synthetic", "loss": "loss crossentropy", "optimizer": "optimizer sgd", "batch": "batch 8",
             "steps": "steps 50", **lines}  # fmt: skip
    made = recipe_of(NET + "train run = tried {\n" + "".join(f"  {line}\n" for line in every.values()) + "}\n")
    return Fitted(made.recipe, made.graph)


def plain(value: object) -> object:
    """Return lists and tuples alike, and tensors as lists."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


CASES = [(word, name, value) for word, known in OPTIMIZERS.items() for name, value in others(known)]


@pytest.mark.parametrize("word, name, value", CASES)
def test_of_an_optimiser(word: str, name: str, value: str) -> None:
    if not hasattr(torch.optim, OPTIMIZERS[word].name):
        pytest.skip(f"this torch has no {word}")
    found = fitted(optimizer=f"optimizer {word} {name}={value} {BESIDE.get(name, '')}")
    group = optimizer(found, module(program_of(found.graph), 0)).param_groups[0]
    wanted: Mapping[str, Setting] = found.recipe.optimizer.arguments
    assert plain(group[name]) == plain(wanted[name])
    assert plain(wanted[name]) != plain(OPTIMIZERS[word].arguments[name][1])


def state(word: str, arguments: str) -> object:
    """Return all that a schedule has set, in itself and in the groups of its optimiser."""
    found = fitted(schedule=f"schedule {word} {required(SCHEDULES[word])} {arguments} by=step")
    made = optimizer(found, module(program_of(found.graph), 0))
    chosen = schedule(found.recipe, made, 50)
    groups = [{name: one for name, one in group.items() if name != "params"} for group in made.param_groups]
    return {name: str(one) for name, one in chosen.state_dict().items() if not callable(one)}, groups


@pytest.mark.parametrize(
    "word, name, value", [(word, name, value) for word, known in SCHEDULES.items() for name, value in others(known)]
)
def test_of_a_schedule(word: str, name: str, value: str) -> None:
    assert state(word, f"{name}={value}") != state(word, "")


@pytest.mark.parametrize(
    "word, name, value",
    [(word, name, value) for word, loss in LOSSES.items() if word not in OWN for name, value in others(loss.known)],
)
def test_of_a_loss(word: str, name: str, value: str) -> None:
    values = {"gaussiannll": "it target target", "tripletmargin": "it target target"}.get(word, "it target")
    if LOSSES[word].of_classes:
        values = "it label"
    found = fitted(loss=f"loss {word} {values} {name}={value}")
    (term,) = terms(found)
    assert plain(getattr(term.function, name)) == plain(found.recipe.losses[0].part.arguments[name])
