"""What torch's allocator allocates during a training step or an inference on the CPU, from the profiler's events.

Memory that one call allocates and another frees is memory over time. Memory that a call allocates and frees by itself
is its scratch. A call is an operator of ATen, or in the backward pass a node of autograd's graph.

A measurement depends on nothing that ran before it. Memory that was allocated before the profiler started and is freed
while it runs is left out, since it was never counted. No garbage is collected meanwhile, so that what a step leaves in
a cycle of references lives to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from archlang.facts.memory.loss import is_classified
from archlang.ir import Graph
from archlang.laws.allocator import Measured, peaks, recorded

OPTIMIZERS: dict[str, Callable[[Iterable[Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=1e-5),
    "momentum": lambda weights: torch.optim.SGD(weights, lr=1e-5, momentum=0.9),
    "nesterov": lambda weights: torch.optim.SGD(weights, lr=1e-5, momentum=0.9, nesterov=True),
    "adam": lambda weights: torch.optim.Adam(weights, lr=1e-5),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=1e-5),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=1e-5),
    "adagrad": lambda weights: torch.optim.Adagrad(weights, lr=1e-5),
}


def images(graph: Graph, batch: int) -> list[Tensor]:
    """Return random inputs of the net; whole numbers are 0."""
    types = [graph.root.types[port.value] for port in graph.root.inputs]
    sizes = [[size * (batch if axis == "n" else 1) for size, axis in zip(x.shape, x.axes, strict=True)] for x in types]
    return [
        torch.randn(size) if x.is_float else torch.zeros(size, dtype=getattr(torch, x.dtype))
        for x, size in zip(types, sizes, strict=True)
    ]


def inference(module: nn.Module, inputs: Sequence[Tensor], autocast: str | None = None) -> Measured:
    """Return a forward pass in evaluation mode, without gradients; the second of two."""
    module.eval()
    with torch.no_grad():
        with _casting(autocast):
            module(*inputs)
        with recorded() as events, _casting(autocast):
            given = module(*inputs)
    before = _bytes([*module.parameters(), *module.buffers(), *inputs])
    del given
    return peaks(events, before)


def training(
    graph: Graph,
    module: nn.Module,
    inputs: Sequence[Tensor],
    optimizer: str,
    *,
    recomputes: bool = False,
    autocast: str | None = None,
) -> Measured:
    """Return a step of training, the second of two: forward, loss, backward, optimiser; no gradients before it.

    Where the module `recomputes`, a node of the backward pass may run a whole block, and is no call itself.
    """
    module.train()
    optim = OPTIMIZERS[optimizer](module.parameters())
    with _casting(autocast):
        outputs = _several(module(*inputs))
    axes = [graph.root.types[port.value].axes for port in graph.root.outputs]
    targets = [_target(y, is_classified(one)) for y, one in zip(outputs, axes, strict=True) if y.is_floating_point()]
    if autocast:  # a target that is not below the net's input
        targets = [one.float() if one.is_floating_point() else one for one in targets]
    with _casting(autocast):
        loss = _loss(outputs, targets)
    _step(loss, optim)
    optim.zero_grad()
    del outputs, loss
    with recorded(("aten::",) if recomputes else ("",)) as events:
        with _casting(autocast):
            outputs = _several(module(*inputs))
            loss = _loss(outputs, targets)
        _step(loss, optim)
    state = [value for kept in optim.state.values() for value in kept.values() if isinstance(value, Tensor)]
    before = _bytes([*module.parameters(), *module.buffers(), *inputs, *targets, *state])
    return peaks(events, before)


def recomputing(module: nn.Module, paths: Iterable[str]) -> None:
    """Let the backward pass run the modules at these paths again, by torch.utils.checkpoint."""
    for path in paths:
        part = module.get_submodule(path)
        part.forward = partial(checkpoint, part.forward, use_reentrant=False)


def _several(given: Any) -> tuple[Tensor, ...]:
    return tuple(given) if isinstance(given, tuple) else (given,)  # pyright: ignore[reportUnknownArgumentType]


def _target(y: Tensor, classified: bool) -> Tensor:
    return torch.zeros((y.shape[0], *y.shape[2:]), dtype=torch.int64) if classified else torch.zeros_like(y)


def _casting(autocast: str | None) -> torch.autocast:
    dtype: torch.dtype = getattr(torch, autocast or "bfloat16")
    return torch.autocast("cpu", dtype=dtype, enabled=autocast is not None)


def _loss(outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    floats = [y for y in outputs if y.is_floating_point()]
    losses = [
        nn.functional.mse_loss(y, target) if target.is_floating_point() else nn.functional.cross_entropy(y, target)
        for y, target in zip(floats, targets, strict=True)
    ]
    loss = losses[0]
    for one in losses[1:]:
        loss = loss + one
    return loss


def _step(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    loss.backward()
    optimizer.step()


def _bytes(tensors: Iterable[Tensor]) -> int:
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}
    return sum(storages.values())
