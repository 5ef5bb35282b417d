"""The kinds of values that settings of a recipe take, and what is said of a value that is none of them.

Ranges are archlang's own: torch accepts a learning rate that is not a number, and a momentum of 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite

Plain = bool | int | float | str | None
Setting = Plain | tuple["Setting", ...]  # the value of an argument; a list is a tuple

REQUIRED = "(required)"  # stands for the default of an argument that has none


class Unfit(Exception):
    """A value does not fit. The text says what the setting is: `above 0`, `one of sum and mean`."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in an interval in the notation of mathematics: `(0, inf)` leaves 0 out, `[0, 1]` takes both ends."""

    interval: str = "(-inf, inf)"
    whole: bool = False

    def bounds(self) -> tuple[float, float, bool, bool]:
        """Return both ends, and whether each is left out."""
        low, high = self.interval[1:-1].split(", ")
        return float(low), float(high), self.interval[0] == "(", self.interval[-1] == ")"

    def fitting(self, value: Setting) -> Setting:
        """Return the value. Raises `Unfit` if it is no number in the interval."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            raise Unfit(self.told())
        if self.whole and isinstance(value, float):
            if not value.is_integer():
                raise Unfit(self.told())
            value = int(value)  # 1e3
        low, high, low_open, high_open = self.bounds()
        if value < low or value > high or (low_open and value == low) or (high_open and value == high):
            raise Unfit(self.told())
        return value

    def told(self) -> str:
        """Return what a message says of the values: `a number above 0`."""
        low, high, low_open, high_open = self.bounds()
        parts = [f"above {low:g}" if low_open else f"at least {low:g}"] if low > -inf else []
        parts += [f"below {high:g}" if high_open else f"at most {high:g}"] if high < inf else []
        return " ".join(["a whole number" if self.whole else "a number", " and ".join(parts)]).strip()


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    def fitting(self, value: Setting) -> Setting:
        """Return the value. Raises `Unfit` if it is neither."""
        if not isinstance(value, bool):
            raise Unfit(self.told())
        return value

    def told(self) -> str:
        """Return what a message says of the values."""
        return "true or false"


@dataclass(frozen=True, slots=True)
class Word:
    """One of several words."""

    words: tuple[str, ...]

    def fitting(self, value: Setting) -> Setting:
        """Return the word. Raises `Unfit` if it is none of them."""
        if value not in self.words:
            raise Unfit(self.told())
        return value

    def told(self) -> str:
        """Return what a message says of the values."""
        return self.words[0] if len(self.words) == 1 else f"{', '.join(self.words[:-1])} or {self.words[-1]}"


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the data or the user gives, such as that of a column. A bare word needs no quotes."""

    def fitting(self, value: Setting) -> Setting:
        """Return the name. Raises `Unfit` if it is no text, or empty."""
        if not isinstance(value, str) or not value:
            raise Unfit(self.told())
        return value

    def told(self) -> str:
        """Return what a message says of the values."""
        return "a name"


@dataclass(frozen=True, slots=True)
class Several:
    """A list of values of one kind, of one of the `lengths` if any are given; `rising` values grow one by one."""

    of: Kind
    lengths: tuple[int, ...] = ()
    rising: bool = False

    def fitting(self, value: Setting) -> Setting:
        """Return the values. Raises `Unfit` if it is no such list."""
        if not isinstance(value, tuple) or not value or (self.lengths and len(value) not in self.lengths):
            raise Unfit(self.told())
        try:
            found = tuple(self.of.fitting(one) for one in value)
        except Unfit:
            raise Unfit(self.told()) from None
        if self.rising and any(not _less(one, other) for one, other in pairwise(found)):
            raise Unfit(f"{self.told()}, each larger than the one before it")
        return found

    def told(self) -> str:
        """Return what a message says of the values: `a list of 2, each a number above 0`."""
        count = f" of {' or '.join(map(str, self.lengths))}" if self.lengths else ""
        return f"a list{count}, each {self.of.told()}"


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several kinds; `nothing` is the default None of torch, which is never written."""

    kinds: tuple[Kind, ...]

    def fitting(self, value: Setting) -> Setting:
        """Return the value. Raises `Unfit` if it is of none of the kinds."""
        for kind in self.kinds:
            try:
                return kind.fitting(value)
            except Unfit:
                continue
        raise Unfit(self.told())

    def told(self) -> str:
        """Return what a message says of the values."""
        return ", or ".join(kind.told() for kind in self.kinds)


Kind = Number | Flag | Word | Name | Several | Either


@dataclass(frozen=True, slots=True)
class Known:
    """A class or function that a recipe can name: its Python name, its arguments in order with kinds and defaults.

    A default of `REQUIRED` means that the argument must be given.
    """

    name: str
    arguments: Mapping[str, tuple[Kind, Setting]]

    @property
    def words(self) -> frozenset[str]:
        """The words that are values of some argument, and need no quotes."""
        return frozenset(word for kind, _ in self.arguments.values() for word in words_of(kind))


def known(name: str, /, **arguments: tuple[Kind, Setting]) -> Known:
    """Return a class that a recipe can name."""
    return Known(name, arguments)


def words_of(kind: Kind) -> tuple[str, ...]:
    """Return the words that are values of a kind."""
    match kind:
        case Word(words):
            return words
        case Either(kinds):
            return tuple(word for one in kinds for word in words_of(one))
        case Several(of=of):
            return words_of(of)
        case _:
            return ()


def takes_names(kind: Kind) -> bool:
    """Return whether any word is a value of a kind, or of a list of that kind."""
    match kind:
        case Name():
            return True
        case Either(kinds):
            return any(takes_names(one) for one in kinds)
        case Several(of=of):
            return takes_names(of)
        case _:
            return False


def _less(one: Setting, other: Setting) -> bool:
    return isinstance(one, (int, float)) and isinstance(other, (int, float)) and one < other


ANY = Number()
POSITIVE = Number("(0, inf)")
NOT_NEGATIVE = Number("[0, inf)")
FRACTION = Number("[0, 1]")
BELOW_ONE = Number("[0, 1)")
COUNT = Number("[1, inf)", whole=True)
FROM_ZERO = Number("[0, inf)", whole=True)
INTEGER = Number(whole=True)
FLAG = Flag()
NAME = Name()
