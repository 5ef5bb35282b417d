"""How the classes of the syntax tree are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Kind = TypeVar("_Kind")


@dataclass_transform(frozen_default=True, eq_default=False)
def tree(kind: type[_Kind]) -> type[_Kind]:
    """A class of the tree, frozen to type checkers; Python's own frozen classes take thrice as long to make."""
    return dataclass(slots=True, eq=False, repr=False)(kind)
