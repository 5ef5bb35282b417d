"""The answer of `archlang why`, as data."""

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
    """A tensor that a layer saves for backward, for one image in training mode.

    `what` is `input`, `output` or a name. `keeper` is the path of the layer that saves the storage first; None if it is
    a weight's, which is allocated anyway. `new_bytes` is 0 in that case, and if the keeper is an earlier layer.
    """

    what: str
    shape: tuple[int, ...]
    dtype: str
    new_bytes: int
    keeper: str | None


@dataclass(frozen=True, slots=True)
class WhyLayer:
    """An operator of the net, its law with its numbers, and its counts for one image.

    `written` is its place; `called` are the calls of blocks that lead to it, the innermost first. `axes` are those of
    input and output as its docstring writes them, empty if it does not. The counts are those of this application alone:
    a `reused` layer has the weights of an earlier one. `ties` lists tied weights, `starts` the initial values of
    weights, `sizes` the arguments that are made of sizes when the net runs. A `training_only` layer does not run in
    evaluation.

    `work` is that of the forward pass in evaluation. `backward` is the work of a training step, which computes the
    gradients `wanted`. What it `keeps` is unknown if `keeps_untold` is not empty.
    """

    path: str
    op: str
    summary: str
    arguments: Mapping[str, str]
    sizes: Mapping[str, str]
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
    starts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a scope: an operator, a call or braces, with its outputs and counts. A join has no name."""

    name: str
    what: str
    outputs: tuple[TensorType, ...]
    params: int
    macs: int


@dataclass(frozen=True, slots=True)
class WhyScope:
    """A call of a block, braces or the whole net: its parts, and their sum. `what` is `bottleneck`, `{ }` or the net.

    Counts are those of evaluation: `training_only` parts do not run. `reused` parts count their weights once and their
    work each time. `written` is the place of the call or of the first step. Joins, which have no path of their own, are
    listed in `joins`.
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
    """The answer for a path of a net: one layer, several applications of one, or a scope."""

    net: str
    path: str
    layers: tuple[WhyLayer, ...] = ()
    scope: WhyScope | None = None

    def __repr__(self) -> str:
        """Return one line."""
        parts = [f"{self.path} ({'/'.join(dict.fromkeys(layer.op for layer in self.layers))})"] if self.layers else []
        parts += [f"{self.path or 'the net'} ({self.scope.what})"] if self.scope else []
        return f"<Why of {self.net}: {', '.join(parts)}>"

    def to_json(self) -> dict[str, object]:
        """Return the answer as plain JSON values."""
        told: dict[str, object] = {"version": WHY_VERSION, **asdict(self), "layers": [*map(_layer_json, self.layers)]}
        if self.scope:
            told["scope"] = {**asdict(self.scope), "joins": [*map(_layer_json, self.scope.joins)]}
        return told


def _layer_json(layer: WhyLayer) -> dict[str, object]:
    return {**asdict(layer), "receptive": _field_json(layer.receptive)}


def _field_json(field: ReceptiveField) -> dict[str, object] | None:
    """Return the size, and the moving window, its stride and its offset along each axis.

    The size is that of the largest window that a position sees. The moving window holds what each position sees; the
    offset is its start at the first position.

    Fractions are strings like `1/2`. An axis where paths of different strides meet has a list of them. None if the
    field is unknown.
    """
    if field.untold:
        return None
    told = {axis: [_interval_json(path) for path in paths] for axis, paths in field.paths.items()}
    return {axis: paths[0] if len(paths) == 1 else paths for axis, paths in told.items()}


def _interval_json(path: Interval) -> dict[str, object]:
    moving = {"window": path.extent, "stride": path.stride, "offset": -path.pad}
    return {"size": path.size, **{name: _number(ratio) for name, ratio in moving.items()}, "whole": path.whole}


def _number(ratio: Ratio) -> int | str:
    return ratio if isinstance(ratio, int) else str(ratio)


def arguments_of(op: Operator) -> dict[str, str]:
    """Return the fields of an operator that have a value, written as the language writes them."""
    values = {name: getattr(op, name) for name in type(op).model_fields}
    return {name: argument(value, op.positional.get(name)) for name, value in values.items() if value not in (None, ())}
