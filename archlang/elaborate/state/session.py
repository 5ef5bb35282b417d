"""What one run of the elaborator shares, its limits, and the place where the walk stands."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from archlang import ir, syntax
from archlang.diagnostics import Diagnostic, Label, Rejected
from archlang.elaborate.state.builder import Builder, Made
from archlang.elaborate.state.kinds import UNKNOWN, Bundle, Tensor, Value
from archlang.elaborate.state.lookup import Home, Lets, Scope
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.source import Span

MAX_STEPS = 120_000  # statements, turns of loops, calls of functions in one run; an operator counts as four
STEPS_PER_WORD = 3  # that a long text may take besides: a step that is written out takes two words or more
MOST_STEPS = 720_000  # however long the text is
MAX_DEPTH = 40  # calls within calls
MAX_MISTAKES = 50  # mistakes told of one net
_ONCE = {"too-large", "nested-too-deeply"}  # limits of the whole run, told once
MAX_CHAIN = 6  # places told of the chain that leads to a mistake


@dataclass
class Meter:
    """The steps that the nets of a file may take together, and those that they took."""

    limit: int = MAX_STEPS
    steps: int = 0

    @property
    def spent(self) -> bool:
        return self.steps > self.limit


def meter_of(files: Iterable[syntax.File]) -> Meter:
    """A meter for files: a long text may take more steps than a short one."""
    words = sum(file.words for file in files)
    return Meter(min(MAX_STEPS + STEPS_PER_WORD * words, MOST_STEPS))


@dataclass
class Session:
    """What one run of the elaborator shares: the files, the blocks made so far, the diagnostics.

    `files` are the files that `use` may name, by name; `homes` the names of those that were read.
    """

    files: Mapping[str, syntax.File]
    meter: Meter
    homes: dict[str, Home] = field(default_factory=dict[str, Home])
    made: dict[object, Made] = field(default_factory=dict[object, Made])  # by arguments bound, defaults too
    calls: dict[object, Made] = field(default_factory=dict[object, Made])  # by arguments as given: no need to bind anew
    blocks: list[ir.Block] = field(default_factory=list[ir.Block])
    variants: dict[str, int] = field(default_factory=dict[str, int])  # how often each block was made
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    reported: set[tuple[str, Span | None]] = field(default_factory=set[tuple[str, "Span | None"]])
    trace: list[Callable[[], Label]] = field(default_factory=list["Callable[[], Label]"])
    failed: set[object] = field(default_factory=set[object])  # identities of blocks that are wrong
    depth: int = 0

    def report(self, mistake: Mistake) -> None:
        """Keep a mistake as a diagnostic, with the calls and loops around it; one place tells the same one once."""
        once = mistake.rejected.code in _ONCE
        diagnostic = mistake.diagnostic(() if once else self._around())
        place = (diagnostic.code, None if once else diagnostic.span)
        if place not in self.reported and len(self.reported) < MAX_MISTAKES:
            self.reported.add(place)
            self.diagnostics.append(diagnostic)

    def _around(self) -> tuple[Label, ...]:
        """The calls and loops that lead here, innermost first, each place once; a long chain is cut before its last."""
        told = [label() for label in self.trace]
        labels = {label.span: label for label in told}  # of a place met often, the innermost is kept
        chain = tuple(labels[span] for span in dict.fromkeys(label.span for label in reversed(told)))
        return chain if len(chain) <= MAX_CHAIN else (*chain[: MAX_CHAIN - 1], chain[-1])

    @contextmanager
    def traced(self, label: Callable[[], Label]) -> Generator[None, None, None]:
        """Within, every mistake tells of this call or turn."""
        depth = len(self.trace)
        self.trace.append(label)
        try:
            yield
        finally:
            del self.trace[depth:]

    @contextmanager
    def deeper(self) -> Generator[None, None, None]:
        """Within a call: the depth is restored whatever happens there."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def enter(self, told: Callable[[], Label]) -> None:
        """A block is made or written out from here; every mistake in it tells of that. `leave` ends it."""
        self.depth += 1
        self.trace.append(told)

    def leave(self) -> None:
        self.depth -= 1
        del self.trace[-1]

    def give_up_if_too_large(self) -> None:
        """Once the limit is passed nothing more is worth saying."""
        if self.meter.spent:
            raise Silent

    def tick(self, span: Span, steps: int = 1) -> None:
        """Count steps, so that no spec runs on without end."""
        self.meter.steps += steps
        if self.meter.spent:
            message = f"this takes more than {self.meter.limit // 1000},000 steps to write out"
            raise Mistake(Rejected("too-large", message), span)


@dataclass
class Here:
    """Where the walk stands: the block, the scope in it, the names, and `it`, the value that flows."""

    session: Session
    builder: Builder
    scope: Scope
    lets: Lets
    it: Value | None = None

    def nested(self, loop: bool = False) -> Here:
        """The same place with names of its own, for braces that are no scope."""
        # the constructor itself: `replace` costs twice as much, and every turn of a loop comes here
        return Here(self.session, self.builder, self.scope, Lets({}, self.lets, loop), self.it)

    def within(self, name: str) -> Here:
        """The inside of a sub-module of that name."""
        path = ir.join_path(self.scope.path, name)
        self.builder.add_scope(path)
        return replace(self, scope=Scope(path, self.scope), lets=Lets({}, self.lets))

    def flowing(self) -> tuple[Tensor, ...]:
        """The values that flow into the next step; silent where they are unknown."""
        if self.it is None:
            return ()
        items = self.it.items if isinstance(self.it, Bundle) else (self.it,)
        if any(item is UNKNOWN for item in items):
            raise Silent
        return tuple(item for item in items if isinstance(item, Tensor))

    def positions_of(self, inputs: Sequence[Tensor]) -> tuple[tuple[int, ...] | None, ...]:
        """Of each value the sizes of the map in which it is positions; empty where none is."""
        positions = self.builder.contents.positions
        if not positions or all(tensor.value not in positions for tensor in inputs):
            return ()
        return tuple(positions.get(tensor.value) for tensor in inputs)
