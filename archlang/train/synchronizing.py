"""Batch norm whose statistics are those of the samples of all processes. torch's SyncBatchNorm runs on CUDA alone."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]


def synchronize(module: nn.Module) -> None:
    """Have each batch norm of a module take its statistics in training over the samples of all processes.

    Weights, buffers and their names stay. Raises `Rejected` if the module has no batch norm.
    """
    from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

    norms = [one for one in module.modules() if isinstance(one, _BatchNorm)]
    if not norms:
        message = "`--sync-batchnorm` is for batch norm, and the net has none"
        raise Rejected("bad-option", message, help="leave it out", about="sync_batchnorm")
    for norm in norms:
        cast(Any, norm).forward = MethodType(_forward, norm)


def _forward(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Return x (n, c, ...), normalised by the mean and variance of each channel over all processes if it trains."""
    import torch
    from torch.distributed.nn import functional  # its sum over processes has a backward pass: the sum of the gradients

    if not norm.training:
        return type(norm).forward(norm, x)
    all_reduce: Callable[[Tensor], Tensor] = cast(Any, functional).all_reduce
    wide = x if x.dtype == torch.float64 else x.float()
    others = [0, *range(2, x.dim())]
    shape = [1, -1, *[1] * (x.dim() - 2)]
    ones = wide.new_full((1,), x.numel() / x.shape[1])
    sums = all_reduce(torch.cat([wide.sum(others), ones]))
    count, mean = sums[-1].detach(), sums[:-1] / sums[-1].detach()
    centred = wide - mean.view(shape)
    variance = all_reduce(centred.square().sum(others)) / count
    _remember(norm, mean.detach(), variance.detach() * count / (count - 1))
    found = centred * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        found = found * norm.weight.view(shape) + norm.bias.view(shape)
    return found.to(x.dtype)


def _remember(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics towards those of a batch, as torch does: by `momentum`, or to the mean of all."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), share)
