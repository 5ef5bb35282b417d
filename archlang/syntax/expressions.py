"""Expressions, and arguments, which contain them."""

from __future__ import annotations

from archlang.source import Span
from archlang.syntax.frozen import tree


@tree
class Literal:
    """A number, a bool or a window; `unit` is one unit of the last digit written."""

    value: int | float | bool | tuple[int, ...]
    span: Span
    unit: float = 1.0


@tree
class Text:
    """A string. Its parts are text and the expressions in its holes."""

    parts: tuple[str | Expression, ...]
    span: Span


@tree
class Name:
    """A bare word."""

    text: str
    span: Span


@tree
class Attribute:
    """`base.name`: a path, or a size of a value."""

    base: Expression
    name: str
    span: Span


@tree
class Index:
    """`base[index]`."""

    base: Expression
    index: Expression
    span: Span


@tree
class Slice:
    """`base[start:stop]`."""

    base: Expression
    start: Expression | None
    stop: Expression | None
    span: Span


@tree
class Call:
    """`max(a, b)`, or an operator or block with arguments fixed: `leaky_relu(slope=0.1)`."""

    function: Expression
    arguments: tuple[Argument, ...]
    span: Span


@tree
class Unary:
    """`-operand`, `not operand`."""

    operator: str
    operand: Expression
    span: Span


@tree
class Binary:
    """`left operator right`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


@tree
class Conditional:
    """`then if condition else otherwise`."""

    then: Expression
    condition: Expression
    otherwise: Expression
    span: Span


@tree
class Sequence:
    """A tuple `(a, b)` or a list `[a, b]`."""

    items: tuple[Expression, ...]
    is_list: bool
    span: Span


@tree
class Quantity:
    """A rounded number in a promise: `133M`, `15.47G`, `24GiB`. `slack` is one unit of its last digit."""

    value: int | float
    slack: float
    span: Span


@tree
class OpenSize:
    """`H=512` in the shape of an input: an open size, with its default."""

    name: str
    default: Expression
    span: Span


Expression = (
    Literal | Text | Name | Attribute | Index | Slice | Call | Unary | Binary | Conditional | Sequence | Quantity
    | OpenSize
)  # fmt: skip


@tree
class Argument:
    """`64`, `3x3/2`, or with a name `pad=1`. A stride alone (`/2`) has the name `stride`, and `slash` is true."""

    value: Expression
    span: Span
    name: str | None = None
    slash: bool = False
