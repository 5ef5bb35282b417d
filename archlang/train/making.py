"""Makes the objects of torch that a recipe names: loss functions, optimiser, schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.recipes.fitting import Fitted, values_of
from archlang.recipes.losses import LOSSES, loss_of
from archlang.recipes.optimizers import OPTIMIZERS
from archlang.recipes.recipe import LossTerm, Part, Recipe
from archlang.recipes.schedules import LENGTHS, SCHEDULES, WHOLE_RUN
from archlang.recipes.transforms import MIXES
from archlang.shapes import TensorType, input_type
from archlang.train import own_losses
from archlang.train.both import both
from archlang.train.phases import ThenAveraged, WarmedPlateau

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

Values = Mapping[str, "Tensor"]


# ---- losses


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of the loss: its function, its factor, and the names of the values it compares.

    `class_axis` is the axis of classes in the first value; torch's losses of classes want it as axis 1. A loss that is
    `summed` over a batch grows with it.
    """

    function: Callable[..., Tensor]
    scale: float
    names: tuple[str, ...]
    class_axis: int = 1
    summed: bool = False

    def compared(self, values: Values) -> list[Tensor]:
        """Return the values that it compares, with classes as axis 1."""
        first, *rest = (values[name] for name in self.names)
        return [first if self.class_axis == 1 else first.movedim(self.class_axis, 1), *rest]

    def of(self, values: Values, parts: int = 1) -> Tensor:
        """Return the loss of these values, times the factor. Its mean over the parts of a batch is the batch's."""
        loss = self.function(*self.compared(values))
        scale = self.scale * parts if self.summed else self.scale
        return loss if scale == 1.0 else scale * loss

    def can_take(self, values: Values) -> bool:
        """Return whether all its values are there: those of outputs for training are not, in evaluation."""
        return all(name in values for name in self.names)


OWN: Mapping[str, Callable[..., Tensor]] = {
    "kl": own_losses.kl_to_standard_normal,
    "magnitude": own_losses.magnitude,
    "yolov1": own_losses.yolo_v1,
}


def terms(fitted: Fitted, example: Mapping[str, Tensor] | None = None, device: str = "cpu") -> list[Term]:
    """Return the summands of the loss of a recipe, with their weights of classes on a device.

    `example` is a sample, whose fields losses of one's own take.
    """
    made: list[Term] = []
    for term in fitted.recipe.losses:
        names = tuple(fitted.output if one.text == "it" else one.text for one in values_of(term, fitted))
        axis = fitted.class_axis(names[0]) if loss_of(term.part.word).along_channels else 1
        function = (
            _function(term.part, device) if term.own is None else _own(term, names, fitted, example or {}, device)
        )
        made.append(Term(function, term.scale, names, axis, term.part.arguments.get("reduction") == "sum"))
    return made


def _own(
    term: LossTerm, names: Sequence[str], fitted: Fitted, example: Mapping[str, Tensor], device: str
) -> Callable[..., Tensor]:
    """Return the function of a loss of the user's own: its module, whose values are averaged or summed."""
    from archlang.lower import module
    from archlang.program import program_of

    assert term.own is not None
    types = [fitted.type(name) or _type(example[name]) for name in names]
    made, reduction = module(program_of(term.own.graph(types)), 0).to(device), term.part.arguments["reduction"]

    def function(*values: Tensor) -> Tensor:
        found: Tensor = made(*values)
        return found.sum() if reduction == "sum" else found.mean()

    return function


def _type(value: Tensor) -> TensorType:
    return input_type(tuple(value.shape), str(value.dtype).removeprefix("torch."))


def _function(part: Part, device: str) -> Callable[..., Tensor]:
    """Return the function of a loss, with its arguments."""
    import torch

    given = {name: part.arguments[name] for name in part.given}
    if part.word in OWN:
        return partial(OWN[part.word], **given)
    tensors = {name: torch.tensor(value, device=device) for name, value in given.items() if isinstance(value, tuple)}
    made: Callable[..., Tensor] = getattr(torch.nn, LOSSES[part.word].known.name)(**(given | tensors))
    return made


# ---- optimiser


def optimizer(fitted: Fitted, module: nn.Module) -> Optimizer:
    """Return the optimiser of a recipe for the parameters of a module, in groups with their own settings."""
    parameters = {name: one for name, one in module.named_parameters() if name in fitted.parameters}
    if fitted.recipe.rest is None:
        return _optimizer(fitted.recipe.optimizer, fitted, parameters)
    first = {name: one for name, one in parameters.items() if name not in fitted.left}
    second = {name: one for name, one in parameters.items() if name in fitted.left}
    rest = fitted.recipe.rest.part
    return both(_optimizer(fitted.recipe.optimizer, fitted, first), _optimizer(rest, fitted, second))


def _optimizer(part: Part, fitted: Fitted, parameters: Mapping[str, nn.Parameter]) -> Optimizer:
    import torch

    kind = getattr(torch.optim, OPTIMIZERS[part.word].name, None)
    if kind is None:
        raise Rejected("missing-extra", f"torch {torch.__version__} has no optimiser {OPTIMIZERS[part.word].name}")
    rest = dict(parameters)
    groups: list[dict[str, Any]] = []
    for group in fitted.recipe.groups:
        found = dict.fromkeys(name for target in group.targets for name in fitted.chosen(target.text))
        names = [name for name in found if name in rest]
        groups.append({"params": [rest.pop(name) for name in names], **group.settings})
    groups = [one for one in ({"params": list(rest.values())}, *groups) if one["params"]]
    given = {name: part.arguments[name] for name in part.given}
    made: Optimizer = kind(groups, **given)
    return made


# ---- schedule


def schedule(recipe: Recipe, optimizer: Optimizer, length: int) -> Any:
    """Return the schedule of a recipe, None for a constant rate. `length` is that of the run, in its steps."""
    first = _in_order(recipe, optimizer, length)
    return first if recipe.swa is None else ThenAveraged(first, recipe, optimizer)


def _in_order(
    recipe: Recipe, optimizer: Optimizer, length: int
) -> LRScheduler | ReduceLROnPlateau | WarmedPlateau | None:
    """Return the schedules of a recipe, one after the other."""
    from torch.optim import lr_scheduler

    parts = recipe.schedule.parts
    if not parts:
        return None
    made: list[Any] = []
    starts: list[int] = []
    before = 0
    for part in parts:
        made.append(_schedule(part, recipe, optimizer, length - before))
        before += _length(part)
        starts.append(before)
    if parts[-1].word == "reduceonplateau" and len(made) == 2:
        return WarmedPlateau(made[0], made[1], starts[0])
    only: LRScheduler | ReduceLROnPlateau = made[0]
    return only if len(made) == 1 else lr_scheduler.SequentialLR(optimizer, made, milestones=starts[:-1])


def _length(part: Part) -> int:
    """Return after how many of its steps the next schedule begins."""
    value = part.arguments.get("length" if part.word == "warmup" else "total_iters", 0)
    return value if isinstance(value, int) else 0


def _schedule(part: Part, recipe: Recipe, optimizer: Optimizer, rest: int) -> Any:
    from torch.optim import lr_scheduler

    if part.word == "warmup":
        return lr_scheduler.LinearLR(optimizer, part.number("start_factor"), total_iters=int(part.number("length")))
    if part.word == "timebased":
        decay = part.number("decay")
        return lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + decay * t))
    arguments: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in part.arguments.items()
        if name in part.given
    }
    if part.word in ("onecycle", "cyclic"):
        arguments |= _cycled(part, recipe, optimizer)
    length = LENGTHS.get(part.word)
    if length is not None and part.arguments[length] == WHOLE_RUN:
        arguments[length] = max(rest, 1)
    return getattr(lr_scheduler, SCHEDULES[part.word].name)(optimizer, **arguments)


def _cycled(part: Part, recipe: Recipe, optimizer: Optimizer) -> dict[str, list[float]]:
    """Return the rates of a cycle for each group: a group with a rate of its own cycles in proportion to it."""
    name = "max_lr" if part.word == "onecycle" else "base_lr"
    rate = part.number(name)
    count = len(optimizer.param_groups) - len(recipe.groups)  # those that no line `group` made: one, or none
    own = [1.0] * count + [float(str(group.settings.get("lr", rate))) / rate for group in recipe.groups]
    cycled = ("max_lr",) if part.word == "onecycle" else ("base_lr", "max_lr")
    return {word: [part.number(word) * factor for factor in own] for word in cycled}


def learning_rates(optimizer: Optimizer) -> list[float]:
    """Return the rate of each group."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def in_order(values: Sequence[Tensor] | Tensor | tuple[Tensor, ...], names: Sequence[str]) -> dict[str, Tensor]:
    """Return what a module returned, one tensor or a tuple, by the names of the net's outputs."""
    import torch

    return dict(zip(names, [values] if isinstance(values, torch.Tensor) else values, strict=True))


# ---- mixes


def mixes(recipe: Recipe, classes: int) -> list[Any]:
    """Return the mixes of torchvision that a recipe names, for labels of so many classes."""
    if not recipe.mixes:
        return []
    from archlang.train.vision import transforms_v2

    v2 = transforms_v2()
    return [getattr(v2, MIXES[p.word].name)(alpha=p.number("alpha"), num_classes=classes) for p in recipe.mixes]
