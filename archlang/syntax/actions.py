"""What a step does."""

from __future__ import annotations

from archlang.source import Span
from archlang.syntax.expressions import Argument, Expression, Name
from archlang.syntax.frozen import tree
from archlang.syntax.statements import Statement


@tree
class Apply:
    """An operator or block with its arguments, or a value alone."""

    head: Expression
    arguments: tuple[Argument, ...]
    branches: Branches | None
    span: Span


@tree
class Inline:
    """`inline block arguments`: a block called without a scope of its own."""

    head: Name
    arguments: tuple[Argument, ...]
    span: Span


@tree
class Reuse:
    """`reuse label`: the module of a labelled step, applied again."""

    module: Expression
    span: Span


@tree
class Body:
    """Statements in braces."""

    items: tuple[Statement, ...]
    span: Span


@tree
class Branches:
    """Branches: `{ | F | G }`."""

    branches: tuple[Body, ...]
    span: Span


@tree
class For:
    """`for targets in iterable { ... }`."""

    targets: Targets
    iterable: Expression
    body: Body | Branches
    span: Span


@tree
class If:
    """`if condition { ... } else { ... }`."""

    condition: Expression
    then: Body | Branches
    otherwise: If | Body | Branches | None
    span: Span


@tree
class Repeat:
    """`repeat count as name { }`; `dense` wraps each turn in `concat { | it | ... }`."""

    count: Expression
    name: Name | None
    body: Body | Branches
    dense: bool
    span: Span


@tree
class Residual:
    """`residual { ... } shortcut { ... }`; with `residual if condition`, only its body if the condition fails."""

    condition: Expression | None
    body: Body
    shortcut: Body | None
    span: Span


@tree
class Targets:
    """The variables of a loop: `i, (w, d)`."""

    names: tuple[Name | Targets, ...]
    span: Span


Action = Apply | Inline | Reuse | Body | Branches | For | If | Repeat | Residual
