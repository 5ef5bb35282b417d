"""The strides of maps of one position: later operators choose the memory format by those of axes of size 1 as well."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from archlang.laws.calling import called, laid_as, results, tensors
from archlang.laws.cases import Case, examples
from archlang.laws.keeping import is_refused
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.shapes import TensorType

OTHER = {  # told for axes of more than one value only
    "frozen_batchnorm", "locally_connected", "rearrange", "einsum", "sdpa", "stack", "window_attention",
    "cosine_window_attention",
}  # fmt: skip
MAP = TensorType((1, 3, 1, 1), ("n", "c", "h", "w"))


def of_one_position(op: type[Operator]) -> list[Case]:
    """Return the operator's examples with maps of one position as inputs, as far as it accepts them."""
    floats = [case for case in examples(op) if case.types and all(x.is_float for x in case.types)]
    return [one for case in floats if accepts(one := replace(case, types=(MAP,) * len(case.types)))]


def accepts(case: Case) -> bool:
    try:
        return case.rejection() is None and not is_refused(case, 2)
    except (ValueError, TypeError, IndexError, KeyError, RuntimeError):
        return False


@pytest.mark.parametrize("word", sorted({op.word for op in registry().values() if not op.declared} - OTHER))
def test_strides_of_maps_of_one_position(word: str) -> None:
    for case, last in product(of_one_position(registry()[word]), ((3, 1, 3, 3), (3, 1, 1, 1))):
        inputs = tensors(case.types, 2, case.below)
        lying = [torch.empty_strided(x.shape, last, dtype=x.dtype).copy_(x) for x in inputs]
        told = case.op.strides(*laid_as(case, lying))
        if told is not None:
            assert [x.stride() for x in results(called(case), lying)] == list(told), f"{case} in strides {last}"
