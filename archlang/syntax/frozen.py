"""How the classes of the syntax tree are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Kind = TypeVar("_Kind")


@dataclass_transform(frozen_default=True, eq_default=False)
def tree(kind: type[_Kind]) -> type[_Kind]:
    """Make a class of the tree, frozen for type checkers. Frozen dataclasses take three times as long to create."""
    return dataclass(slots=True, eq=False, repr=False)(kind)
