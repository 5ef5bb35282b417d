"""Multiply-accumulates as torch does them, counted call by call by torch's own formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from archlang.laws.counts import UNKNOWN_TO_THE_COUNTER


def _convolution_backward(*args: Any, **_: Any) -> int:
    """Return the FLOPs of both gradients of a convolution, groups included, which torch's formula leaves out."""
    grad, x, weight, _bias, _stride, _pad, _dilation, transposed, _out, _groups, mask = args[:11]
    products: int = (x if transposed else grad).numel() * prod(weight.shape[1:])
    return 2 * products * (bool(mask[0]) + bool(mask[1]))


FORMULAS: Mapping[Any, Callable[..., int]] = {**flop_registry, **UNKNOWN_TO_THE_COUNTER}


class Counter(TorchDispatchMode):
    """Counts the operations that run within its context."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    @property
    def macs(self) -> float:
        return self.operations / 2

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        if packet is torch.ops.aten.convolution_backward:
            self.operations += _convolution_backward(*args)
        elif packet in FORMULAS:
            formula = FORMULAS[packet]
            if packet in UNKNOWN_TO_THE_COUNTER:
                shapes = [one.shape if isinstance(one, Tensor) else one for one in args]
                self.operations += formula(*shapes, out_shape=result.shape)
            else:
                self.operations += formula(*args, **(kwargs or {}), out_val=result)
        return result
