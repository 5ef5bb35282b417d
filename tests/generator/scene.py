"""The place of a statement: the values and numbers that it can name, its input, and the keys that are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from math import ceil, cos, exp, floor, log, log2, sin, sqrt
from typing import TYPE_CHECKING, Any

from archlang.ir import join_path
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.shapes import TensorType

if TYPE_CHECKING:
    from tests.generator.definitions import Definition
    from tests.generator.starts import Begun
    from tests.generator.tracing import Starts, Trace

ACTS = ("relu", "tanh", "gelu", "identity", "leaky_relu", "batchnorm", "softplus")


def _twice(v: float, more: float = 0) -> float:
    return 2 * v + more


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min, "max": max, "sum": sum, "len": len, "abs": abs, "floor": floor, "ceil": ceil, "int": int,
    "sqrt": sqrt, "exp": exp, "log": log, "log2": log2, "sin": sin, "cos": cos, "twice": _twice,
    "range": range, "enumerate": enumerate, "zip": lambda *lists: tuple(zip(*lists, strict=True)),
}  # fmt: skip


@cache
def operators() -> dict[str, Operator]:
    """Return operators that are values: `act=relu`."""
    return {word: registry()[word]() for word in ACTS}


class Stuck(Exception):
    """A statement that was drawn does not fit at its place."""


@dataclass(frozen=True, eq=False)
class Value:
    """A value: its type, and the number of the step that gives it.

    `below` is the least number that no whole number in it has; `positions` are the sizes of the map whose positions it
    holds, as a pool gave them.
    """

    type: TensorType
    step: int
    below: int | None = None
    positions: tuple[int, ...] | None = None


Values = tuple[Value, ...]


@dataclass(frozen=True)
class Applied:
    """A labelled step that can be applied again: its operator or block, what flowed into it, the defaults there."""

    target: Operator | Definition
    arguments: tuple[tuple[str, object], ...]
    types: tuple[TensorType, ...]
    defaults: tuple[tuple[str, Begun], ...] = ()
    path: str = ""  # in the block


@dataclass
class Scope:
    """Braces that are a sub-module, or a block: its labels, what can be applied again, the keys taken, the position."""

    labels: dict[str, Values] = field(default_factory=dict[str, Values])
    steps: dict[str, Applied] = field(default_factory=dict[str, Applied])
    keys: set[str] = field(default_factory=set[str])
    layers: list[str] = field(default_factory=list[str])  # the paths of operators, calls and braces
    owners: set[str] = field(default_factory=set[str])  # the labels of steps whose weights others share
    tied: dict[str, set[str]] = field(default_factory=dict[str, set[str]])  # paths of steps with weights of others
    key: str = ""  # of the braces
    path: str = ""  # of the braces in the block
    position: int = 0
    outer: Scope | None = None

    def forked(self) -> Scope:
        outer = self.outer.forked() if self.outer else None
        copied = (
            dict(self.labels),
            dict(self.steps),
            set(self.keys),
            list(self.layers),
            set(self.owners),
            dict(self.tied),
        )
        return Scope(*copied, self.key, self.path, self.position, outer)


@dataclass
class Facts:
    """A value in an expression: `it`, an item of an input that takes any number of values, or what a loop names."""

    value: Value

    @property
    def type(self) -> TensorType:
        return self.value.type

    @property
    def channels(self) -> int:
        return self._size("c")

    @property
    def height(self) -> int:
        return self._size("h")

    @property
    def width(self) -> int:
        return self._size("w")

    @property
    def length(self) -> int:
        return self._size("t")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    def _size(self, axis: str) -> int:
        if axis not in self.type.axes:
            raise Stuck(axis)
        return self.type[axis]


@dataclass
class Scene:
    """A place in a block. `names` are numbers, lists, windows and operators; `known` are the blocks above."""

    known: Mapping[str, Definition]
    names: dict[str, Any]
    it: Values
    scope: Scope = field(default_factory=Scope)
    used: set[int] = field(default_factory=set[int])
    steps: count[int] = field(default_factory=count)
    made: dict[int, Values] = field(default_factory=dict[int, Values])  # step -> what it gives
    turning: bool = False  # within a loop, where a label must differ from turn to turn
    templates: dict[str, str] = field(default_factory=dict[str, str])  # computed labels: key -> how it is written
    defaults: tuple[tuple[str, Begun], ...] = ()  # how the weights of operators begin here
    tuples: dict[str, Values] = field(default_factory=dict[str, Values])  # inputs that take any number of values
    trace: Trace | None = None  # where it is noted what runs
    taken: Values = ()  # by the last step

    def forked(self) -> Scene:
        """Return a copy in which something can be tried."""
        other = copy(self)
        other.names, other.scope, other.used = dict(self.names), self.scope.forked(), set(self.used)
        other.made, other.templates = dict(self.made), dict(self.templates)
        return other

    def adopt(self, other: Scene) -> None:
        """Become what was tried."""
        vars(self).update(vars(other))

    def types(self) -> tuple[TensorType, ...]:
        return tuple(value.type for value in self.it)

    def give(
        self, types: tuple[TensorType, ...], below: int | None = None, positions: tuple[int, ...] | None = None
    ) -> None:
        """Record a step that takes the value that flows here and returns values of these types."""
        self.taken = self.it
        self.used.update(value.step for value in self.it)
        step = next(self.steps)
        self.it = tuple(
            Value(type, step)
            if type.is_float
            else Value(type, step, below, positions if type.dtype == "int64" else None)
            for type in types
        )
        self.made[step] = self.it

    def evaluate(self, text: str) -> Any:
        """Return an expression of the language, which is one of Python too but for its two truth values."""
        environment = {**FUNCTIONS, "four": 4, **operators(), **self.names, "true": True, "false": False}
        environment |= {name: tuple(map(Facts, values)) for name, values in self.tuples.items()}
        if len(self.it) == 1:
            environment["it"] = Facts(self.it[0])
        try:
            return eval(text, {"__builtins__": {}}, environment)  # noqa: S307
        except (ArithmeticError, TypeError, ValueError, IndexError, NameError, AttributeError) as error:
            raise Stuck(str(error)) from None

    def note(
        self, op: Operator | str, key: str | None, ties: Sequence[tuple[str, str]] = (), starts: Starts = ()
    ) -> None:  # fmt: skip
        """Note that a step of this key took what it took, and gives what flows. A join has no key."""
        if self.trace is not None:
            self.trace.add(join_path(self.scope.path, key), op, self.taken, self.it, ties, starts)

    def find(self, path: str) -> Values:
        """Return the values of a label or path, or of what a loop over values names."""
        named = self.names.get(path)
        if isinstance(named, Facts):
            return (named.value,)
        scope: Scope | None = self.scope
        while scope is not None:
            if path in scope.labels:
                return scope.labels[path]
            scope = scope.outer
        raise Stuck(f"no value is called {path}")

    def applied(self, path: str) -> Applied:
        scope: Scope | None = self.scope
        while scope is not None:
            if path in scope.steps:
                return scope.steps[path]
            scope = scope.outer
        raise Stuck(f"no step is called {path}")

    def visible(self) -> dict[str, Values]:
        """Return all values by their labels and paths, and by the names of loops."""
        found: dict[str, Values] = {name: (one.value,) for name, one in self.names.items() if isinstance(one, Facts)}
        scope: Scope | None = self.scope
        while scope is not None:
            free = {path: values for path, values in scope.labels.items() if path.partition(".")[0] not in found}
            found = {**free, **found}
            scope = scope.outer
        return found

    def claim(self, label: str | None) -> str:
        """Take the key of a step, which takes a position too."""
        key = str(self.scope.position) if label is None else label
        if key in self.scope.keys or label in self.names:
            raise Stuck(f"{key} is taken")
        self.scope.keys.add(key)
        self.scope.position += 1
        return key

    def bind(self, label: str, values: Values) -> None:
        if label in self.scope.labels or label in self.names:
            raise Stuck(f"{label} is taken")
        self.scope.labels[label] = values
