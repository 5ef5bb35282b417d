"""A recipe: how a net is trained, with every setting evaluated and held against its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from archlang.recipes.arguments import Plain, Setting
from archlang.source import Span

if TYPE_CHECKING:
    from archlang.recipes.own_loss import OwnLoss

Precision = Literal["fp32", "bf16", "fp16"]
Clock = Literal["step", "epoch"]


@dataclass(frozen=True, slots=True)
class Part:
    """Something of torch that the recipe names: the word, every argument with its value, and its place.

    `given` has the places of the arguments that were written; the others have torch's defaults.
    """

    word: str
    arguments: Mapping[str, Setting]
    span: Span = field(compare=False)
    given: Mapping[str, Span] = field(default_factory=dict[str, Span], compare=False)

    def number(self, name: str) -> float:
        """Return an argument that is a number."""
        value = self.arguments[name]
        assert isinstance(value, (int, float)), name
        return value


@dataclass(frozen=True, slots=True)
class Named:
    """A path of the net or a word, and its place."""

    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One summand of the loss: `0.3 * crossentropy aux label`. `values` are those written, in order.

    `own` is the operator or block of the user's own that it is, if it is none of the losses that are known.
    """

    part: Part
    scale: float
    values: tuple[Named, ...]
    own: OwnLoss | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters with settings of their own: paths, or `norms`, `biases`; and what they replace of the optimiser's."""

    targets: tuple[Named, ...]
    settings: Mapping[str, Setting]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Freeze:
    """Parameters that do not train, up to this epoch, or for the whole run."""

    targets: tuple[Named, ...]
    until: int | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Rest:
    """The optimiser of the parameters that the first one does not take, and of those under these paths."""

    part: Part
    targets: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Penalty:
    """What `regularize` asks of parameters, or of all where it names none: `part` has `l1`, `l2` and `maxnorm`."""

    targets: tuple[Named, ...]
    part: Part


@dataclass(frozen=True, slots=True)
class Stage:
    """Transforms one after the other, of all samples (`view`), of training (`augment`) or the rest (`evaluate`)."""

    where: Literal["view", "augment", "evaluate"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedules, one after the other, and what each of their steps is. No parts: a constant rate."""

    parts: tuple[Part, ...]
    by: Clock


@dataclass(frozen=True, slots=True)
class Goal:
    """What the recipe promises: `expect accuracy >= 0.98 at seeds=3`."""

    metric: str
    comparison: str
    value: float
    seeds: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe, evaluated. `net` is the name of its net. Exactly one of `epochs` and `steps` is given.

    `batch` counts the samples of one step over all devices. `origins` tells where each setting was written.
    """

    name: str
    net: str
    data: Part
    losses: tuple[LossTerm, ...]
    optimizer: Part
    batch: int
    epochs: int | None
    steps: int | None
    schedule: Schedule
    stages: tuple[Stage, ...]
    mixes: tuple[Part, ...]
    groups: tuple[Group, ...]
    freezes: tuple[Freeze, ...]
    metrics: tuple[Part, ...]
    clip: Part | None
    accumulate: int
    precision: Precision
    ema: Part | None
    stop: Part | None
    feeds: Mapping[str, Named]
    goals: tuple[Goal, ...]
    seed: int
    span: Span = field(compare=False)
    arguments: Mapping[str, Plain] = field(default_factory=dict[str, Plain])
    origins: Mapping[str, Span] = field(default_factory=dict[str, Span], compare=False)
    penalties: tuple[Penalty, ...] = ()
    swa: Part | None = None
    rest: Rest | None = None
