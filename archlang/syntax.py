"""The syntax tree: what was written. One frozen class for each rule of the grammar, each with its span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

from archlang.source import Span

Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True, eq_default=False)
def _tree(kind: type[Kind]) -> type[Kind]:
    """A class of the tree, frozen to type checkers; Python's own frozen classes take thrice as long to make."""
    return dataclass(slots=True, eq=False, repr=False)(kind)


# ---- expressions


@_tree
class Literal:
    """A number, a bool or a window; `unit` is one unit of the last digit written."""

    value: int | float | bool | tuple[int, ...]
    span: Span
    unit: float = 1.0


@_tree
class Text:
    """A string; its parts are text and the expressions that fill its holes."""

    parts: tuple[str | Expression, ...]
    span: Span


@_tree
class Name:
    """A bare word."""

    text: str
    span: Span


@_tree
class Attribute:
    """`base.name`: a path, or a fact of a value."""

    base: Expression
    name: str
    span: Span


@_tree
class Index:
    """`base[index]`."""

    base: Expression
    index: Expression
    span: Span


@_tree
class Slice:
    """`base[start:stop]`."""

    base: Expression
    start: Expression | None
    stop: Expression | None
    span: Span


@_tree
class Call:
    """`max(a, b)`, or an operator or block with arguments fixed: `leaky_relu(slope=0.1)`."""

    function: Expression
    arguments: tuple[Argument, ...]
    span: Span


@_tree
class Unary:
    """`-operand`, `not operand`."""

    operator: str
    operand: Expression
    span: Span


@_tree
class Binary:
    """`left operator right`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


@_tree
class Conditional:
    """`then if condition else otherwise`."""

    then: Expression
    condition: Expression
    otherwise: Expression
    span: Span


@_tree
class Sequence:
    """A tuple `(a, b)` or a list `[a, b]`."""

    items: tuple[Expression, ...]
    is_list: bool
    span: Span


@_tree
class Quantity:
    """A rounded figure of a promise: `133M`, `15.47G`, `24GiB`. `slack` is one unit of its last digit."""

    value: int | float
    slack: float
    span: Span


@_tree
class OpenSize:
    """`H=512` in the shape of an input: a size that is left open, with the one it has where none is given."""

    name: str
    default: Expression
    span: Span


Expression = (
    Literal | Text | Name | Attribute | Index | Slice | Call | Unary | Binary | Conditional | Sequence | Quantity
    | OpenSize
)  # fmt: skip

# ---- arguments


@_tree
class Argument:
    """`64`, `3x3/2`; with a name `pad=1`; a stride alone (`/2`) is the argument named `stride`, `slash` being true."""

    value: Expression
    span: Span
    name: str | None = None
    slash: bool = False


# ---- statements


@_tree
class Parameter:
    """A parameter of a block, net or function, with its default where it has one.

    `open_size` says that it is a size which an input leaves open; such a one is given by name alone.
    """

    name: str
    default: Expression | None
    span: Span
    open_size: bool = False


@_tree
class Let:
    """`let name = value`; with parameters it defines a function."""

    name: str
    parameters: tuple[Parameter, ...] | None
    value: Expression
    span: Span


@_tree
class Input:
    """`input name: shape dtype=...`."""

    name: str
    shape: Expression | None
    options: tuple[Argument, ...]
    span: Span


@_tree
class Param:
    """`param label: shape init=...`; a `buffer` is one that training does not change."""

    label: Expression
    shape: Expression
    options: tuple[Argument, ...]
    buffer: bool
    span: Span


@_tree
class Output:
    """`output values`, `training` where it says `when training`."""

    values: tuple[Expression, ...]
    training: bool
    span: Span


@_tree
class Expect:
    """`expect subject comparison promised`."""

    subject: Expression
    comparison: str
    promised: Expression
    span: Span


@_tree
class Freeze:
    """`freeze paths`."""

    paths: tuple[Expression, ...]
    span: Span


@_tree
class Broken:
    """A line that was reported and taken out; its value is unknown."""

    span: Span


@_tree
class Step:
    """`label: action`, reached by a written arrow or not."""

    label: Expression | None
    action: Action
    arrow: bool
    span: Span


# ---- actions


@_tree
class Apply:
    """An operator or block with its arguments, or a value alone."""

    head: Expression
    arguments: tuple[Argument, ...]
    branches: Branches | None
    span: Span


@_tree
class Inline:
    """`inline block arguments`: a block called without a scope of its own."""

    head: Name
    arguments: tuple[Argument, ...]
    span: Span


@_tree
class Reuse:
    """`reuse label`: the module of a labelled step, applied again."""

    module: Expression
    span: Span


@_tree
class Body:
    """Statements in braces."""

    items: tuple[Statement, ...]
    span: Span


@_tree
class Branches:
    """Branches side by side: `{ | F | G }`."""

    branches: tuple[Body, ...]
    span: Span


@_tree
class For:
    """`for targets in iterable { ... }`."""

    targets: Targets
    iterable: Expression
    body: Body | Branches
    span: Span


@_tree
class If:
    """`if condition { ... } else { ... }`."""

    condition: Expression
    then: Body | Branches
    otherwise: If | Body | Branches | None
    span: Span


@_tree
class Repeat:
    """`repeat count as name { }`; `dense` wraps each turn in `concat { | it | ... }`."""

    count: Expression
    name: Name | None
    body: Body | Branches
    dense: bool
    span: Span


@_tree
class Residual:
    """`residual { ... } shortcut { ... }`."""

    body: Body
    shortcut: Body | None
    span: Span


@_tree
class Targets:
    """The variables of a loop: `i, (w, d)`."""

    names: tuple[Name | Targets, ...]
    span: Span


Action = Apply | Inline | Reuse | Body | Branches | For | If | Repeat | Residual
Statement = Let | Input | Param | Output | Expect | Freeze | Broken | Step

# ---- declarations


@_tree
class Definition:
    """A `net` or a `block`."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: Body
    is_net: bool
    span: Span


@_tree
class Derived:
    """`net name = base arguments { expectations }`."""

    name: Name
    base: Name
    arguments: tuple[Argument, ...]
    body: Body | None
    span: Span


@_tree
class Use:
    """`use "path": names`."""

    path: str
    path_span: Span
    names: tuple[Name, ...]
    span: Span


Declaration = Definition | Derived | Let | Use


@_tree
class File:
    """A parsed file. `broken` names the declarations that could not be read: nothing is said of what is in them.

    `words` is how long it is: all that the parser read, ends of lines too.
    """

    name: str
    declarations: tuple[Declaration, ...]
    comments: tuple[tuple[Span, str], ...]
    broken: frozenset[str]
    words: int = 0
