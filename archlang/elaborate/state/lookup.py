"""Looks up names: those of `let`, loops and parameters, labels of steps, declarations of files, operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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

MAX_CHAINED = 100  # top-level definitions that refer to each other


@dataclass
class Lets:
    """Names defined by `let`, loops and parameters, innermost first. Those of a `loop` change at each turn."""

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
        """Return the numbers that change at each turn of the surrounding loops, innermost first."""
        own = [name for name, value in self.names.items() if isinstance(value, int)] if self.loop else []
        return [*own, *(self.outer.changing() if self.outer else ())]


@dataclass
class Scope:
    """The scope of a sub-module: its path in the block, its labels, the keys in use, the next position.

    `containers` are the keys that stand before the dots of others, as `convs` does in `convs.0`.
    """

    path: str = ""
    outer: Scope | None = None
    labels: dict[str, Value] = field(default_factory=dict[str, Value])
    named: dict[str, Span] = field(default_factory=dict[str, Span])  # where each label is written
    keys: dict[str, Span] = field(default_factory=dict[str, Span])
    skipped: dict[str, Span] = field(default_factory=dict[str, Span])  # labels in an `if` that was not taken
    containers: dict[str, Span] = field(default_factory=dict[str, Span])
    position: int = 0

    def numbered(self, span: Span) -> str | None:
        """Claim the next position as the key of a step without a label; None if a label already has that key."""
        name = str(self.position)
        if name in self.keys or name in self.containers:
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
        """Return the place of a label."""
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
class Later:
    """The names of a file that are not evaluated yet, and the function that evaluates one.

    `names` is shared by all nets of the file, so that a net costs nothing for declarations that it does not use.
    """

    names: Mapping[str, object]
    make: Callable[[str], Value]
    taken: set[str] = field(default_factory=set[str])

    def __contains__(self, name: str) -> bool:
        return name in self.names and name not in self.taken

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if name not in self.taken)


@dataclass
class Home:
    """The names of a file. `later` has what is not evaluated yet; `used` maps names to the files that declare them.

    `broken` names the declarations that could not be parsed: no messages are given about their contents.
    """

    file: str
    broken: frozenset[str] = frozenset()
    nets: Mapping[str, syntax.Definition | syntax.Derived] = field(
        default_factory=dict[str, "syntax.Definition | syntax.Derived"]
    )  # blocks too, by name
    used: dict[str, Home | None] = field(default_factory=dict[str, "Home | None"])  # None if it could not be read
    globals: dict[str, Value] = field(default_factory=dict[str, "Value"])
    later: Later = field(default_factory=lambda: Later({}, lambda name: UNKNOWN))
    under_way: set[str] = field(default_factory=set[str])
    recipes: frozenset[str] = frozenset()  # those that the file declares

    def declared(self, name: str) -> Value | None:
        """Return what the file declares or uses by that name. It is evaluated when it is first needed."""
        if name in self.under_way:
            raise Rejected("endless-recursion", f"`{name}` is defined by itself")
        if name in self.later:
            if len(self.under_way) >= MAX_CHAINED:
                raise Rejected("nested-too-deeply", f"more than {MAX_CHAINED} definitions lead to one another here")
            self.later.taken.add(name)
            self.under_way.add(name)
            self.globals[name] = UNKNOWN
            try:
                self.globals[name] = self.later.make(name)
            finally:
                self.under_way.remove(name)
        return self.globals.get(name)

    def declarations(self) -> list[str]:
        """Return the names that the file declares or uses."""
        return [*self.globals, *self.later]

    def net(self, name: str) -> tuple[syntax.Definition | syntax.Derived, Home] | None:
        """Return the net or block of that name, and the file that declares it."""
        if name in self.nets:
            return self.nets[name], self
        other = self.used.get(name)
        return other.net(name) if other is not None else None


# ---- what a name stands for


def lookup(name: str, span: Span, here: Here) -> Value | None:
    """Look up a name: `it`, a `let` or parameter, a label, a declaration, a function, an operator. None if unknown."""
    if name == "it" and here.it is not None:
        return here.it
    for found in (here.lets.find(name), here.scope.find(name), declared(name, span, here)):
        if found is not None:
            return found
    if name in FUNCTIONS:
        return Function(name)
    return operator(name) or initial(name)


def step_named(name: str, span: Span, here: Here) -> OperatorValue | BlockValue | None:
    """Look up the operator or block that a step applies. A parameter or `let` comes before a declaration."""
    for found in (here.lets.find(name), declared(name, span, here), operator(name)):
        if found is not None:
            return found if isinstance(found, (OperatorValue, BlockValue)) else None
    return None


def labelled_and_step(name: str, span: Span, here: Here) -> tuple[Value | None, OperatorValue | BlockValue | None]:
    """Look up a name both as a label and as an operator or block."""
    return here.scope.find(name), step_named(name, span, here)


def declared(name: str, span: Span, here: Here) -> Value | None:
    """Look up a name among the declarations of the file."""
    try:
        return here.builder.home.declared(name)
    except Rejected as rejected:
        raise Mistake(rejected, span) from None


def is_known(name: str) -> bool:
    """Return whether a word is one of the language: a function, an operator or an initialiser."""
    return name in FUNCTIONS or operator(name) is not None or initial(name) is not None


def operator(name: str) -> OperatorValue | None:
    """Return the operator of that name."""
    found = registry().get(name)
    return OperatorValue(found) if found is not None and not found.declared else None


def initial(name: str) -> Initial | None:
    """Return the initialiser of that name."""
    from archlang.ops.initialisers import INITIALISERS, TORCHS_OWN

    return Initial(name) if name in INITIALISERS or name == TORCHS_OWN else None
