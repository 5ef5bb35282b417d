"""The strides of maps of one position: later operators choose the memory format by those of axes of size 1 as well."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import pytest
import torch

from archlang.laws.calling import called, laid_as, results, tensors
from archlang.laws.cases import Case, examples
from archlang.laws.keeping import is_refused
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.ops.layouts import Strides, viewed
from archlang.shapes import TensorType

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


@pytest.mark.parametrize("word", sorted(op.word for op in registry().values() if not op.declared))
def test_strides_of_maps_of_one_position(word: str) -> None:
    for case, last in product(of_one_position(registry()[word]), ((3, 1, 3, 3), (3, 1, 1, 1))):
        inputs = tensors(case.types, 2, case.below)
        lying = [torch.empty_strided(x.shape, last, dtype=x.dtype).copy_(x) for x in inputs]
        told = case.op.strides(*laid_as(case, lying))
        if told is not None:
            assert [x.stride() for x in results(called(case), lying)] == list(told), f"{case} in strides {last}"


def viewed_by_torch(x: torch.Tensor, wanted: tuple[int, ...]) -> Strides | None:
    try:
        return x.view(wanted).stride()
    except RuntimeError:
        return None


@pytest.mark.parametrize("wanted", [(6,), (2, 3), (3, 2), (1, 6), (6, 1), (2, 1, 3), (1, 3, 1, 2), (3, 1, 1, 2)])
def test_views_have_the_strides_of_torch(wanted: tuple[int, ...]) -> None:
    for sizes, order, gap in product(set(permutations((1, 1, 2, 3))), permutations(range(4)), (1, 5)):
        x = torch.empty([sizes[at] for at in order]).permute(*map(order.index, range(4)))
        strides = tuple(gap * step if size == 1 else step for size, step in zip(x.shape, x.stride(), strict=True))
        lying = x.as_strided(x.shape, strides)
        assert viewed(lying.shape, lying.stride(), wanted) == viewed_by_torch(lying, wanted), (lying.shape, strides)
