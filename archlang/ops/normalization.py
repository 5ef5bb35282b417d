"""Normalisations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Module,
    Operator,
    Reach,
    Saved,
    Size,
    Slide,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_dtype
from archlang.ops.course_norms import local_response
from archlang.ops.layouts import Strides, channels_last, contiguous, formatted, is_at, is_contiguous, laid, like
from archlang.ops.parts import Course
from archlang.ops.runs import ONE_CALL, SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

Positive = Annotated[float, Field(gt=0)]


class BatchNorm(Operator):
    """Each channel scaled to mean 0 and deviation 1 over the batch, then by a learned weight and bias.

    Ioffe and Szegedy 2015 (arXiv:1502.03167). Two weights and two running statistics a channel, and a count of
    batches; no MACs. The running statistics move by `momentum` towards those of each batch, or are the mean of all
    batches so far with `momentum=cumulative`; evaluation takes them. With `track_running_stats=false` there are none,
    and evaluation takes those of the batch too.

        params = 2*c
        params = 0 if not affine
        buffers = 2*c + 1
        buffers = 0 if not track_running_stats
        normalised = c*h*w
    """

    runs = replace(ONE_CALL, fresh=True, autocast="given", scratch=1)
    word: ClassVar[str] = "batchnorm"
    noted: ClassVar[str] = "BN"
    family: ClassVar[str] = "norm"
    elsewhere: ClassVar[tuple[str, ...]] = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "BatchNormalization", "bn")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("batchnorm", "3x8x8"),
        Example("batchnorm eps=0.001 momentum=0.01", "5"),
        Example("batchnorm affine=false", "3x7"),
        Example("batchnorm", "2x3x4x5"),
        Example("batchnorm momentum=cumulative", "3x7"),
        Example("batchnorm track_running_stats=false", "3x4x4"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-dtype", "wrong-rank", momentum="outside 0 to 1 the running statistics are no mean of those seen"
    )

    eps: Positive = 1e-5
    momentum: Annotated[float, Field(ge=0, le=1)] | Literal["cumulative"] = 0.1
    affine: bool = True
    track_running_stats: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if x.axes[:2] != ("n", "c") or len(x.axes) > 5:
            message = f"batchnorm needs axes n c ..., three more at most, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word, weighted=True)
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        channels = (x["c"],)
        learned = (Weight("weight", channels), Weight("bias", channels)) if self.affine else ()
        running = (
            Weight("running_mean", channels, buffer=True),
            Weight("running_var", channels, buffer=True),
            Weight("num_batches_tracked", (), buffer=True, dtype="int64"),
        )
        return (*learned, *(running if self.track_running_stats else ()))

    def least_batch(self, training: bool, x: TensorType) -> int:
        of_the_batch = training or not self.track_running_stats
        return 2 if of_the_batch and x.values == x["c"] else 1  # torch refuses the statistics of a single value

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # mean and inverse deviation of the batch; evaluation has the running ones, which are buffers
        trains = self.track_running_stats
        statistic = Saved("own", shape=(x["c"],), per_image=False, name="statistics", training_only=trains, wide=True)
        return (Saved("input"), statistic, statistic)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        if is_contiguous(known):  # a map of one position may be channels last too
            return (contiguous(known.shape),)
        last = channels_last(known.shape)
        return (last if len(known.shape) > 3 and is_at(known, last) else formatted(known.shape, known),)

    def reach(self, x: TensorType) -> Reach:
        return Reach() if self.track_running_stats else Reach(seeing_all(x))

    def torch(self, x: TensorType) -> Module:
        rank = {2: 1, 3: 1, 4: 2, 5: 3}[len(x.shape)]
        options = (
            ("eps", self.eps, 1e-5),
            ("momentum", None if self.momentum == "cumulative" else self.momentum, 0.1),
            ("affine", self.affine, True),
            ("track_running_stats", self.track_running_stats, True),
        )
        return Module(f"torch.nn.BatchNorm{rank}d", (("num_features", x["c"]),), options)


_LOCAL_RESPONSE_NORM_3D = '''
class LocalResponseNorm3d(nn.LocalResponseNorm):
    """Local response normalization of volumes, which torch computes where they are contiguous."""

    def forward(self, x):
        return super().forward(x.contiguous())
'''


class LocalResponseNorm(Operator):
    """Each value divided by (k + alpha/size * sum of squares over `size` neighbouring channels)**beta.

    Krizhevsky et al. 2012, section 3.3, where alpha is not divided by the size; this is torch's form. Volumes n c d h w
    that are not contiguous, which torch refuses, are copied. No weights, no MACs.

        normalised = c*h*w
    """

    runs = replace(SEVERAL_CALLS, layout="input")
    word: ClassVar[str] = "lrn"
    noted: ClassVar[str] = "LRN"
    family: ClassVar[str] = "norm"
    positional: ClassVar[Mapping[str, Kind]] = {"size": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("LocalResponseNorm", "local_response_norm", "LRN")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("lrn 5", "8x6x6"),
        Example("lrn 3 alpha=0.001 beta=0.5 k=2.0", "4x5x5"),
        Example("lrn 5", "8x6"),
        Example("lrn 3", "4x2x3x3"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "wrong-rank")

    size: Size
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if x.axes[:2] != ("n", "c") or len(x.axes) < 3:
            message = f"lrn needs axes n c t, n c h w or n c d h w, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        n, c, *spatial = x.shape
        padded = Saved("own", shape=(n, c + self.size - 1, *spatial), dtype=x.dtype, name="squares")
        sums, divisor = (Saved("own", shape=x.shape, dtype=x.dtype, name=name) for name in ("sums", "divisor"))
        copy = Saved("own", shape=x.shape, dtype=x.dtype, name="copy")
        return (copy if self._copies(x) else Saved("input"), padded, sums, divisor)

    def _copies(self, x: TensorType) -> bool:
        """Return whether the module copies its input."""
        return len(x.axes) == 5 and not is_contiguous(laid(x))

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        return (contiguous(known.shape) if len(x.axes) == 5 else like(known),)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        return local_response(self, x, self.size, copies=self._copies(x))

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("given") if len(x.shape) == 3 else Autocast("float32", known="float32")

    def reach(self, x: TensorType) -> Reach:
        return Reach({"c": Slide(self.size, 1, self.size // 2)})

    def torch(self, x: TensorType) -> Module:
        options = (("alpha", self.alpha, 1e-4), ("beta", self.beta, 0.75), ("k", self.k, 1.0))
        if len(x.axes) == 5:
            return Module("LocalResponseNorm3d", (("size", self.size),), options, source=_LOCAL_RESPONSE_NORM_3D)
        return Module("torch.nn.LocalResponseNorm", (("size", self.size),), options)
