"""Patterns such as `n c h w -> n (h w) c`: which axes are split, their order, and which become one.

The notation is that of einops (Rogozhnikov 2022, "Einops: clear and reliable tensor manipulations with einstein-like
notation"). A size is written in the pattern itself, `(h p=16)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod

from archlang.diagnostics import Rejected
from archlang.open_numbers import numbers_in
from archlang.ops.law import Condition
from archlang.ops.layouts import Strides, contiguous, viewed
from archlang.shapes import AXIS_WORDS, TensorType

Groups = tuple[tuple[str, ...], ...]
_TOKEN = re.compile(r"\s*(?:([A-Za-z]\w*)(?:=(\d+))?|([()]))")


@dataclass(frozen=True, slots=True)
class Atom:
    """A part of an input's axis: its size, that axis, and its name as an axis of the result."""

    size: int
    source: str
    axis: str
    written: int | None  # the size in the pattern


@dataclass(frozen=True, slots=True)
class Plan:
    """How the axes of an input are rearranged: the groups of atoms on both sides of the arrow, by name."""

    atoms: dict[str, Atom]
    left: Groups
    right: Groups

    @property
    def order(self) -> tuple[int, ...]:
        """The place on the left of each atom of the right side."""
        names = [name for group in self.left for name in group]
        return tuple(names.index(name) for group in self.right for name in group)

    @property
    def has_batch(self) -> bool:
        """Whether the input has a batch; a parameter has none."""
        return any(atom.source == "n" for atom in self.atoms.values())

    def viewed(self, shape: Strides, strides: Strides) -> Strides | None:
        """Return the strides of the result if it is a view of an input with these strides; None if it is copied."""
        parts: list[tuple[int, int]] = []
        for group, size, stride in zip(self.left, shape, strides, strict=True):
            sizes = [self.atoms[name].size for name in group]
            cut = viewed((size,), (stride,), sizes)
            assert cut is not None, "an axis can always be split"
            parts += zip(sizes, cut, strict=True)
        parts = [parts[at] for at in self.order]
        sizes, steps = ([part[of] for part in parts] for of in (0, 1))
        firsts = [0, *accumulate(map(len, self.right))]
        return viewed(sizes, steps, [prod(sizes[start:end]) for start, end in pairwise(firsts)])

    def hands_gradient_on(self) -> bool:
        """Return whether the gradient of the input is the memory of a contiguous gradient of the result."""
        sizes = [self.atoms[name].size for group in self.right for name in group]
        steps = contiguous(sizes)
        back = [self.order.index(at) for at in range(len(sizes))]
        firsts = [0, *accumulate(map(len, self.left))]
        parts = [self.atoms[name].size for group in self.left for name in group]
        wanted = [prod(parts[start:end]) for start, end in pairwise(firsts)]
        return viewed([sizes[at] for at in back], [steps[at] for at in back], wanted) is not None

    def gradient_is_view(self) -> bool:
        """Return whether torch returns the gradient of the input as a view, if the result's is contiguous."""
        back = [self.order.index(at) for at in range(len(self.order))]
        atoms = [self.atoms[name].size for group in self.right for name in group]
        steps = contiguous(atoms)
        sizes, strides = [atoms[at] for at in back], [steps[at] for at in back]
        is_view = self.template() != "{0}"
        for at, group in enumerate(self.left):  # the axes that the forward pass splits become one again
            if len(group) > 1:
                joined = [*sizes[:at], prod(sizes[at : at + len(group)]), *sizes[at + len(group) :]]
                found = viewed(sizes, strides, joined)
                is_view, sizes, strides = found is not None, joined, list(found or contiguous(joined))
        return is_view

    def conditions(self) -> Iterator[Condition]:
        """Yield the sizes that the pattern requires of axes that are not split; the torch call does not check them."""
        for group in self.left:
            atom = self.atoms[group[0]]
            if len(group) == 1 and atom.written is not None:
                yield atom.size, "==", atom.written

    @property
    def moves_positions(self) -> bool:
        """Whether axes other than the channels are split or become one."""
        changed = [name for side in (self.left, self.right) for group in side if len(group) > 1 for name in group]
        return any(self.atoms[name].source != "c" for name in changed)

    def axes(self) -> tuple[str, ...]:
        """Return the names of the axes of the result."""
        kept = [self.atoms[group[0]].axis for group in self.right if len(group) == 1]
        names = [self._axis(group, kept) for group in self.right]
        if not self.has_batch:
            return ("_",) * len(names)
        if names[0] != "n":
            raise Rejected("batch-axis", "the batch stays the first axis", about="pattern")
        if len(set(names)) != len(names):
            raise Rejected("axes-clash", f"two axes of the result have one name: {' '.join(names)}", about="pattern")
        return tuple(names)

    def _axis(self, group: tuple[str, ...], kept: list[str]) -> str:
        """Return the name of an axis of the result.

        A single axis keeps its name. Several that become one are the channels if these are among them, otherwise the
        axis whose name is among them, otherwise positions.
        """
        axes = [self.atoms[name].axis for name in group]
        if len(group) == 1 or axes[0] == "n":
            return axes[0]
        if "n" in axes:
            raise Rejected("batch-axis", "the batch must be the first in its brackets", about="pattern")
        if "c" in axes:
            return "c"
        words = [axis for axis in axes if axis in AXIS_WORDS]
        if len(words) == 1 and words[0] not in kept:
            return words[0]  # `(h p)` is a height again
        others = [other for other in self.right if len(other) > 1 and other != group]
        free = "t" not in kept and all({"n", "c"} & {self.atoms[name].axis for name in other} for other in others)
        return "t" if free else "".join(group)

    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes of the result."""
        return tuple(prod(self.atoms[name].size for name in group) for group in self.right)

    def template(self) -> str:
        """Return the torch expression. It contains no sizes but those of the pattern."""
        parts = ["{0}"]
        for at, group in reversed(list(enumerate(self.left))):
            if len(group) > 1:
                sizes = ", ".join(str(self.atoms[name].written or -1) for name in group)
                parts.append(f".unflatten({at}, ({sizes}))")
        if self.order != tuple(sorted(self.order)):
            parts.append(f".permute({', '.join(map(str, self.order))})")
        for at, group in reversed(list(enumerate(self.right))):
            if len(group) > 1:
                first = sum(map(len, self.right[:at]))
                parts.append(f".flatten({first}, {first + len(group) - 1})")
        return "".join(parts)


def plan(pattern: str, x: TensorType) -> Plan:
    """Return the pattern matched against an input, name by axis. Rejects a pattern that does not fit."""
    left, right, sizes = _read(pattern)
    if len(left) != len(x.axes):
        message = f"the pattern names {len(left)} axes, but the input {x} has {len(x.axes)}: {x.names}"
        raise Rejected("pattern-rank", message, about="pattern")
    atoms: dict[str, Atom] = {}
    for group, axis, size in zip(left, x.axes, x.shape, strict=True):
        atoms |= _whole(group[0], axis, size, sizes) if len(group) == 1 else _split(group, axis, size, sizes)
    return Plan(atoms, left, right)


def _whole(name: str, axis: str, size: int, sizes: dict[str, int]) -> dict[str, Atom]:
    if name in AXIS_WORDS and axis not in (name, "_"):
        where = f"the {AXIS_WORDS[axis]}, {axis}" if axis in AXIS_WORDS else axis
        message = f"the pattern calls an axis {name} (the {AXIS_WORDS[name]}), but in the input it is {where}"
        raise Rejected("pattern-axis", message, about="pattern")
    if sizes.get(name, size) != size:
        raise Rejected("pattern-size", f"the pattern says {name}={sizes[name]}, but it is {size}", about="pattern")
    return {name: Atom(size, axis, axis, sizes.get(name))}


def _split(group: tuple[str, ...], axis: str, size: int, sizes: dict[str, int]) -> dict[str, Atom]:
    """Return the parts of one axis; the size of one of them may be left to follow."""
    shown = f"({' '.join(group)})"
    known = prod(sizes.get(name, 1) for name in group)
    open_ = [name for name in group if name not in sizes]
    if axis == "n" and open_ != [group[0]]:
        message = f"of {shown} the batch is the first, and all others need a size"
        raise Rejected("batch-axis", message, about="pattern")
    if len(open_) > 1:
        help = f"write a size, as in `({' '.join(group[:-1])} {group[-1]}=2)`"
        raise Rejected("pattern-size", f"{size} can be split into {shown} in many ways", help=help, about="pattern")
    if size % known or (not open_ and size != known):
        along = f"{size} of a parameter" if axis == "_" else f"{size} along {axis}"
        what = f"the batch, {size} times as large," if axis == "n" else along
        raise Rejected("pattern-size", f"{what} does not split into {shown} by {known}", about="pattern")
    atoms: dict[str, Atom] = {}
    for name in group:
        alone = "n" if axis == "n" and name == group[0] else name
        atoms[name] = Atom(sizes.get(name, size // known), axis, alone, sizes.get(name))
    return atoms


def _read(pattern: str) -> tuple[Groups, Groups, dict[str, int]]:
    sides = pattern.split("->")
    if len(sides) != 2:
        message = "a pattern has one arrow: `n c h w -> n (h w) c`"
        raise Rejected("bad-pattern", message, about="pattern")
    sizes: dict[str, int] = {}
    numbers = iter(numbers_in(pattern))
    left, right = (_groups(side, sizes, numbers) for side in sides)
    first, second = ([name for group in side for name in group] for side in (left, right))
    for names in (first, second):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise Rejected("bad-pattern", f"{twice[0]} occurs twice on one side of the pattern", about="pattern")
    lost, new = set(first) - set(second), set(second) - set(first)
    if lost or new:
        message = f"{min(lost or new)} is only on the {'left' if lost else 'right'} of the arrow"
        raise Rejected("bad-pattern", message, help="both sides name the same axes", about="pattern")
    return left, right, sizes


def _groups(side: str, sizes: dict[str, int], numbers: Iterator[int]) -> Groups:
    groups: list[tuple[str, ...]] = []
    inner: list[str] | None = None
    at = 0
    side = side.rstrip()
    while at < len(side):
        found = _TOKEN.match(side, at)
        # brackets do not nest
        if found is None or (found[3] and (found[3] == "(") != (inner is None)):
            message = f"this part of the pattern cannot be read: `{side[at:].strip()}`"
            raise Rejected("bad-pattern", message, help="names and brackets: `n (h w) c`", about="pattern")
        at = found.end()
        name, size, bracket = found.groups()
        number = next(numbers) if size is not None else None
        if number is not None and sizes.setdefault(name, number) != number:
            raise Rejected("bad-pattern", f"{name} has two sizes in the pattern", about="pattern")
        if bracket == "(":
            inner = []
        elif bracket == ")":
            groups.append(tuple(inner or ()))
            inner = None
        elif inner is None:
            groups.append((name,))
        else:
            inner.append(name)
    if inner is not None or () in groups or 0 in sizes.values():
        what = "a bracket is not closed" if inner is not None else "a bracket is empty, or a size is 0"
        raise Rejected("bad-pattern", f"{what} in the pattern", about="pattern")
    if not groups:
        raise Rejected("bad-pattern", "a side of the pattern is empty", about="pattern")
    return tuple(groups)
