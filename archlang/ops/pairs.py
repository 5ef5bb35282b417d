"""Patterns over two values, `n t c, n s c -> n t s`: which axes are paired, summed, or kept in the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from string import ascii_letters

from archlang.diagnostics import Rejected
from archlang.shapes import AXIS_WORDS, TensorType

Names = tuple[str, ...]
_NAME = re.compile(r"[A-Za-z]\w*")


@dataclass(frozen=True, slots=True)
class Pairs:
    """A pattern read against two values: the names on both sides of the arrow, their sizes, the values' own axes."""

    left: tuple[Names, Names]
    right: Names
    sizes: dict[str, int]
    sources: tuple[Names, Names]

    def lone(self, at: int) -> Names:
        """Return the names that only this side has and the result lacks. They are summed before the products.

        torch does not sum an axis with one position.
        """
        mine = (name for name in self.left[at] if name not in self.left[1 - at] and name not in self.right)
        return tuple(name for name in mine if self.sizes[name] > 1)

    def reduced(self, at: int) -> tuple[int, ...]:
        """Return the sizes of a side after these are summed."""
        return tuple(self.sizes[name] for name in self.left[at] if name not in self.lone(at))

    @property
    def summed(self) -> Names:
        """The names that both sides have and the result lacks."""
        return tuple(name for name in self.gone if name in self.left[0] and name in self.left[1])

    @property
    def gone(self) -> Names:
        """The names that the result lacks, in torch's order: capitals first."""
        gone = {name for names in self.left for name in names if name not in self.right}
        return tuple(sorted(gone, key=lambda name: ascii_letters.swapcase().index(self._letter(name))))

    @property
    def is_swapped(self) -> bool:
        """Whether torch multiplies the second side by the first: if the names it contributes come first in the result.

        For this torch counts as contributed by the second side: axes with one position on both, and those summed first.
        """
        names = (*self.right, *self.gone)
        wide = [
            [name in side and self.sizes[name] > 1 and name not in self.lone(at) for name in names]
            for at, side in enumerate(self.left)
        ]
        rows = [at for at, (one, other) in enumerate(zip(*wide, strict=True)) if one and not other]
        columns = [at for at, (one, _) in enumerate(zip(*wide, strict=True)) if not one]
        return bool(rows and columns) and columns[-1] < rows[0]

    def _come_out(self, at: int) -> Names:
        """Return the names of the result that only this side has."""
        mine, other = self.left[at], self.left[1 - at]
        return tuple(name for name in self.right if name in mine and name not in other)

    @property
    def rows(self) -> Names:
        return self._come_out(0)

    @property
    def columns(self) -> Names:
        return self._come_out(1)

    @property
    def both(self) -> Names:
        """The names that both sides and the result have."""
        return tuple(name for name in self.right if name in self.left[0] and name in self.left[1])

    @property
    def is_product(self) -> bool:
        """Whether a name is summed. Then torch multiplies matrices, otherwise value by value."""
        return any(self.sizes[name] > 1 for name in self.summed)

    @property
    def products(self) -> int:
        """How many products of two values there are."""
        return prod(self.sizes[name] for name in {*self.right, *self.summed})

    def axes(self) -> Names:
        """Return the names of the axes of the result.

        An axis keeps its name in the value. If two had the same name, the second takes the pattern's. An axis that only
        a parameter has becomes the channels if it is the last and there are none.
        """
        if not any("n" in source for source in self.sources):
            return ("_",) * len(self.right)
        taken = {name for name in self.right if name in self._had(name)}
        found: list[str] = []
        for name in self.right:
            had = [axis for axis in self._had(name) if axis not in taken]
            if name not in taken and had:
                taken.add(had[0])
                found.append(had[0])
            else:
                found.append(name)
        if not self._had(self.right[-1]) and "c" not in found:
            found[-1] = "c"
        if len(set(found)) < len(found):
            message = f"two axes of the result have one name: {' '.join(found)}"
            raise Rejected("axes-clash", message, about="pattern")
        return tuple(found)

    def _had(self, name: str) -> list[str]:
        """Return what the axes of that name were called in the values."""
        sides = zip(self.left, self.sources, strict=True)
        return [
            axis
            for names, source in sides
            for own, axis in zip(names, source, strict=True)
            if own == name != "_" != axis
        ]

    def _letter(self, name: str) -> str:
        """Return the letter that replaces a name in torch's pattern: its own if it is one letter."""
        letters: dict[str, str] = {}
        names = dict.fromkeys((*self.left[0], *self.left[1]))
        for one in sorted(names, key=len):
            free = (letter for letter in (one[0], *ascii_letters) if letter not in letters.values())
            letters[one] = next(free)
        return letters[name]

    def letters(self) -> str:
        """Return torch's pattern: `ntc,nsc->nts`."""
        first, second, result = ("".join(map(self._letter, names)) for names in (*self.left, self.right))
        return f"{first},{second}->{result}"


def pairs(pattern: str, x: TensorType, y: TensorType) -> Pairs:
    """Return the pattern read against two values, names matched to axes by position; rejects one that does not fit."""
    left, right = _read(pattern)
    batches = _batches(left, (x, y))
    if len(batches) > 1:
        raise Rejected(
            "batch-axis", f"the batch must have one name, but here {' and '.join(sorted(batches))}", about="pattern"
        )
    sizes: dict[str, int] = {}
    for names, z in zip(left, (x, y), strict=True):
        if len(names) != len(z.axes):
            message = f"the pattern names {len(names)} axes, but the value {z} has {len(z.axes)}: {z.names}"
            raise Rejected("pattern-rank", message, about="pattern")
        for name, axis, size in zip(names, z.axes, z.shape, strict=True):
            if name in AXIS_WORDS and axis not in (name, "_"):
                message = f"the pattern calls an axis {name} (the {AXIS_WORDS[name]}), but in the value it is {axis}"
                raise Rejected("pattern-axis", message, about="pattern")
            if sizes.setdefault(name, size) != size:
                message = f"{name} is {sizes[name]} in the first value and {size} in the second"
                raise Rejected("pattern-size", message, about="pattern")
            if (axis == "n") != (name in batches):
                raise Rejected("batch-axis", f"{name} stands for the batch and for another axis", about="pattern")
    return Pairs(left, right, sizes, (x.axes, y.axes))


def _batches(left: tuple[Names, Names], values: tuple[TensorType, TensorType]) -> set[str]:
    sides = zip(left, values, strict=True)
    return {name for names, z in sides for name, axis in zip(names, z.axes, strict=False) if axis == "n"}


def _read(pattern: str) -> tuple[tuple[Names, Names], Names]:
    before, arrow, after = pattern.partition("->")
    sides = before.split(",")
    if not arrow or "->" in after or len(sides) != 2:
        message = "a pattern of einsum has two sides before its arrow: `n t c, n s c -> n t s`"
        raise Rejected("bad-pattern", message, about="pattern")
    groups = [tuple(side.split()) for side in (*sides, after)]
    for names in groups:
        for name in names:
            if not _NAME.fullmatch(name):
                message = f"this part of the pattern cannot be read: `{name}`"
                raise Rejected("bad-pattern", message, help="names: `n t c, n s c -> n t s`", about="pattern")
            if names.count(name) > 1:
                raise Rejected("bad-pattern", f"{name} occurs twice in one part of the pattern", about="pattern")
    first, second, right = groups
    new = [name for name in right if name not in first and name not in second]
    if new:
        raise Rejected("bad-pattern", f"{new[0]} is only on the right of the arrow", about="pattern")
    if not all(groups):
        raise Rejected("bad-pattern", "a side of the pattern is empty", about="pattern")
    if len({*first, *second}) > len(ascii_letters):
        raise Rejected("bad-pattern", f"a pattern has {len(ascii_letters)} names at most", about="pattern")
    return (first, second), right
