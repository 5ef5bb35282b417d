"""Rules for every operator besides the comparison with torch: dtypes, finite numbers, a complete registry entry."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules, resolve_name

import pytest
from pydantic import ValidationError

import archlang.ops
from archlang.diagnostics import Rejected
from archlang.laws.cases import Case, examples, rejection
from archlang.ops import enumerations, foreign_names, registry
from archlang.ops.attention import Attention
from archlang.ops.base import Module, Operator
from archlang.ops.convolution import Conv
from archlang.ops.deconvolution import Deconv
from archlang.ops.embedding import Embedding
from archlang.ops.group_normalization import LayerNorm
from archlang.ops.linear import Linear
from archlang.ops.linear_units import Gelu
from archlang.ops.normalization import BatchNorm, LocalResponseNorm
from archlang.ops.padding import Pad
from archlang.ops.partition import Select, Slice, Split
from archlang.ops.rearranging import Permute
from archlang.ops.regularization import Dropout
from archlang.ops.resampling import Upsample
from archlang.ops.stochastic_depth import StochasticDepth
from archlang.shapes import TensorType, input_type, param_type


@pytest.mark.parametrize("op", [Linear(out=3), Conv(kernel=(1,), out=3), BatchNorm()], ids=lambda op: op.word)
@pytest.mark.parametrize("dtype", ["int64", "float64", "bool"])
def test_layers_with_weights_accept_only_their_dtype(op: Operator, dtype: str) -> None:
    axes = ("n", "t", "c") if isinstance(op, Linear) else ("n", "c", "t")
    said = rejection(op, TensorType((1, 4, 5), axes, dtype))
    assert (said.code, said.about) == ("wrong-dtype", "input")
    assert said.message == f"{op.word} computes with float32 weights, but its input 4x5 is {dtype}"


@pytest.mark.parametrize("op", registry().values(), ids=lambda op: op.word)
def test_every_operator_is_complete(op: type[Operator]) -> None:
    assert op.__doc__ and (op.examples or op.declared)
    assert set(op.positional) <= set(op.model_fields)
    assert all(example.step.split()[0] == op.word for example in op.examples)
    assert not {name.lower() for name in op.elsewhere} & (set(registry()) - {op.word})


@pytest.mark.parametrize("op", registry().values(), ids=lambda op: op.word)
def test_every_operator_takes_or_rejects_values_without_axes(op: type[Operator]) -> None:
    for case in examples(op):
        scalars = [TensorType((), (), dtype) for dtype in ("float32", "int64")]
        for x in scalars:
            Case(case.op, (x,) * len(case.types)).rejection()  # an IndexError fails here


def test_the_words_read_from_the_files_are_those_of_the_classes() -> None:
    import_everything = [import_module(f"archlang.ops.{module.name}") for module in iter_modules(archlang.ops.__path__)]
    found = [op for module in import_everything for op in vars(module).values() if isinstance(op, type)]
    assert {op for op in found if issubclass(op, Operator) and "word" in vars(op)} == set(registry().values())
    assert all(op.word == word for word, op in registry().items())


def test_a_file_is_imported_when_its_operator_is_asked_for() -> None:
    code = (
        "import sys; from archlang.ops import registry; words = registry(); assert len(words) > 10 and 'add' in words;"
        "words['relu']; print(sorted(name for name in sys.modules if name.startswith('archlang.ops.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    files = ("activation", "answers", "base", "checks", "errors", "law", "layouts", "running", "runs", "stricter")
    assert done.stdout.strip() == str([f"archlang.ops.{name}" for name in files])


def test_names_from_elsewhere_are_claimed_once() -> None:
    claimed = [name for op in registry().values() for name in {name.lower() for name in op.elsewhere}]
    assert len(claimed) == len(set(claimed)) == len(foreign_names())
    assert {"same", "reflect", "replicate", "circular", "zeros"} <= enumerations()


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_numbers_are_finite(number: float) -> None:
    """JSON has no word for others."""
    with pytest.raises(ValidationError, match="finite"):
        LocalResponseNorm(size=5, alpha=number)


def told(op: Operator, x: TensorType) -> tuple[str, str | None]:
    said = rejection(op, x)
    return said.message, said.help


def test_channels_at_the_wrong_place_are_reported_with_a_cure() -> None:
    image, tokens = input_type((4, 5, 6)), TensorType((1, 6, 4), ("n", "t", "c"))
    assert told(LayerNorm(), image) == (
        "layernorm needs the channels as the last axis, but its input 4x5x6 has n c h w",
        (
            'write `permute "n h w c"` before it and `permute "n c h w"` after it, or `groupnorm 1` instead, '
            "which takes the positions in"
        ),
    )
    assert told(Attention(heads=3), tokens) == ("4 channels are not a multiple of 3 heads", None)
    assert told(Embedding(count=9, width=4), tokens)[1] == "write `dtype=int64` at the input"
    assert told(Upsample(factor=2, mode="linear"), image) == (
        "mode=linear is for n c t, but the input 4x5x6 has n c h w",
        "write mode=bilinear",
    )
    assert told(Split(), image)[1] == "write `split 2`, or `split [64, 32]`"
    assert told(Split(parts=3), image)[0] == "4 along c (the channels) does not divide into 3 equal parts"
    assert (
        told(Select(index=6, axis=3), image)[0]
        == "4x5x6 has 6 positions along w (the width), so there is no position 6"
    )
    assert told(Slice(start=3, end=2), image)[0] == "none of the 4 positions along c (the channels) is from 3 to 2"
    assert told(Deconv(kernel=(3, 3), out=4, pad=4), image)[0] == "pad=4 cuts 8 off 7 positions along h"


def test_a_parameter_flows_where_no_batch_is_needed() -> None:
    stored = param_type((4, 5))
    assert Gelu().outputs(stored) == (stored,)
    (dropped,) = Dropout(p=0.5).saved(stored)
    assert not dropped.per_image
    for op in (Linear(out=3), Pad(sides=1), StochasticDepth(p=0.5)):
        assert told(op, stored)[0] == f"{op.word} takes values with a batch, but a parameter has none"
    message = "the axes of a parameter have no names; write their places, as in `permute [1, 0]`"
    assert told(Permute(axes="_ _"), stored)[0] == message


def test_a_causal_border_and_a_dilated_window_see_nothing_ahead() -> None:
    """WaveNet's step: position i sees i and i - 4, and none behind it."""
    wave = input_type((3, 20))
    (padded,) = Pad(before=4).outputs(wave)
    conv = Conv(kernel=(2,), out=3, dilation=4)
    assert conv.outputs(padded)[0]["t"] == 20
    border, window = Pad(before=4).reach(wave).slides["t"], conv.reach(padded).slides["t"]
    assert (border.before, border.extent, window.before, window.extent) == (4, 1, 0, 5)


@pytest.mark.parametrize("op", registry().values(), ids=lambda op: op.word)
def test_a_value_of_four_sides_is_refused_or_has_a_module(op: type[Operator]) -> None:
    """torch has no pool, norm or convolution of four sides: none is named for one."""
    x = TensorType((1, 4, 4, 4, 4, 4), ("n", "c", "d", "h", "w", "s"))
    for case in examples(op)[:1]:
        inputs = [x] * len(case.types)
        try:
            case.op.outputs(*inputs)
        except Rejected:
            continue
        told = case.op.torch(*inputs)
        if isinstance(told, Module) and not told.source:
            assert resolve_name(told.target) is not None
