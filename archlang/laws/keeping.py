"""What autograd saves and the memory layout of results, compared with torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from typing import Any, TypeVar
from weakref import ReferenceType, ref

import torch
from torch import nn

from archlang.laws.agreeing import Undeclared, agree
from archlang.laws.calling import BATCH, called, inputs_of, laid_as, results, tensors
from archlang.laws.cases import Case
from archlang.ops.base import Saved, Wanted
from archlang.shapes import TensorType

Result = TypeVar("Result")

# for one image with channels last, torch picks another kernel for convolutions with three sides, by a rule of its own
UNTOLD = {("conv", 5, 1), ("deconv", 5, 1)}


Storages = dict[int, int]


@dataclass(eq=False)
class _Kept:
    """A tensor that autograd saved."""

    tensor: torch.Tensor


def kept_of(run: Callable[[], Result]) -> tuple[Result, list[torch.Tensor]]:
    """Return the result of a forward pass, and the tensors that are saved for backward once it is done.

    A tensor that autograd has released by then is not saved: no result depends on it. All tensors are held until then,
    so that no address in memory is used twice.
    """
    held: list[tuple[torch.Tensor, ReferenceType[_Kept]]] = []

    def keep(x: torch.Tensor) -> _Kept:
        one = _Kept(x.detach())  # the tensor itself would reference the graph that references it, forever
        held.append((one.tensor, ref(one)))
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one.tensor):
        given = run()
    return given, [x for x, one in held if one() is not None]


def storages(module: object, inputs: Sequence[torch.Tensor], of: Sequence[int] | None = None) -> Storages:
    """Return the storages that a forward pass saves, by address, with their bytes, without those of weights.

    `of` are the outputs that are used; None for all.
    """
    assert callable(module)
    given, kept = kept_of(lambda: [module(*inputs)] if of is None else _of(module(*inputs), of))
    found = _places(module, kept)
    del given
    return found


def _places(module: object, kept: Sequence[torch.Tensor]) -> Storages:
    """Return the storages of saved tensors, by address, without those of the module's weights."""
    weights = [*module.parameters(), *module.buffers()] if isinstance(module, nn.Module) else []
    lasting = {value.untyped_storage().data_ptr() for value in weights}
    found = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in kept}
    return {place: size for place, size in found.items() if place not in lasting}


def _of(given: object, of: Sequence[int]) -> list[object]:
    assert isinstance(given, Sequence)
    return [given[at] for at in of]


def saved_bytes_are_torchs(case: Case) -> None:
    found = storages(called(case), inputs_of(case))
    agree("saved bytes", told_bytes(case), sum(found.values()))


def saved_by(case: Case, types: Sequence[TensorType]) -> tuple[Saved, ...]:
    """Return what the operator says that is saved. Raises Undeclared if it does not say so."""
    told = case.op.saved(*types)
    if told is None:
        raise Undeclared("saved")
    return told


def told_bytes(case: Case) -> int:
    """Return the bytes that the operator says are saved, each input and output once."""
    wanted = Wanted(tuple(x.is_float for x in case.types), weights=True)
    told = [one for one in saved_by(case, case.types) if one.is_of(training=True) and one.is_kept(wanted)]
    own = sum(s.bytes * (BATCH if s.per_image else 1) for s in told if s.what == "own")
    types = {"input": case.types, "output": case.op.outputs(*case.types)}
    kept = [types[what][at] for what, at in {(s.what, s.index) for s in told if s.what != "own"}]
    return own + sum(x.bytes * (BATCH if "n" in x.axes else 1) for x in kept)


def views_are_torchs(case: Case) -> None:
    inputs = inputs_of(case)
    places = [x.untyped_storage().data_ptr() for x in inputs]
    shares = {y.untyped_storage().data_ptr() in places for y in results(called(case), inputs)}
    told = case.op.view(*case.types)
    if told is None:
        raise Undeclared("view")
    agree("whether the result is the input's memory", {told}, shares)


def in_layout(x: torch.Tensor, order: Sequence[int], gap: bool) -> torch.Tensor:
    """Return the values with the axes in memory in this order, outermost first; with a gap after the last if wanted."""
    lying = x.detach().permute(*order).contiguous()
    if gap:
        wide = torch.zeros(*lying.shape[:-1], lying.shape[-1] + 1, dtype=x.dtype)
        wide[..., :-1] = lying
        lying = wide[..., :-1]
    return lying.permute(*(order.index(axis) for axis in range(x.ndim)))


def told_to_be_kept(case: Case, inputs: Sequence[torch.Tensor], wanted: Wanted, training: bool) -> int:
    """Return the bytes that the operator says are saved, each storage once."""
    types = laid_as(case, inputs)
    told = () if case.op.idle and not training else saved_by(case, types)
    kept = [one for one in told if one.is_of(training=training) and one.is_kept(wanted)]
    values = {(one.what, one.index) for one in kept if one.what != "own"}
    outputs = case.op.outputs(*types)
    sizes = (inputs[at].untyped_storage().nbytes() if what == "input" else outputs[at].bytes for what, at in values)
    return sum(one.bytes for one in kept if one.what == "own") + sum(sizes)


def wishes(case: Case, inputs: Sequence[torch.Tensor], weighted: bool) -> Iterator[Wanted]:
    """Yield all combinations of wanted gradients of the inputs and of the weights."""
    each = [(True, False) if x.is_floating_point() else (False,) for x in inputs]
    for flags in product(*each):
        for weights in (True, False) if weighted else (False,):
            if weights or any(flags):
                yield Wanted(flags, weights)


def operator_keeps_what_it_tells(case: Case, inputs: Sequence[torch.Tensor]) -> None:
    module = called(case)
    weighted = isinstance(module, nn.Module) and any(True for _ in module.parameters())
    for wanted, training in product(wishes(case, inputs, weighted), (True, False)):
        for x, flag in zip(inputs, wanted.inputs, strict=True):
            x.requires_grad_(flag)
        if isinstance(module, nn.Module):
            module.train(training).requires_grad_(wanted.weights)
        told = told_to_be_kept(case, inputs, wanted, training)
        mode = "training" if training else "evaluation"
        agree(f"saved bytes in {mode} where {wanted} is wanted", told, sum(storages(module, inputs).values()))


def is_refused(case: Case, batch: int) -> bool:
    """Return whether torch refuses to normalise a single value, which has no deviation."""
    try:
        called(case)(*tensors(case.types, batch, case.below))
    except ValueError as error:
        if "Expected more than 1 value" not in str(error):
            raise
        return True
    return False


def one_layout(
    case: Case,
    inputs: Sequence[torch.Tensor],
    order: Sequence[int],
    gap: bool,
    module: Callable[..., Any] | None = None,
) -> None:
    """Check what is saved and the memory layout of the outputs, with every gradient wanted.

    `module` is the operator's, which can serve several layouts; by default, it is made here.
    """
    lying = [
        in_layout(x, order, gap).requires_grad_(x.is_floating_point()) if x.ndim == len(order) else x for x in inputs
    ]
    made = called(case) if module is None else module
    weighted = isinstance(made, nn.Module) and any(True for _ in made.parameters())
    wanted = Wanted(tuple(x.requires_grad for x in lying), weighted)
    given, kept = kept_of(lambda: results(made, lying))
    if wanted.any:
        found = sum(_places(made, kept).values())
        agree(f"saved bytes of axes in the order {order} in memory", told_to_be_kept(case, lying, wanted, True), found)
    strides = case.op.strides(*laid_as(case, lying))
    if strides is None:
        if case.op.strides(*case.types) is None:
            raise Undeclared("strides")
        return  # unknown for this layout only; every answer about memory says so
    if (case.op.word, len(order), lying[0].shape[0]) not in UNTOLD:
        for y, told in zip(given, strides, strict=True):
            wished = [None if size == 1 else stride for size, stride in zip(y.shape, told, strict=True)]
            real = [None if size == 1 else stride for size, stride in zip(y.shape, y.stride(), strict=True)]
            agree(f"strides of axes in the order {order} in memory{', with gaps' * gap}", wished, real)


def saved_bytes_in_each_mode(case: Case) -> None:
    """Check what is saved for all combinations of wanted gradients, in training and in evaluation."""
    for batch in (1, 2):
        if not is_refused(case, batch):
            operator_keeps_what_it_tells(case, [x.detach() for x in tensors(case.types, batch, case.below)])


def saved_bytes_of_some_outputs(case: Case) -> None:
    """Check what is saved in training if only some outputs are used."""
    floats = [at for at, y in enumerate(case.op.outputs(*case.types)) if y.is_float]
    inputs = tensors(case.types, 2, case.below)
    weighted = bool(case.op.weights(*case.types))
    for of in [of for count in range(1, len(floats)) for of in combinations(floats, count)]:
        used = tuple(at in of for at in range(floats[-1] + 1))
        wanted = Wanted(tuple(x.requires_grad for x in inputs), weighted, used)
        found = sum(storages(called(case), inputs, of).values())
        agree(f"saved bytes where the outputs {of} are used", told_to_be_kept(case, inputs, wanted, True), found)


def orders_of(x: torch.Tensor) -> list[tuple[int, ...]]:
    """Return orders in which the axes of a tensor may lie in memory: all, or some of the many of five axes."""
    return list(permutations(range(x.ndim)))[:: 1 if x.ndim < 5 else 17]


def layouts_are_torchs(case: Case) -> None:
    """Check what is saved with the axes of the first input in other orders in memory, with gaps and without."""
    for batch in (1, 2):
        if is_refused(case, batch):
            continue
        inputs, module = tensors(case.types, batch, case.below), called(case)
        for order, gap in product(orders_of(inputs[0]), (False, True)):
            one_layout(case, inputs, order, gap, module)


def formats_are_torchs(case: Case) -> None:
    """Check the same with the channels innermost in weights of four axes."""
    ranks = {len(weight.shape) for weight in case.op.weights(*case.types)}
    if 4 not in ranks or 5 in ranks:
        return
    if not case.op.knows_formats(*case.types):
        raise Undeclared("runs.weights")
    layouts_are_torchs(replace(case, weights="channels_last"))
