"""What names stand for: those that `let`, loops and parameters give, and the labels of braces that are a sub-module."""

from __future__ import annotations

from dataclasses import dataclass, field

from archlang.elaborate.values import Value
from archlang.source import Span


@dataclass
class Lets:
    """Names given by `let`, by loops and by parameters, innermost first. `loop` says that they change at each turn."""

    names: dict[str, Value]
    outer: Lets | None = None
    loop: bool = False

    def find(self, name: str) -> Value | None:
        scope: Lets | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def visible(self) -> list[str]:
        return [*self.names, *(self.outer.visible() if self.outer else ())]

    def changing(self) -> list[str]:
        """The numbers that change from turn to turn of the loops around, innermost first."""
        own = [name for name, value in self.names.items() if isinstance(value, int)] if self.loop else []
        return [*own, *(self.outer.changing() if self.outer else ())]


@dataclass
class Scope:
    """Braces that are a sub-module: its path in the block, its labels, the keys taken, the next position."""

    path: str = ""
    outer: Scope | None = None
    labels: dict[str, Value] = field(default_factory=dict[str, Value])
    named: dict[str, Span] = field(default_factory=dict[str, Span])  # where each label is written
    keys: dict[str, Span] = field(default_factory=dict[str, Span])
    skipped: dict[str, Span] = field(default_factory=dict[str, Span])  # labels in an `if` that was not taken
    position: int = 0

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.labels:
                return scope.labels[name]
            scope = scope.outer
        return None

    def named_at(self, name: str) -> Span | None:
        """Where a label is written."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.named:
                return scope.named[name]
            scope = scope.outer
        return None

    def skipped_at(self, name: str) -> Span | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.skipped:
                return scope.skipped[name]
            scope = scope.outer
        return None

    def visible(self) -> list[str]:
        return [*self.labels, *(self.outer.visible() if self.outer else ())]
