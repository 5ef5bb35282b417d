"""Masks as values: which positions may be seen, for `sdpa`, `where` and `masked_fill`. Several steps can share one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Kind, Operator, Reach, Size, Temporaries, Work, seeing_all
from archlang.ops.checks import check_batched
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, param_type

_RUNS = replace(ONE_CALL, saved="nothing", autocast="given")


class CausalMask(Operator):
    """A mask t t that is true where a position may see another: itself and those before it. It is for all images.

    The input is n t c or n t; only its length matters. With `window` a position sees this many: itself and those just
    before it (Beltagy et al. 2020, arXiv:2004.05150). No weights, no MACs.
    """

    runs = _RUNS
    word: ClassVar[str] = "causal_mask"
    elsewhere: ClassVar[tuple[str, ...]] = ("create_causal_mask", "tril_mask", "look_ahead_mask")
    akin: ClassVar[Mapping[str, str]] = {
        "generate_square_subsequent_mask": "it gives floats to add: 0, and minus infinity for what is hidden",
    }
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("wrong-rank"),
        "window": "torch takes 0, and then no position sees itself",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("causal_mask", "6x8 n t c"),
        Example("causal_mask window=3", "6 int64"),
    )

    window: Size | None = None

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_batched(x, self.word)
        at = 1 if x.axes[-1] != "c" else -2
        if x.axes not in (("n", "t", "c"), ("n", "t")):
            message = f"{self.word} takes axes n t c or n t, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        return (param_type((x.shape[at],) * 2, "bool"),)

    def work(self, x: TensorType) -> Work:
        return Work()

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x))

    def temporaries(self, x: TensorType) -> Temporaries:
        (y,) = self.outputs(x)
        return ((y,),) if self.window is None else ((y,), (y,))

    def torch(self, x: TensorType) -> Expression:
        sizes = "{0}.shape[1], {0}.shape[1]"
        window = "" if self.window is None else f".triu({1 - self.window})"
        return Expression(f"torch.ones({sizes}, dtype=torch.bool, device={{0}}.device).tril(){window}")


class _OfLengths(Operator):
    """What masks from lengths share: they take an integer for each image, and the positions of a second input."""

    runs = _RUNS
    flows: ClassVar[Mapping[str, str]] = {"like": "(lengths, x) -> sequence_mask", "x": "(lengths, x) -> sequence_mask"}
    arity: ClassVar[tuple[int, ...]] = (1, 2)
    positional: ClassVar[Mapping[str, Kind]] = {"length": "number"}
    sign: ClassVar[str]
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("wrong-rank", "wrong-dtype"),
        "length": "torch takes 0, and gives no positions",
        "missing-argument": "the lengths alone do not say how many positions there are",
        "unknown-argument": "the positions are counted twice",
    }

    length: Size | None = None

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        lengths, *like = inputs
        if lengths.axes != ("n",):
            message = f"{self.word} takes an integer for each image, and {lengths} has {lengths.names}"
            raise Rejected("wrong-rank", message, help="write `input lengths: [] dtype=int64`", about="input")
        if lengths.dtype not in ("int64", "int32"):
            message = f"{self.word} takes lengths that are integers, and {lengths} is {lengths.dtype}"
            raise Rejected("wrong-dtype", message, help="write `dtype=int64` at the input", about="input")
        if not like and self.length is None:
            help = f"write `(lengths, x) -> {self.word}` for the positions of x, or `{self.word} 12`"
            raise Rejected("missing-argument", f"{self.word} needs the number of positions", help=help, about="length")
        if like and self.length is not None:
            message = f"{self.word} takes the number of positions from its second input, and no `length`"
            raise Rejected("unknown-argument", message, about="length")
        for x in like:
            if len(x.axes) < 2 or x.axes[0] != "n" or x.axes[1] == "c":
                message = f"{self.word} takes positions of axes n t c or n t, and {x} has {x.names}"
                raise Rejected("wrong-rank", message, about="input")
        length = like[0].shape[1] if like else self.length or 0
        return (TensorType((lengths["n"], length), ("n", "t"), "bool"),)

    def work(self, *inputs: TensorType) -> Work:
        return Work(comparisons=self.outputs(*inputs)[0].values)

    def reach(self, *inputs: TensorType) -> Reach:
        return Reach(inputs=({}, *(seeing_all(x) for x in inputs[1:])))

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        (y,) = self.outputs(*inputs)
        return ((param_type(y.shape[1:], "int64"),),)

    def torch(self, *inputs: TensorType) -> Expression:
        self.outputs(*inputs)
        length = "{1}.shape[1]" if len(inputs) == 2 else self.length
        return Expression(f"torch.arange({length}, device={{0}}.device) {self.sign} {{0}}[:, None]")


class SequenceMask(_OfLengths):
    """True for the first positions of each image, as many as its length: n -> n t.

    t is the number of positions of a second input, or 12 in `sequence_mask 12`. `sdpa` takes it as the mask of the keys
    that are seen. No weights, no MACs.

        comparisons = t'
    """

    word: ClassVar[str] = "sequence_mask"
    sign: ClassVar[str] = "<"
    elsewhere: ClassVar[tuple[str, ...]] = ("length_to_mask", "lengths_to_mask", "attention_mask")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("sequence_mask 5", "scalar int64"),
        Example("sequence_mask", "scalar int64, 6x8 n t c"),
    )


class PaddingMask(_OfLengths):
    """True for the padding of each image, which are the positions after its length: n -> n t.

    t is the number of positions of a second input, or 12 in `padding_mask 12`. It is torch's `key_padding_mask`, and
    `masked_fill` fills these positions. `sdpa` takes `sequence_mask` instead. No weights, no MACs.

        comparisons = t'
    """

    hides = True
    word: ClassVar[str] = "padding_mask"
    sign: ClassVar[str] = ">="
    elsewhere: ClassVar[tuple[str, ...]] = ("key_padding_mask", "src_key_padding_mask")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("padding_mask 5", "scalar int64"),
        Example("padding_mask", "scalar int64, 6x8 n t c"),
    )
