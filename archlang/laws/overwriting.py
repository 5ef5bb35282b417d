"""Results that are always new memory, and results that are written over an input, compared with torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from archlang.laws.agreeing import agree
from archlang.laws.calling import called, inputs_of, tensors
from archlang.laws.cases import Case
from archlang.laws.keeping import in_layout, is_refused, orders_of, storages, told_bytes


def fresh_results_are_torchs(case: Case) -> None:
    """Check that results said to be new memory are that, and no views, in both modes and for several layouts."""
    if not case.op.is_fresh(*case.types):
        return
    module = called(case)
    for x, training in product(_laid(case), (True, False)):
        if isinstance(module, nn.Module):
            module.train(training)
        if training and is_refused(case, len(x[0])):
            continue
        given = module(*x)
        results: Sequence[Tensor] = (given,) if isinstance(given, Tensor) else given
        weights = [*module.parameters(), *module.buffers()] if isinstance(module, nn.Module) else []
        places = {value.untyped_storage().data_ptr() for value in (*x, *weights)}
        shared = any(y._is_view() or y.untyped_storage().data_ptr() in places for y in results)  # noqa: SLF001
        agree(f"whether the result is other memory, {'training' if training else 'in evaluation'}", False, shared)


def _laid(case: Case) -> list[list[Tensor]]:
    """Return the inputs of a case with the axes of the first in several orders in memory."""
    first, *others = inputs_of(case) if case.types else [torch.zeros(2)]
    return [
        [in_layout(first, order, gap=False).requires_grad_(first.requires_grad), *others] for order in orders_of(first)
    ]


def overwritten_inputs_are_torchs(case: Case) -> None:
    """Check that a result written over an input has the same values, gradients and saved bytes."""
    for at in case.op.overwrites(*case.types):
        over = called(replace(case, over=at))
        plain = called(case)
        inputs = [_spread(x) for x in tensors(case.types, below=case.below)]
        expected, found = _stepped(plain, inputs), _stepped(over, inputs)
        for what, one, other in zip(("values", *("gradient" for _ in inputs)), expected, found, strict=True):
            agree(f"whether the {what} over input {at} are the same", True, torch.equal(one, other))
        copies = [x.clone() for x in inputs]
        given = over(*copies)
        agree(f"whether the result is input {at}", True, given.data_ptr() == copies[at].data_ptr())
        taken = [x.detach().requires_grad_() for x in inputs]
        kept = storages(_of_copies(over), taken)
        agree(f"saved bytes over input {at}", told_bytes(case), sum(kept.values()))


def _of_copies(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function that calls another on copies of its inputs: a leaf cannot be overwritten."""
    return lambda *inputs: call(*(x.clone() for x in inputs))


def _spread(x: Tensor) -> Tensor:
    """Return values from -8 to 8 in place of those from 0 to 1, so that every branch of an activation is taken."""
    return x.detach() * 16 - 8


def _stepped(call: Callable[..., Any], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the result of a call and the gradients of its inputs."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    given: Tensor = call(*(x.clone() for x in leaves))
    grad: Any = torch.autograd.grad
    weights = torch.arange(given.numel(), dtype=given.dtype).reshape(given.shape)
    return [given.detach(), *grad((given * weights).sum(), leaves)]
