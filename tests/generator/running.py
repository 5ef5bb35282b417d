"""A net's module and the interpreter of its Graph, run side by side over the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from archlang.ir import Graph
from archlang.laws.calling import own_loops, tensors
from archlang.laws.keeping import kept_of
from tests.generator.counting import Counter

BATCH = 2
SEED = 11


@dataclass
class Ran:
    """The result of one pass: the outputs, the bytes saved for backward, the gradients by key."""

    outputs: list[Tensor]
    kept_bytes: int = 0
    gradients: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


def inputs_of(graph: Graph) -> list[Tensor]:
    """Return random images; whole numbers are 0 or 1."""
    root = graph.blocks[-1]
    return [x.detach() for x in tensors([root.types[port.value] for port in root.inputs], BATCH, below=2)]


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Return all parameters and buffers by key, those too that the state dict leaves out."""
    return {**dict(module.named_buffers()), **module.state_dict(keep_vars=True)}


def several(given: Any) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(cast("Sequence[Tensor]", given))


def ran(run: Callable[[], Any], weights: dict[str, Tensor], graph: Graph) -> Ran:
    """Return one forward and one backward pass."""
    with own_loops(graph):
        given, kept = kept_of(run)
        outputs = several(given)
        lasting = {value.untyped_storage().data_ptr() for value in weights.values()}
        found = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in kept}
        del kept
        for value in weights.values():
            value.grad = None
        backward(outputs)
    gradients = {key: value.grad for key, value in weights.items() if value.grad is not None}
    return Ran(outputs, sum(size for place, size in found.items() if place not in lasting), gradients)


def backward(outputs: Sequence[Tensor]) -> None:
    """Run the backward pass from all outputs that have one, each value weighted by its position."""
    wanted = [y for y in outputs if y.requires_grad]
    weights = [torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape) for y in wanted]
    if wanted:
        torch.autograd.backward(wanted, weights)


def macs(module: nn.Module, inputs: Sequence[Tensor]) -> tuple[float, float]:
    """Return multiply-accumulates of a forward and of a backward pass. oneDNN and fused attention hide theirs."""
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
