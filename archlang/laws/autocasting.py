"""The dtypes in which an operator computes under torch.autocast on the CPU, against torch."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import cast

import torch
from torch import nn

from archlang.laws.agreeing import Undeclared, agree
from archlang.laws.allocating import counted, most_alive
from archlang.laws.calling import called, laid_as, tensors
from archlang.laws.cases import Case
from archlang.laws.keeping import saved_by, storages, wishes
from archlang.ops.answers import Autocast
from archlang.ops.base import Saved, Wanted
from archlang.ops.layouts import Laid
from archlang.shapes import DTYPE_BYTES

BATCH = 3
LOWER = "bfloat16"
DTYPES = ("float32", LOWER)  # of the inputs


@contextmanager
def autocast() -> Generator[None]:
    """Cast to bfloat16 within, without torch's warnings that an operator then has no fused kernel."""
    with warnings.catch_warnings(action="ignore"), torch.autocast("cpu", dtype=torch.bfloat16):
        yield


def dtypes_under_autocast(case: Case) -> None:
    """Compare the dtype of each output under autocast, of float32 inputs and of bfloat16 ones."""
    how = _how(case)
    for dtype in DTYPES:
        if dtype == LOWER and not how.takes_lower:
            agree("whether torch refuses the lower dtype under autocast", True, _is_refused(case))
            continue
        with autocast():
            given = called(case)(*_inputs(case, dtype))
        found = [str(y.dtype).removeprefix("torch.") for y in _each(given) if y.is_floating_point()]
        outputs = enumerate(case.op.outputs(*case.types))
        told = [_result(how, dtype, at) for at, y in outputs if y.is_float]
        agree(f"the dtype of the results of {dtype} under autocast", told, found)


def saved_bytes_under_autocast(case: Case) -> None:
    """Compare the bytes that autograd saves under autocast, in training and in evaluation."""
    how = _all_known(case)
    weighted = bool(case.op.params(*case.types))
    for dtype, training in product(DTYPES, (True, False)):
        inputs = [x.detach() for x in _inputs(case, dtype)]
        if not how.is_known(training=training, lower=dtype == LOWER):
            continue
        module = called(case)
        for wanted in wishes(case, inputs, weighted):
            if how.keeps and len({flag for x, flag in zip(case.types, wanted.inputs, strict=True) if x.is_float}) > 1:
                continue  # which parts of a weight are saved is unknown then, and memory says so
            for x, flag in zip(inputs, wanted.inputs, strict=True):
                x.requires_grad_(flag)
            if isinstance(module, nn.Module):
                module.train(training).requires_grad_(wanted.weights)
            with autocast():
                found = sum(storages(module, inputs).values())
            mode = "training" if training else "evaluation"
            told = _told_saved(case, laid_as(case, inputs), dtype, wanted, training)
            agree(f"saved bytes of {dtype} under autocast in {mode} where {wanted} is wanted", told, found)


def temporaries_under_autocast(case: Case) -> None:
    """Compare the most bytes alive during a forward pass in evaluation under autocast."""
    how = _all_known(case)
    for dtype in DTYPES:
        inputs = [x.detach() for x in _inputs(case, dtype)]
        types = laid_as(case, inputs)
        temporaries = case.op.temporaries(*types)
        if case.op.idle or temporaries is None or not how.is_known(training=False, lower=dtype == LOWER):
            continue
        module = called(case)
        if isinstance(module, nn.Module):
            module.eval()

        def run(module: object = module, inputs: Sequence[torch.Tensor] = inputs) -> object:
            assert callable(module)
            with torch.no_grad(), autocast():
                return module(*inputs)

        computed = _computed(how, dtype)
        sizes = [sum(counted(_bytes(x.shape, x.dtype, computed)) for x in call) for call in temporaries]
        results = () if case.op.view(*types) else case.op.outputs(*types)
        spare = case.op.spare_values(*types) or (0,) * len(results)
        given = _result(how, dtype)
        last = sum(
            counted(_bytes(y.shape, y.dtype, given) + _bytes((more,), y.dtype, given))
            for y, more in zip(results, spare, strict=False)
        )
        told = max([*sizes, sum(sizes[-1:]) + last]) + _casts(case, how)
        agree(f"bytes alive during a forward pass of {dtype} under autocast", told, most_alive(run))


def _is_refused(case: Case) -> bool:
    with autocast():
        try:
            called(case)(*_inputs(case, LOWER))
        except RuntimeError:
            return any(x.is_float for x in case.types)
    return False


def _how(case: Case) -> Autocast:
    how = case.op.autocast(*case.types)
    if how is None:
        raise Undeclared("autocast")
    return how


def _all_known(case: Case) -> Autocast:
    how = _how(case)
    if how.known == "result":
        raise Undeclared("autocast")
    return how


def _inputs(case: Case, dtype: str) -> list[torch.Tensor]:
    made = (x.detach() for x in tensors(case.types, BATCH, case.below))
    floats = getattr(torch, dtype)
    return [x.to(floats).requires_grad_() if x.is_floating_point() else x for x in made]


def _each(given: object) -> Sequence[torch.Tensor]:
    if isinstance(given, torch.Tensor):
        return (given,)
    assert isinstance(given, Sequence)
    return cast("Sequence[torch.Tensor]", given)


def _computed(how: Autocast, dtype: str) -> str:
    return {"lower": LOWER, "float32": "float32"}.get(how.dtype, dtype)


def _result(how: Autocast, dtype: str, at: int = 0) -> str:
    result = how.results[at] if how.results else how.result
    return dtype if result == "given" else _computed(how, dtype)


def _told_saved(case: Case, types: Sequence[Laid], dtype: str, wanted: Wanted, training: bool) -> int:
    """Return the bytes that the operator says are saved, in the dtype in which it computes, with the cast weights."""
    how = _how(case)
    computed = _computed(how, dtype)
    told = () if case.op.idle and not training else saved_by(case, types)
    kept = [one for one in told if one.is_of(training=training) and one.is_kept(wanted)]
    values = {(one.what, one.index) for one in kept if one.what != "own"}
    kinds = {"input": types, "output": case.op.outputs(*types)}
    dtypes = {"input": computed, "output": _result(how, dtype)}
    sizes = [_bytes(kinds[what][at].shape, kinds[what][at].dtype, dtypes[what]) for what, at in values]
    sizes += [_own(one, computed) for one in kept if one.what == "own"]
    if how.dtype == "lower":
        keeps = dict(how.keeps)
        weights = (one for one in case.op.weights(*types) if one.name in keeps)
        sizes += [
            weight.count * DTYPE_BYTES[LOWER]
            for weight in weights
            if (wanted.any if keeps[weight.name] == "any" else any(wanted.inputs))
        ]
    return sum(sizes)


def _own(one: Saved, computed: str) -> int:
    return replace(one, dtype=one.dtype if one.wide else _in(one.dtype, computed)).bytes


def _casts(case: Case, how: Autocast) -> int:
    """Return the bytes of the weights that are cast, which live until autocast ends; inputs live within the call."""
    weights = case.op.weights(*case.types) if how.dtype == "lower" else ()
    return sum(counted(one.count * DTYPE_BYTES[LOWER]) for one in weights if not one.buffer)


def _in(dtype: str, computed: str) -> str:
    return computed if "float" in dtype else dtype


def _bytes(shape: Sequence[int], dtype: str, computed: str) -> int:
    return torch.Size(shape).numel() * DTYPE_BYTES[_in(dtype, computed)]
