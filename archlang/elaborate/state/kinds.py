"""The kinds of values in a spec, and what messages call each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archlang import syntax
from archlang.elaborate.state.mistakes import Silent
from archlang.open_numbers import OpenFloat, OpenInt, OpenText, closed
from archlang.ops.base import Operator
from archlang.shapes import TensorType, Window
from archlang.source import Span

if TYPE_CHECKING:
    from archlang.elaborate.state.lookup import Home
    from archlang.elaborate.state.session import Here


@dataclass(frozen=True, slots=True)
class Unknown:
    """The value of a step that failed. A step that takes it fails too, without a message."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value of the net: its number in the block, its type, and the labels inside the braces that gave it."""

    value: int
    type: TensorType
    inner: Mapping[str, Value] = field(default_factory=dict["str", "Value"], compare=False)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A flat tuple of values."""

    items: tuple[Tensor | Unknown, ...]
    inner: Mapping[str, Value] = field(default_factory=dict["str", "Value"], compare=False)


@dataclass(frozen=True, slots=True)
class Strided:
    """A window with a stride, `3x3/2`, and the place of each."""

    window: tuple[int, ...]
    stride: Value
    window_span: Span = field(compare=False)
    stride_span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Given:
    """An evaluated argument. `name` is None if it has no name; `at` is the place of the value only."""

    name: str | None
    value: Value
    span: Span = field(compare=False)
    at: Span = field(compare=False)
    slash: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class OperatorValue:
    """An operator with some arguments fixed: `leaky_relu(slope=0.1)`."""

    op: type[Operator]
    given: tuple[Given, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockValue:
    """A block or net with some arguments fixed; `home` has the names of the file that declares it."""

    definition: syntax.Definition
    home: Home = field(compare=False)
    given: tuple[Given, ...] = ()

    def __hash__(self) -> int:
        return hash((id(self.definition), self.given))


@dataclass(frozen=True, slots=True)
class RecipeValue:
    """A recipe of training; `home` has the names of the file that declares it. No step or number is one."""

    recipe: syntax.Recipe
    home: Home = field(compare=False)


@dataclass(frozen=True, slots=True)
class Function:
    """A function defined by `let`, which sees the names visible at its definition. A built-in one has no `home`."""

    name: str
    let: syntax.Let | None = None
    home: Here | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Initial:
    """An initialiser of parameters with some arguments fixed: `normal(0.02)`."""

    word: str
    given: tuple[Given, ...] = ()


Plain = int | float | bool | str | Window
Value = (
    Plain
    | tuple["Value", ...]
    | Tensor
    | Bundle
    | Unknown
    | Strided
    | OperatorValue
    | BlockValue
    | Function
    | Initial
    | RecipeValue
)  # a list is a tuple too


Starts = tuple[tuple[str, Given], ...]  # by the word of an operator: `init=he_normal`


def bundle(items: Sequence[Tensor | Unknown]) -> Tensor | Unknown | Bundle:
    """Return one value unchanged, several as a tuple."""
    return items[0] if len(items) == 1 else Bundle(tuple(items))


def values_in(values: Sequence[Value]) -> int:
    """Return how many values `flattened` returns."""
    return sum(len(value.items) if isinstance(value, Bundle) else 1 for value in values)


def flattened(values: Sequence[Value]) -> list[Tensor | Unknown]:
    """Return all values in one list: tuples inside tuples are flattened."""
    flat: list[Tensor | Unknown] = []
    for value in values:
        if isinstance(value, Bundle):
            flat += value.items
        elif isinstance(value, (Tensor, Unknown)):
            flat.append(value)
    return flat


def kind(value: Value) -> str:
    """Return what messages call a value: `the number 3`, `a window`."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the word "{value if len(value) <= 40 else value[:35] + "..."}"'
        case Window():
            return f"the window {value}"
        case tuple():
            return f"a list of {len(value)}"
        case Tensor():
            return f"the value {value.type}"
        case Bundle():
            many = {0: "an empty tuple", 1: "a tuple of one value"}
            return many.get(len(value.items), f"a tuple of {len(value.items)} values")
        case _:
            return _kind_of_word(value)


def _kind_of_word(value: Strided | OperatorValue | BlockValue | Function | Initial | RecipeValue | Unknown) -> str:
    match value:
        case Strided():
            return "a window with a stride"
        case OperatorValue():
            return f"the operator {value.op.word}"
        case BlockValue():
            return f"the {'net' if value.definition.is_net else 'block'} {value.definition.name.text}"
        case Function():
            return f"the function {value.name}"
        case Initial():
            return f"the initialiser {value.word}"
        case RecipeValue():
            return f"the recipe {value.recipe.name.text}"
        case Unknown():
            return "an unknown value"


def parts_in(value: Value, limit: int) -> int:
    """Count the values of a list, including those of lists inside it. Counting stops beyond the limit."""
    count, waiting = 0, [value]
    while waiting and count <= limit:
        count += 1
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += item
        elif isinstance(item, (OperatorValue, BlockValue, Initial)):
            waiting += [given.value for given in item.given]
    return count


def known(value: Value) -> Value:
    """Return the value. Raises `Silent` if an earlier mistake left it unknown."""
    if value is UNKNOWN:
        raise Silent
    return value


def shown(value: Value) -> str:
    """Return a value as the language writes it, for the arguments recorded in the Graph."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case Window() | int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(shown, value))}]"
        case Strided():
            return f"{Window(value.window)}/{shown(value.stride)}"
        case OperatorValue():
            return _fixed(value.op.word, value.given)
        case BlockValue():
            return _fixed(value.definition.name.text, value.given)
        case Initial():
            return _fixed(value.word, value.given)
        case _:
            return kind(value)


def all_shown(values: Mapping[str, Value]) -> dict[str, str]:
    """Return values by name, each as the language writes it."""
    return {name: shown(value) for name, value in values.items()}


def _fixed(word: str, given: tuple[Given, ...]) -> str:
    inside = ", ".join(shown(g.value) if g.name is None else f"{g.name}={shown(g.value)}" for g in given)
    return f"{word}({inside})" if given else word


def key(value: Value) -> object:
    """Return a hashable key that differs for `True` and `1`, for `1` and `1.0`, and for a window and a list."""
    match value:
        case Window():
            return (Window, *value)
        case tuple():
            return (tuple, *map(key, value))
        case Strided():
            return (Strided, value.window, key(value.stride))
        case OperatorValue():
            return (value.op, *((g.name, key(g.value)) for g in value.given))
        case BlockValue():
            return (id(value.definition), *((g.name, key(g.value)) for g in value.given))
        case Initial():
            return (Initial, value.word, *((g.name, key(g.value)) for g in value.given))
        case Function():
            return (Function, value.name, id(value.let))
        case OpenInt() | OpenFloat():
            return (type(value), closed(value), value.formula)
        case OpenText():
            return (OpenText, str(value), *map(key, value.numbers))
        case _:
            return (type(value), value)
