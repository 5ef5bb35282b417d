"""Follows a pickle without executing it: which storages it names, and how much its values hold when they are unfolded.

A value that is held twice is written once. A tuple of two such tuples, of which each holds two, and so on, takes a few
bytes a level, and hashing or printing it takes twice the time at each. torch hashes keys while it reads, so that this
is found before: it takes time that grows with the file. Only what torch reads with `weights_only` is followed.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, cast

# how many values each makes one of, and how many each adds to the one below them; None are all above the last mark
_TAKES: Mapping[str, int | None] = {
    "EMPTY_LIST": 0, "EMPTY_DICT": 0, "EMPTY_SET": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "TUPLE": None,
    "REDUCE": 2, "NEWOBJ": 2, "BINPERSID": 1,
}  # fmt: skip
_ADDS: Mapping[str, int | None] = {"APPEND": 1, "SETITEM": 2, "BUILD": 1, "APPENDS": None, "SETITEMS": None}
_PLAIN = (
    "NONE", "NEWFALSE", "NEWTRUE", "EMPTY_TUPLE", "BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE",
    "SHORT_BINSTRING", "LONG1", "GLOBAL",
)  # fmt: skip
_PUTS, _GETS = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")
_FREE = 4_000_000  # values that any file may have, each counted in all that hold it
_EACH = 32  # further ones, for each instruction
_LONG, _LONGS = 2**63, 1000  # integers beyond this size, and how many there may be: their hashes can be made equal


class Stream(Protocol):
    """What instructions are read from."""

    def read(self, count: int, /) -> bytes: ...

    def readline(self) -> bytes: ...

    def tell(self) -> int: ...


class Cell(list[Any]):
    """A value that holds others; `unfolded` is how many, with itself: 0 before they are counted, -1 while they are."""

    __slots__ = ("unfolded",)

    def __init__(self, held: list[Any]) -> None:
        super().__init__(held)
        self.unfolded = 0


@dataclass(slots=True)
class Followed:
    """What the instructions of a pickle make, up to its end or to the first that torch does not read."""

    cells: list[Cell] = field(default_factory=list[Cell])
    storages: list[Cell] = field(default_factory=list[Cell])  # what identifies each: kind, key, place and length
    instructions: int = 0
    longs: int = 0
    is_whole: bool = False
    _stack: list[Any] = field(default_factory=list[Any])
    _below: list[list[Any]] = field(default_factory=list[list[Any]])
    _memo: dict[int, Any] = field(default_factory=dict[int, Any])

    def step(self, name: str, given: Any) -> None:
        """Carry out an instruction. Raises LookupError, TypeError or AttributeError where torch would refuse it."""
        if name in _PUTS:
            self._memo[given] = self._stack[-1]
        elif name in _GETS:
            self._stack.append(self._memo[given])
        elif name == "MARK":
            self._below.append(self._stack)
            self._stack = []
        elif name in _TAKES:
            self._make(self._taken(_TAKES[name]))
            if name == "BINPERSID":
                self.storages.append(self._stack[-1][0])
        elif name in _ADDS:
            self._add(self._taken(_ADDS[name]))
        elif name not in _PLAIN:
            raise LookupError(f"torch does not read {name}")
        else:
            self.longs += isinstance(given, int) and abs(given) >= _LONG
            self._stack.append(given)

    def _taken(self, count: int | None) -> list[Any]:
        if count is None:
            taken, self._stack = self._stack, self._below.pop()
            return taken
        at = len(self._stack) - count
        if at < 0:
            raise LookupError("nothing is left to take")
        taken = self._stack[at:]
        del self._stack[at:]
        return taken

    def _make(self, held: list[Any]) -> None:
        cell = Cell(held)
        self.cells.append(cell)
        self._stack.append(cell)

    def _add(self, held: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, Cell):
            raise TypeError("only what can hold values is added to")
        target.extend(held)

    def unfolds(self) -> bool:
        """Return whether hashing and printing the values takes time like reading the pickle, and none holds itself."""
        left = _FREE + _EACH * self.instructions
        for cell in self.cells:
            for size in _counted(cell):
                left -= size
                if size == 0 or left < 0:
                    return False
        return self.longs <= _LONGS


def followed(stream: Stream) -> Followed:
    """Return what the pickle that begins here makes. The stream is left after its end, if it has one."""
    made = Followed()
    try:
        for opcode, given, _ in pickletools.genops(cast("IO[bytes]", stream)):
            made.instructions += 1
            if opcode.name == "STOP":
                made.is_whole = True
            elif opcode.name != "PROTO":
                made.step(opcode.name, given)
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError):
        pass  # torch says what is wrong with it
    return made


def _counted(first: Cell) -> Iterator[int]:
    """Yield how many values each cell within this one holds that is not yet counted; 0 if it holds itself."""
    if first.unfolded:
        return
    path = [(first, iter(first))]
    first.unfolded = -1
    while path:
        cell, rest = path[-1]
        for held in rest:
            if isinstance(held, Cell) and held.unfolded <= 0:
                if held.unfolded < 0:
                    yield 0
                    return
                held.unfolded = -1
                path.append((held, iter(held)))
                break
        else:
            path.pop()
            cell.unfolded = 1 + sum(held.unfolded if isinstance(held, Cell) else 1 for held in cell)
            yield cell.unfolded
