"""The statements of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.source import Span
from archlang.syntax.expressions import Argument, Expression, Name
from archlang.syntax.frozen import tree

if TYPE_CHECKING:
    from archlang.syntax.actions import Action


@tree
class Parameter:
    """A parameter of a block, net or function, with its default if it has one.

    `open_size` is true for an open size of an input, which is only given by name.
    """

    name: str
    default: Expression | None
    span: Span
    open_size: bool = False


@tree
class Let:
    """`let name = value`; with parameters it defines a function."""

    name: str
    parameters: tuple[Parameter, ...] | None
    value: Expression
    span: Span


@tree
class Input:
    """`input name: shape dtype=...`; `input *name` takes all values that the other inputs leave."""

    name: str
    shape: Expression | None
    options: tuple[Argument, ...]
    span: Span
    many: bool = False


@tree
class Param:
    """`param label: shape init=...`; a `buffer` is one that training does not change."""

    label: Expression
    shape: Expression
    options: tuple[Argument, ...]
    buffer: bool
    span: Span


@tree
class Output:
    """`output values`. `training` is true after `when training`."""

    values: tuple[Expression, ...]
    training: bool
    span: Span


@tree
class Expect:
    """`expect subject comparison promised at settings`. The settings say how the net runs: `batch=256`."""

    subject: Expression
    comparison: str
    promised: Expression
    span: Span
    settings: tuple[Argument, ...] = ()


@tree
class Freeze:
    """`freeze paths`."""

    paths: tuple[Expression, ...]
    span: Span


@tree
class Default:
    """`default operator init=...`: how the weights of an operator are initialised unless a step says otherwise."""

    operator: Name
    options: tuple[Argument, ...]
    span: Span


@tree
class Broken:
    """A line that was reported and removed. Its value is unknown."""

    span: Span


@tree
class Step:
    """`label: action`. `arrow` is true if an arrow is written before it."""

    label: Expression | None
    action: Action
    arrow: bool
    span: Span


Statement = Let | Input | Param | Output | Expect | Freeze | Default | Broken | Step
