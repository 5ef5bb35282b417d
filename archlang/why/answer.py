"""What `why` answers, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from archlang.facts.receptive import Interval, ReceptiveField
from archlang.facts.untold import Untold
from archlang.ops.base import Operator, Ratio, Wanted, Weight, Work
from archlang.ops.written import argument
from archlang.shapes import TensorType
from archlang.source import Span
from archlang.why.filling import Filled

WHY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Keeps:
    """A tensor that a layer keeps for the backward pass over one image in training mode.

    `what` is `input`, `output` or a name. `new_bytes` are kept because of it: none where `keeper`, the path of the
    layer that keeps the memory first, kept it before, and none where it lives anyway, being a weight's.
    """

    what: str
    shape: tuple[int, ...]
    dtype: str
    new_bytes: int
    keeper: str | None


@dataclass(frozen=True, slots=True)
class WhyLayer:
    """An operator of the net, its law with its numbers, and what it counts for one image.

    `written` is its place; `called` are the calls of blocks that lead to it, the innermost first. `axes` are those
    before and after as its docstring writes them, empty where it does not. Its counts are its own: one that is `reused`
    shares its weights with an earlier layer, `ties` says which of them are another's, and one that is `training_only`
    does not run in evaluation. `work` is that of the forward pass in evaluation, `backward` that of a step of training,
    which gives the gradients that are `wanted`. What it `keeps` is unknown where `keeps_untold` is not empty.
    """

    path: str
    op: str
    summary: str
    arguments: Mapping[str, str]
    written: Span
    called: tuple[Span, ...]
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    axes: tuple[str, str]
    law: tuple[Filled, ...]
    weights: tuple[Weight, ...]
    params: int
    work: Work
    wanted: Wanted
    backward: Work
    keeps: tuple[Keeps, ...]
    keeps_untold: tuple[Untold, ...]
    receptive: ReceptiveField
    training_only: bool
    reused: bool
    frozen: bool
    ties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a scope: an operator, a call or braces, with what it gives and counts. A join has no name."""

    name: str
    what: str
    outputs: tuple[TensorType, ...]
    params: int
    macs: int


@dataclass(frozen=True, slots=True)
class WhyScope:
    """A block's call, braces or the whole net: its parts, and their sum. `what` is `bottleneck`, `{ }` or the net.

    Counts are those of evaluation, in which what is `training_only` does not run; what is `reused` weighs once, and
    works each time. `written` is where the call or the first step stands. Joins have no path of their own, and are told
    here.
    """

    path: str
    what: str
    arguments: Mapping[str, str]
    written: Span
    called: tuple[Span, ...]
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    parts: tuple[Part, ...]
    params: int
    macs: int
    training_only: bool
    reused: bool
    joins: tuple[WhyLayer, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """What stands at a path of a net: one layer, or several applications of one, or a scope."""

    net: str
    path: str
    layers: tuple[WhyLayer, ...] = ()
    scope: WhyScope | None = None

    def to_json(self) -> dict[str, object]:
        """The answer as plain JSON values."""
        told: dict[str, object] = {"version": WHY_VERSION, **asdict(self), "layers": [*map(_layer_json, self.layers)]}
        if self.scope:
            told["scope"] = {**asdict(self.scope), "joins": [*map(_layer_json, self.scope.joins)]}
        return told


def _layer_json(layer: WhyLayer) -> dict[str, object]:
    return {**asdict(layer), "receptive": _field_json(layer.receptive)}


def _field_json(field: ReceptiveField) -> dict[str, object] | None:
    """Along each axis the size, the stride and the offset, which is where the first position's field starts.

    Fractions are strings like `1/2`. Where paths of different strides meet there is a list of them. None where the
    field is unknown.
    """
    if field.untold:
        return None
    told = {axis: [_interval_json(path) for path in paths] for axis, paths in field.paths.items()}
    return {axis: paths[0] if len(paths) == 1 else paths for axis, paths in told.items()}


def _interval_json(path: Interval) -> dict[str, object]:
    return {"size": path.size, "stride": _number(path.stride), "offset": _number(-path.pad), "whole": path.whole}


def _number(ratio: Ratio) -> int | str:
    return ratio if isinstance(ratio, int) else str(ratio)


def arguments_of(op: Operator) -> dict[str, str]:
    """The fields of an operator, as the language writes their values; those that are left open are left out."""
    values = {name: getattr(op, name) for name in type(op).model_fields}
    return {name: argument(value, op.positional.get(name)) for name, value in values.items() if value not in (None, ())}
