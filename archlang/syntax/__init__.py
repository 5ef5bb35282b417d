"""The syntax tree: what was written. There is one frozen class for each rule of the grammar, with its place."""

from __future__ import annotations

from archlang.syntax.actions import Action, Apply, Body, Branches, For, If, Inline, Repeat, Residual, Reuse, Targets
from archlang.syntax.declarations import Declaration, Definition, Derived, File, Recipe, RecipeLine, Setting, Use
from archlang.syntax.expressions import (
    Argument,
    Attribute,
    Binary,
    Call,
    Conditional,
    Expression,
    Index,
    Literal,
    Name,
    OpenSize,
    Quantity,
    Sequence,
    Slice,
    Text,
    Unary,
)
from archlang.syntax.statements import (
    Broken,
    Default,
    Expect,
    Freeze,
    Input,
    Let,
    Output,
    Param,
    Parameter,
    Statement,
    Step,
)

__all__ = [
    "Action", "Apply", "Argument", "Attribute", "Binary", "Body", "Branches", "Broken", "Call", "Conditional",
    "Declaration", "Default", "Definition", "Derived", "Expect", "Expression", "File", "For", "Freeze", "If",
    "Index", "Inline", "Input", "Let", "Literal", "Name", "OpenSize", "Output", "Param", "Parameter", "Quantity",
    "Recipe", "RecipeLine", "Repeat", "Residual", "Reuse", "Sequence", "Setting", "Slice", "Statement", "Step",
    "Targets", "Text", "Unary", "Use",
]  # fmt: skip
