"""A net's module and the interpreter of its Graph, run side by side over the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from archlang.ir import Graph
from tests.generator.counting import Counter
from tests.laws import own_loops, tensors

BATCH = 2
SEED = 11


@dataclass
class Ran:
    """What one pass gave: the outputs, the bytes kept for the backward pass, the gradients by key."""

    outputs: list[Tensor]
    kept_bytes: int = 0
    gradients: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


@dataclass(eq=False)
class _Kept:
    """A tensor in the hands of autograd."""

    tensor: Tensor


def inputs_of(graph: Graph) -> list[Tensor]:
    """Random images; whole numbers are 0 or 1."""
    root = graph.blocks[-1]
    return [x.detach() for x in tensors([root.types[port.value] for port in root.inputs], BATCH, below=2)]


def several(given: Any) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(cast("Sequence[Tensor]", given))


def ran(run: Callable[[], Any], weights: dict[str, Tensor], graph: Graph) -> Ran:
    """One forward and one backward pass.

    What is kept for a value on which no output depends is gone when the forward pass is done. All tensors are held
    until those that are left are counted, so that no place is used twice.
    """
    kept: list[tuple[Tensor, ReferenceType[_Kept]]] = []

    def keep(x: Tensor) -> _Kept:
        held = _Kept(x.detach())
        kept.append((held.tensor, ref(held)))
        return held

    with own_loops(graph):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda held: held.tensor):
            outputs = several(run())
        lasting = {value.untyped_storage().data_ptr() for value in weights.values()}
        found = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x, held in kept if held()}
        del kept[:]
        for value in weights.values():
            value.grad = None
        backward(outputs)
    gradients = {key: value.grad for key, value in weights.items() if value.grad is not None}
    return Ran(outputs, sum(size for place, size in found.items() if place not in lasting), gradients)


def backward(outputs: Sequence[Tensor]) -> None:
    """The backward pass from all outputs that have one, each value weighted by where it stands."""
    wanted = [y for y in outputs if y.requires_grad]
    weights = [torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape) for y in wanted]
    if wanted:
        torch.autograd.backward(wanted, weights)


def macs(module: nn.Module, inputs: Sequence[Tensor]) -> tuple[float, float]:
    """Multiply-accumulates of a forward and of a backward pass. oneDNN and fused attention hide what they do."""
    torch.backends.mkldnn.set_flags(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            with Counter() as forward:
                outputs = several(module(*inputs))
            with Counter() as behind:
                backward(outputs)
    finally:
        torch.backends.mkldnn.set_flags(True)
    return forward.macs, behind.macs
