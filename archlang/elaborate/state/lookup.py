"""What names stand for: names by `let`, loops and parameters, labels of steps, what the files declare, operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archlang import syntax
from archlang.diagnostics import Rejected
from archlang.elaborate.state.builtins import FUNCTIONS
from archlang.elaborate.state.kinds import UNKNOWN, BlockValue, Function, Initial, OperatorValue, Value
from archlang.elaborate.state.mistakes import Mistake
from archlang.ops import registry
from archlang.source import Span

if TYPE_CHECKING:
    from archlang.elaborate.state.session import Here

MAX_CHAINED = 100  # definitions at the top of a file that lead to one another


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

    def numbered(self, span: Span) -> str | None:
        """The key of a step without a label, its position, which is taken; None where a label has that key."""
        name = str(self.position)
        if name in self.keys:
            return None
        self.keys[name] = span
        self.position += 1
        return name

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


# ---- what a name stands for


def lookup(name: str, span: Span, here: Here) -> Value | None:
    """What a name stands for: `it`, a `let` or parameter, a label, a declaration, a function, an operator."""
    if name == "it" and here.it is not None:
        return here.it
    for found in (here.lets.find(name), here.scope.find(name), _declared(name, span, here)):
        if found is not None:
            return found
    if name in FUNCTIONS:
        return Function(name)
    return operator(name) or initial(name)


def step_named(name: str, span: Span, here: Here) -> OperatorValue | BlockValue | None:
    """The operator or block that a step of that name applies: a parameter's or `let`'s before a declared one."""
    for found in (here.lets.find(name), _declared(name, span, here), operator(name)):
        if found is not None:
            return found if isinstance(found, (OperatorValue, BlockValue)) else None
    return None


def labelled_and_step(name: str, span: Span, here: Here) -> tuple[Value | None, OperatorValue | BlockValue | None]:
    """The value of that label, and the operator or block of that name."""
    return here.scope.find(name), step_named(name, span, here)


def _declared(name: str, span: Span, here: Here) -> Value | None:
    """What the file declares by that name."""
    try:
        return here.builder.home.declared(name)
    except Rejected as rejected:
        raise Mistake(rejected, span) from None


def operator(name: str) -> OperatorValue | None:
    """The operator of that name."""
    found = registry().get(name)
    return OperatorValue(found) if found is not None and not found.declared else None


def initial(name: str) -> Initial | None:
    """The initialiser of that name."""
    from archlang.ops.initialisers import INITIALISERS

    return Initial(name) if name in INITIALISERS else None
