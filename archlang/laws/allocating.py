"""The temporaries of an operator and where its gradients are allocated, against torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch

from archlang.facts.memory import Setup
from archlang.facts.memory.alone import alone
from archlang.laws.agreeing import Undeclared, agree
from archlang.laws.allocator import peaks, recorded
from archlang.laws.calling import called, laid_as, results, tensors
from archlang.laws.cases import Case
from archlang.laws.keeping import saved_by
from archlang.ops.base import GradientPlace, is_view
from archlang.ops.layouts import Laid
from archlang.shapes import DTYPE_BYTES, TensorType

BATCH = 3
ONE_NUMBER = 8  # at most this many bytes


def counted(size: int) -> int:
    """Return the bytes of a tensor, or 0 if it may be a single number."""
    return size if size > ONE_NUMBER else 0


def most_alive(run: Callable[[], object]) -> int:
    """Return the most bytes that a function has allocated at once. It runs once before, to load everything."""
    run()
    with recorded() as events:
        given = run()
    del given
    return peaks((event for event in events if counted(abs(event.bytes))), before=0).peak_bytes


def inputs_of(case: Case) -> list[torch.Tensor]:
    """Return random inputs of three images, which require no gradient."""
    return [x.detach() for x in tensors(case.types, BATCH, case.below)]


def forward_bytes(case: Case, inputs: Sequence[torch.Tensor], training: bool) -> int:
    """Return the most bytes allocated during a forward pass, besides the inputs."""
    module = called(case)
    if isinstance(module, torch.nn.Module):
        module.train(training)
    given = [x.clone().requires_grad_(training and x.is_floating_point()) for x in inputs]

    def run() -> object:
        with torch.set_grad_enabled(training):
            return module(*given)

    return most_alive(run)


class Backward:
    """A backward pass through one operator, from a gradient of ones of its first output that has a gradient."""

    def __init__(self, case: Case, inputs: Sequence[torch.Tensor]) -> None:
        self.module = called(case)
        self.weights: list[torch.Tensor] = []
        if isinstance(self.module, torch.nn.Module):
            self.weights = [x for x in self.module.train().parameters() if x.requires_grad]
        self.inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        self.wanted = [x for x in self.inputs if x.requires_grad]
        self.exists = self._result() is not None

    def _result(self) -> torch.Tensor | None:
        given = self.module(*self.inputs)
        several: Sequence[torch.Tensor] = (given,) if isinstance(given, torch.Tensor) else given
        return next((y for y in several if y.requires_grad), None)

    def places(self) -> list[GradientPlace]:
        """Return where the gradient of each float input is allocated; `new` also if it is summed up first."""
        y = self._result()
        if not self.wanted:
            return []
        assert y is not None
        entering = torch.ones_like(y)
        # torch's annotation omits that the gradient of an unused input is None
        grad: Any = torch.autograd.grad
        found: Sequence[torch.Tensor | None] = grad(y, self.wanted, entering, allow_unused=True)
        grown = [x is not None and x.untyped_storage().nbytes() > x.nbytes for x in found]
        storages = [None if x is None else x.untyped_storage().data_ptr() for x in found]
        held = entering.untyped_storage().data_ptr()
        return [
            "new" if x is None
            else ("whole" if _is_dense(x) and x.numel() == entering.numel() else "part") if storage == held
            else "shared" if storages.count(storage) > 1
            else "resized" if is_grown
            else "part" if x.untyped_storage().nbytes() < x.nbytes  # spread over an axis without a copy
            else "new"
            for x, storage, is_grown in zip(found, storages, grown, strict=True)
        ]  # fmt: skip

    def views(self) -> set[int | str]:
        """Return the inputs and weights whose gradient is a view."""
        y = self._result()
        assert y is not None
        named: list[tuple[int | str, torch.Tensor]] = [x for x in enumerate(self.inputs) if x[1].requires_grad]
        if isinstance(self.module, torch.nn.Module):
            named += [x for x in self.module.named_parameters() if x[1].requires_grad]
        if not named:
            return set()
        grad: Any = torch.autograd.grad
        found: Sequence[Any] = grad(y, [x for _, x in named], torch.ones_like(y), allow_unused=True)
        return {name for (name, _), x in zip(named, found, strict=True) if x is not None and x._is_view()}  # noqa: SLF001  torch has no other question

    def bytes(self) -> int:
        """Return the most bytes allocated during the pass, besides what was allocated before."""
        results = [self._result(), self._result()]
        assert results[0] is not None
        entering = torch.ones_like(results[0])

        def run() -> object:
            y = results.pop()
            assert y is not None
            return torch.autograd.grad(y, [*self.wanted, *self.weights], entering, allow_unused=True)

        return most_alive(run)


def _is_dense(x: torch.Tensor) -> bool:
    """Return whether the values leave no gap in memory, in any order of the axes."""
    order = sorted(range(x.ndim), key=lambda axis: (x.stride(axis), x.shape[axis]), reverse=True)
    return x.permute(order).is_contiguous()


def temporaries_are_torchs(case: Case) -> None:
    """Check the most bytes allocated during a forward pass, in evaluation and in training."""
    inputs = inputs_of(case)
    types = laid_as(case, inputs)
    for training in (True,) if case.op.idle else (False, True):
        told = told_forward(case, types, training)
        if told is None:
            raise Undeclared("temporaries")
        mode = "training" if training else "evaluation"
        agree(f"bytes alive during a forward pass in {mode}", told, forward_bytes(case, inputs, training))


def gradient_places_are_torchs(case: Case) -> None:
    """Check where the gradient of each input is allocated."""
    inputs = inputs_of(case)
    passed = Backward(case, inputs)
    if not passed.exists:
        return
    types = laid_as(case, inputs)
    places = case.op.gradient_places(*types)
    if places is None:
        raise Undeclared("gradient_places")
    y = next(y for y in case.op.outputs(*types) if y.is_float)
    plain = [
        "new" if place == "summed" or (place == "resized" and x.bytes >= y.bytes) else place
        for x, place in zip(types, places, strict=True)
    ]
    told = [place for x, place in zip(types, plain, strict=True) if x.is_float]
    agree("where gradients are allocated", told, passed.places())


def viewed_gradients_are_torchs(case: Case) -> None:
    """Check which gradients are views, if the operator says that the backward pass is one call."""
    inputs = inputs_of(case)
    passed = Backward(case, inputs)
    types = laid_as(case, inputs)
    places = case.op.gradient_places(*types)
    if not passed.exists or places is None or case.op.backward_in_one_call(*types) is None:
        return
    rank = len(case.op.outputs(*types)[0].shape)
    told = {at for at, x in enumerate(types) if x.is_float and is_view(places[at], len(x.shape), rank)}
    named = {weight.name for weight in case.op.weights(*types)} | {*range(len(types))}
    agree("gradients that are views", told | named.intersection(case.op.viewed_gradients(*types)), passed.views())


def backward_bytes_are_torchs(case: Case) -> None:
    """Check the most bytes allocated during a backward pass that the operator says is one call."""
    inputs = inputs_of(case)
    passed = Backward(case, inputs)
    if not passed.exists:
        return
    told = told_backward(case, laid_as(case, inputs))
    if told is None:
        raise Undeclared("backward_in_one_call")
    agree("bytes alive during a backward pass", told, passed.bytes())


def told_forward(case: Case, types: list[Laid], training: bool) -> int | None:
    """Return the most bytes allocated according to the operator; None if they are unknown.

    They are those of torch's default path, where the laws may run torch's own loop.
    """
    if case.op.plain_loop:
        return None
    if case.op.course(*types) is not None:
        passes = _alone(case, types, training)
        return None if passes is None else passes[0]
    temporaries = case.op.temporaries(*types)
    if temporaries is None:
        return None
    outputs = 0 if case.op.view(*types) else sum(map(counted, storage_bytes(case, types)))
    own = _own_bytes(case, types) if training else 0
    if own:
        beside = case.op.temporaries_beside_saved(*types)
        if beside is None:
            return None
        sizes = [sum(map(_bytes, call)) for call in beside]
        return own + max([*sizes, sum(sizes[-1:]) + outputs])
    sizes = [sum(map(_bytes, call)) for call in temporaries]
    return max([*sizes, sum(sizes[-1:]) + outputs])


def _own_bytes(case: Case, types: Sequence[Laid]) -> int:
    """Return the bytes of the saved tensors of its own.

    A tensor can have a part that does not grow with the batch: it is told beside the rest, under the same name.
    """
    own = [one for one in saved_by(case, types) if one.what == "own"]
    fixed = Counter[str]()
    for one in own:
        fixed[one.name] += 0 if one.per_image else one.bytes
    whole = [one.bytes + fixed.pop(one.name, 0) for one in own if one.per_image]
    whole += [one.bytes for one in own if not one.per_image and one.name in fixed]
    return sum(map(counted, whole))


def storage_bytes(case: Case, types: Sequence[Laid]) -> list[int]:
    """Return the bytes of the storage of each output, according to the operator."""
    outputs = case.op.outputs(*types)
    spare = case.op.spare_values(*types) or (0,) * len(outputs)
    return [y.bytes + more * DTYPE_BYTES[y.dtype] for y, more in zip(outputs, spare, strict=True)]


def storages_are_torchs(case: Case) -> None:
    """Check the bytes of the storage of each output that is no view."""
    inputs = inputs_of(case)
    types = laid_as(case, inputs)
    if not case.op.view(*types):
        found = [y.untyped_storage().nbytes() for y in results(called(case), inputs)]
        agree("bytes of the memory of the outputs", storage_bytes(case, types), found)


def _alone(case: Case, types: list[Laid], training: bool) -> tuple[int, int] | None:
    """Return the bytes of both passes of an operator in parts, as the simulation of memory has them."""
    setup = Setup(BATCH, mode="training" if training else "inference")
    return alone(case.op, case.types, types, setup, counted)


def told_backward(case: Case, types: list[Laid]) -> int | None:
    """Return the most bytes allocated during a backward pass according to the operator; None if they are unknown."""
    if case.op.plain_loop:
        return None
    if case.op.course(*types) is not None:
        passes = _alone(case, types, training=True)
        return None if passes is None else passes[1]
    places = case.op.gradient_places(*types)
    if places is None or case.op.backward_in_one_call(*types) is None:
        return None
    (y, *_), weights = case.op.outputs(*types), case.op.weights(*case.types)
    floats = [(x, place) for x, place in zip(types, places, strict=True) if x.is_float]
    alive = sum(counted(weight.count * DTYPE_BYTES[weight.dtype]) for weight in weights if not weight.buffer)
    shared = [x for x, place in floats if place == "shared"][:1]
    alive += sum(_bytes(x) for x, place in floats if place == "new") + sum(map(_bytes, shared))
    alive += sum(max(_bytes(x), _bytes(y)) for x, place in floats if place == "resized")
    summed = [x for x, place in floats if place == "summed"]
    alive += len(summed) * _bytes(y)
    most = alive
    for x in summed:  # first of the size of the result, then summed up
        most = max(most, alive + _bytes(x))
        alive += _bytes(x) - _bytes(y)
    return most


def _bytes(x: TensorType) -> int:
    return counted(prod(x.shape) * DTYPE_BYTES[x.dtype])
