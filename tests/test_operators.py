"""What every operator is held to besides torch: dtypes, finite numbers, a complete entry in the registry."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from archlang.ops import enumerations, foreign_names, registry
from archlang.ops.base import Operator
from archlang.ops.convolution import Conv
from archlang.ops.linear import Linear
from archlang.ops.normalization import BatchNorm, LocalResponseNorm
from archlang.shapes import TensorType
from tests.cases import rejection


@pytest.mark.parametrize("op", [Linear(out=3), Conv(kernel=(1,), out=3), BatchNorm()], ids=lambda op: op.word)
@pytest.mark.parametrize("dtype", ["int64", "float64", "bool"])
def test_weights_take_their_own_dtype_alone(op: Operator, dtype: str) -> None:
    axes = ("n", "t", "c") if isinstance(op, Linear) else ("n", "c", "t")
    said = rejection(op, TensorType((1, 4, 5), axes, dtype))
    assert (said.code, said.about) == ("wrong-dtype", "input")
    assert said.message == f"{op.word} computes with float32 weights, and its input 4x5 is {dtype}"


@pytest.mark.parametrize("op", registry().values(), ids=lambda op: op.word)
def test_every_operator_is_complete(op: type[Operator]) -> None:
    assert op.__doc__ and op.examples
    assert set(op.positional) <= set(op.model_fields)
    assert all(example.step.split()[0] == op.word for example in op.examples)
    assert not {name.lower() for name in op.elsewhere} & (set(registry()) - {op.word})


def test_names_from_elsewhere_are_claimed_once() -> None:
    claimed = [name for op in registry().values() for name in {name.lower() for name in op.elsewhere}]
    assert len(claimed) == len(set(claimed)) == len(foreign_names())
    assert {"same", "reflect", "replicate", "circular", "zeros"} <= enumerations()


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_numbers_are_finite(number: float) -> None:
    """JSON has no word for others."""
    with pytest.raises(ValidationError, match="finite"):
        LocalResponseNorm(size=5, alpha=number)
