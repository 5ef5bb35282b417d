"""The names of one file: what it declares, and what it uses of other files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archlang import syntax
from archlang.diagnostics import Rejected
from archlang.elaborate.values import UNKNOWN, Value

MAX_CHAINED = 100  # definitions at the top of a file that lead to one another


@dataclass
class Home:
    """The names of a file. `later` holds what was not needed yet; `used` tells in which file a name is declared.

    `broken` are the declarations that could not be read: nothing is said of what is in them.
    """

    file: str
    broken: frozenset[str] = frozenset()
    nets: dict[str, syntax.Definition | syntax.Derived] = field(
        default_factory=dict[str, "syntax.Definition | syntax.Derived"]
    )  # blocks too, by name
    used: dict[str, Home | None] = field(default_factory=dict[str, "Home | None"])  # None: it could not be read
    globals: dict[str, Value] = field(default_factory=dict[str, "Value"])
    later: dict[str, Callable[[], Value]] = field(default_factory=dict[str, "Callable[[], Value]"])
    under_way: set[str] = field(default_factory=set[str])

    def declared(self, name: str) -> Value | None:
        """What the file declares or uses by that name, evaluated when it is first needed."""
        if name in self.under_way:
            raise Rejected("endless-recursion", f"`{name}` is defined by itself")
        if name in self.later:
            if len(self.under_way) >= MAX_CHAINED:
                raise Rejected("nested-too-deeply", f"more than {MAX_CHAINED} definitions lead to one another here")
            make = self.later.pop(name)
            self.under_way.add(name)
            self.globals[name] = UNKNOWN
            try:
                self.globals[name] = make()
            finally:
                self.under_way.remove(name)
        return self.globals.get(name)

    def declarations(self) -> list[str]:
        """The names that the file declares or uses."""
        return [*self.globals, *self.later]

    def net(self, name: str) -> tuple[syntax.Definition | syntax.Derived, Home] | None:
        """The net or block of that name, and the file that declares it."""
        if name in self.nets:
            return self.nets[name], self
        other = self.used.get(name)
        return other.net(name) if other is not None else None
