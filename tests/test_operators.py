"""What every operator is held to besides torch: dtypes, finite numbers, a complete entry in the registry."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest
from pydantic import ValidationError

import archlang.ops
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


def test_the_words_read_from_the_files_are_those_of_the_classes() -> None:
    import_everything = [import_module(f"archlang.ops.{module.name}") for module in iter_modules(archlang.ops.__path__)]
    found = [op for module in import_everything for op in vars(module).values() if isinstance(op, type)]
    assert {op for op in found if issubclass(op, Operator) and "word" in vars(op)} == set(registry().values())
    assert all(op.word == word for word, op in registry().items())


def test_a_file_is_imported_when_its_operator_is_asked_for() -> None:
    code = (
        "import sys; from archlang.ops import registry; words = registry(); assert len(words) > 10 and 'add' in words;"
        "words['linear']; print(sorted(name for name in sys.modules if name.startswith('archlang.ops.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['archlang.ops.base', 'archlang.ops.checks', 'archlang.ops.linear']"


def test_names_from_elsewhere_are_claimed_once() -> None:
    claimed = [name for op in registry().values() for name in {name.lower() for name in op.elsewhere}]
    assert len(claimed) == len(set(claimed)) == len(foreign_names())
    assert {"same", "reflect", "replicate", "circular", "zeros"} <= enumerations()


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_numbers_are_finite(number: float) -> None:
    """JSON has no word for others."""
    with pytest.raises(ValidationError, match="finite"):
        LocalResponseNorm(size=5, alpha=number)
