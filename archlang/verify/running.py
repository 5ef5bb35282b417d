"""Runs two modules with the same weights in evaluation and in training, and compares the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.ir import Graph
from archlang.shapes import FLOAT_DTYPES
from archlang.verify.keys import Keys
from archlang.verify.reference import told
from archlang.verify.tensors import compare, flat, numbered, shape
from archlang.verify.verdict import Check

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Trial:
    """How two modules are compared.

    `batch` images are drawn by `seed`; `size` replaces the last sizes of each input, and integer inputs are below
    `below`. Two values are equal within tolerance*(1 + |reference|); a tolerance of 0 means bit for bit. `renames` maps
    paths of the reference to their names in the net; `by_order` pairs weights by their order alone. A `dtype` such as
    float64 replaces every float dtype, of weights and inputs, in both modules.
    """

    batch: int = 2
    size: tuple[int, ...] = ()
    tolerance: float = 0.0
    by_order: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    below: int = 2
    dtype: str = ""

    def __post_init__(self) -> None:
        if self.dtype and self.dtype not in FLOAT_DTYPES:
            raise ValueError(f"dtype is one of {', '.join(FLOAT_DTYPES)}, not {self.dtype}")


@dataclass(frozen=True, slots=True)
class Pair:
    """The two modules, their inputs and how their keys are paired."""

    ours: nn.Module
    theirs: nn.Module
    graph: Graph
    inputs: list[Tensor]
    keys: Keys
    trial: Trial

    def both(self, run: Callable[[nn.Module, list[Tensor]], object]) -> tuple[object, object]:
        """Return the results of both, with the same inputs and the same random numbers."""
        return self.run(self.ours, run), self.run(self.theirs, run)

    def run(self, module: nn.Module, run: Callable[[nn.Module, list[Tensor]], object]) -> object:
        import torch

        inputs = [tensor.detach().clone().requires_grad_(tensor.is_floating_point()) for tensor in self.inputs]
        torch.manual_seed(self.trial.seed)  # pyright: ignore[reportUnknownMemberType]
        who = "the net" if module is self.ours else "the reference"
        with told(f"{who} fails on {', '.join(map(shape, inputs))}"):
            return run(module, inputs)


def evaluated(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    import torch

    module.eval()
    with torch.no_grad():
        return flat(module(*inputs))


def trained(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    module.train()
    return flat(module(*inputs))


def in_evaluation(pair: Pair) -> tuple[Check, tuple[str, ...]]:
    mine, other = (numbered("output", flat(given)) for given in pair.both(evaluated))
    check = compare("outputs in evaluation", mine, other, pair.trial.tolerance)
    wild = [name for name, tensor in other.items() if tensor is not None and not bool(tensor.isfinite().all())]
    return check, tuple(f"{name} holds values that are not finite, which prove little" for name in wild)


def in_training(pair: Pair) -> list[Check]:
    """Compare outputs, gradients of inputs and parameters, and buffers after one step, with the same dropout."""
    ours, theirs = (given for given in pair.both(_step))
    assert isinstance(ours, _Step) and isinstance(theirs, _Step)
    names = pair.keys.pairs
    parameters = dict(pair.theirs.named_parameters(remove_duplicate=False))
    gradients = {key: parameters[names[key]].grad for key, _ in pair.ours.named_parameters(remove_duplicate=False)
                 if names[key] in parameters}  # fmt: skip
    state, after = pair.ours.state_dict(), pair.theirs.state_dict()
    buffers = [key for key, _ in pair.ours.named_buffers() if key in state]
    tolerance = pair.trial.tolerance
    return [
        compare("outputs in training", ours.outputs, theirs.outputs, tolerance),
        compare(
            "gradients",
            {**ours.gradients, **{key: part.grad for key, part in pair.ours.named_parameters(remove_duplicate=False)}},
            {**theirs.gradients, **gradients},
            tolerance,
        ),
        compare(
            "buffers after training",
            {key: state[key] for key in buffers},
            {key: after[names[key]] for key in buffers},
            tolerance,
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Step:
    """The outputs of a module in training, and the gradients of its inputs."""

    outputs: dict[str, Tensor | None]
    gradients: dict[str, Tensor | None]


def _step(module: nn.Module, inputs: list[Tensor]) -> _Step:
    """Run forward and backward once. The loss is the sum of y*(y + r) over every output y, r drawn for each.

    Squares alone have no gradient where a value is 0, as in the padding row of an embedding.
    """
    import torch

    module.zero_grad()
    outputs = trained(module, inputs)
    losses = [(y * (y + torch.rand_like(y))).sum().double() for y in outputs if y.requires_grad]
    if losses:
        torch.stack(losses).sum().backward()  # pyright: ignore[reportUnknownMemberType]
    gradients = {f"of input {number}": tensor.grad for number, tensor in enumerate(inputs)}
    return _Step(numbered("output", [output.detach() for output in outputs]), gradients)
