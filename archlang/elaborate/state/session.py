"""What one run of the elaborator shares, its limits, and the current place in the walk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from archlang import ir, syntax
from archlang.diagnostics import Diagnostic, Label, Rejected
from archlang.elaborate.state.builder import Builder, Made
from archlang.elaborate.state.kinds import UNKNOWN, Bundle, Starts, Tensor, Value
from archlang.elaborate.state.lookup import Home, Lets, Scope
from archlang.elaborate.state.mistakes import Mistake, Silent, refuse_many
from archlang.limits import limits, raising
from archlang.source import Span

STEPS_PER_WORD = 3  # added for a long text: a written step has two words or more
MOST_STEPS = 720_000  # at most, however long the text is
INPUTS_PER_STEP = 8  # of a join or a block; one more step is counted for so many
VALUES_PER_STEP = 64  # of a tuple or list
MAX_DEPTH = 40  # calls within calls
_ONCE = {"too-large", "nested-too-deeply"}  # without an argument at fault: limits of the whole run, reported once
MAX_CHAIN = 6  # places shown of the chain that leads to a mistake


@dataclass
class Meter:
    """How many steps the nets of a file may take together, and how many they have taken."""

    limit: int
    steps: int = 0

    @property
    def spent(self) -> bool:
        return self.steps > self.limit


def meter_of(files: Iterable[syntax.File]) -> Meter:
    """Return a meter for files. A long text may take more steps than a short one."""
    words, least = sum(file.words for file in files), limits().steps
    return Meter(max(least, min(least + STEPS_PER_WORD * words, MOST_STEPS)))


@dataclass
class Session:
    """What one run of the elaborator shares: the files, the blocks made so far, the diagnostics.

    `files` has the files that `use` may name; `homes` has the names declared in those that were read.
    """

    files: Mapping[str, syntax.File]
    meter: Meter
    homes: dict[str, Home] = field(default_factory=dict[str, Home])
    made: dict[object, Made] = field(default_factory=dict[object, Made])  # by all arguments, including defaults
    calls: dict[object, Made] = field(default_factory=dict[object, Made])  # by the arguments as given
    periods: dict[object, int | None] = field(default_factory=dict[object, "int | None"])  # of torch calls, once found
    blocks: list[ir.Block] = field(default_factory=list[ir.Block])
    variants: dict[str, int] = field(default_factory=dict[str, int])  # how often each block was made
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    reported: set[tuple[str, Span | None]] = field(default_factory=set[tuple[str, "Span | None"]])
    trace: list[Callable[[], Label]] = field(default_factory=list["Callable[[], Label]"])
    failed: set[object] = field(default_factory=set[object])  # identities of blocks that are wrong
    depth: int = 0
    has_open_sizes: bool = False
    guards: list[ir.Guard] = field(default_factory=list[ir.Guard])  # of the block being made, for its next node

    @contextmanager
    def guarding(self) -> Generator[list[ir.Guard], None, None]:
        """Collect the conditions on sizes of one block. Those around it are restored at the end."""
        around, self.guards = self.guards, []
        try:
            yield self.guards
        finally:
            self.guards = around

    def guard(self, guard: ir.Guard) -> None:
        """Add a condition on sizes that the next node of the block needs."""
        if guard not in self.guards:
            self.guards.append(guard)

    def taken_guards(self) -> tuple[ir.Guard, ...]:
        """Return the conditions for the next node, which has them from now on."""
        found = tuple(self.guards)
        self.guards.clear()
        return found

    @property
    def has_reported_enough(self) -> bool:
        return len(self.diagnostics) >= limits().mistakes

    def report(self, mistake: Mistake) -> None:
        """Record a mistake as a diagnostic, with the surrounding calls and loops, once for each place."""
        if self.has_reported_enough:
            return
        once = mistake.rejected.code in _ONCE and mistake.rejected.about is None
        diagnostic = mistake.diagnostic(() if once else self._around())
        place = (diagnostic.code, None if once else diagnostic.span)
        if place not in self.reported:
            self.reported.add(place)
            self.diagnostics.append(diagnostic)

    def _around(self) -> tuple[Label, ...]:
        """Return the surrounding calls and loops, innermost first, each place once. A long chain keeps its ends."""
        told = [label() for label in self.trace]
        labels = {label.span: label for label in told}  # if a place occurs several times, the innermost stays
        chain = tuple(labels[span] for span in dict.fromkeys(label.span for label in reversed(told)))
        return chain if len(chain) <= MAX_CHAIN else (*chain[: MAX_CHAIN - 1], chain[-1])

    @contextmanager
    def traced(self, label: Callable[[], Label]) -> Generator[None, None, None]:
        """Add this call or turn of a loop to every mistake inside."""
        depth = len(self.trace)
        self.trace.append(label)
        try:
            yield
        finally:
            del self.trace[depth:]

    @contextmanager
    def deeper(self) -> Generator[None, None, None]:
        """Count a call. The depth is restored at the end, also after an exception."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def enter(self, told: Callable[[], Label]) -> None:
        """Enter a block, called or inlined. Every mistake inside mentions it. `leave` ends this."""
        self.depth += 1
        self.trace.append(told)

    def leave(self) -> None:
        self.depth -= 1
        del self.trace[-1]

    def give_up_if_spent(self) -> None:
        """Stop without a message once too many steps are taken, or enough mistakes reported."""
        if self.meter.spent or self.has_reported_enough:
            raise Silent

    def take(self, count: int, span: Span) -> None:
        """Count the values of a tuple against the limits."""
        refuse_many(count, span)
        self.tick(span, count // VALUES_PER_STEP)

    def tick(self, span: Span, steps: int = 1) -> None:
        """Count steps against the limit, so that elaboration always ends."""
        self.meter.steps += steps
        if self.meter.spent:
            message = f"elaborating this takes more than {self.meter.limit // 1000},000 steps"
            raise Mistake(Rejected("too-large", message, help=raising("steps")), span)


@dataclass
class Here:
    """The current place in the walk: the block, the scope in it, the names, and `it`, the value that flows."""

    session: Session
    builder: Builder
    scope: Scope
    lets: Lets
    it: Value | None = None
    starts: Starts = ()  # the default initialisers of weights, the latest last

    def nested(self, loop: bool = False) -> Here:
        """Return the same place with a new level of names, for braces that are no scope."""
        # `replace` would cost twice as much, and every turn of a loop comes here
        return Here(self.session, self.builder, self.scope, Lets({}, self.lets, loop), self.it, self.starts)

    def within(self, name: str) -> Here:
        """Return the place inside a new sub-module of that name."""
        path = ir.join_path(self.scope.path, name)
        self.builder.add_scope(path)
        return replace(self, scope=Scope(path, self.scope), lets=Lets({}, self.lets))

    def flowing(self) -> tuple[Tensor, ...]:
        """Return the values that flow into the next step. Raises `Silent` if one is unknown."""
        if self.it is None:
            return ()
        items = self.it.items if isinstance(self.it, Bundle) else (self.it,)
        if any(item is UNKNOWN for item in items):
            raise Silent
        return tuple(item for item in items if isinstance(item, Tensor))

    def positions_of(self, inputs: Sequence[Tensor]) -> tuple[tuple[int, ...] | None, ...]:
        """Return, for each value that holds positions in a map, the sizes of that map. Empty if none does."""
        positions = self.builder.contents.positions
        if not positions or all(tensor.value not in positions for tensor in inputs):
            return ()
        return tuple(positions.get(tensor.value) for tensor in inputs)
