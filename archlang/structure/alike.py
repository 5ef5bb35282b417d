"""When two parts of a net are alike: their operators and windows are, whatever their widths, strides and rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from archlang.ir import Layer
from archlang.ops.base import Operator
from archlang.ops.written import arguments
from archlang.program import Scope
from archlang.shapes import TensorType
from archlang.structure.chains import Chain, Part, head_of, parts_of
from archlang.structure.flow import Flow

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Compares parts of one net. What it finds of a block is kept by the block's id."""

    flow: Flow
    signatures: dict[str, Signature] = field(default_factory=dict[str, Signature])
    boxes: dict[str, bool] = field(default_factory=dict[str, bool])
    readings: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])  # by the layer's number

    def repeats(self, unit: Sequence[Part], before: Sequence[Part]) -> bool:
        """Return whether parts repeat those before them: alike, fed by them, and at the same resolution."""
        if len(unit) != len(before) or not all(map(self.alike, before, unit)):
            return False
        if self._resolution(unit[-1]) != self._resolution(before[-1]):
            return False
        made = set(self.flow.makes(numbers(before)))
        return any(value in made for value in self.flow.reads(numbers(unit)))

    def alike(self, one: Part, other: Part) -> bool:
        """Return whether two parts are alike. Layers outside blocks, and blocks of one box, must read the same."""
        if isinstance(one, Chain) or isinstance(other, Chain):
            return isinstance(one, Chain) and isinstance(other, Chain) and self._reading(one) == self._reading(other)
        if one.what != other.what or (one.call is None) != (other.call is None):
            return False
        if one.callee and one.callee == other.callee:
            return True
        if self.is_box(one) or self.is_box(other):
            return self._reading(one) == self._reading(other)
        first, second = self.signature(one), self.signature(other)
        if first == second or one.call is None:
            return first == second
        return _is_within(first, second) or _is_within(second, first)

    def signature(self, scope: Scope) -> Signature:
        """Return the operators of a scope with their windows, in order."""
        if not scope.callee:
            return tuple(_operator(self.flow.layers[at].op) for at in range(scope.start, scope.end))
        if scope.callee not in self.signatures:
            found = tuple(_operator(self.flow.layers[at].op) for at in range(scope.start, scope.end))
            self.signatures[scope.callee] = found
        return self.signatures[scope.callee]

    def is_box(self, scope: Scope) -> bool:
        """Return whether all of a scope is one box."""
        known = self.boxes.get(scope.callee) if scope.callee else None
        if known is None:
            parts = tuple(parts_of(self.flow, scope.parts))
            known = len(parts) == 1 and (isinstance(parts[0], Chain) or self.is_box(parts[0]))
            if scope.callee:
                self.boxes[scope.callee] = known
        return known

    def place(self, part: Part) -> tuple[object, ...]:
        """Return what parts share that stand in the same place of two calls: a kind, and the author's label."""
        if isinstance(part, Scope):
            box = _operator(self.flow.layers[self._head(part)].op)[::2] if self.is_box(part) else ()
            return "", part.what, _label(part.name), *box
        head = self.flow.layers[head_of(self.flow, part)]
        return head.op.word, getattr(head.op, "groups", 1) != 1, _label(head.node.name)

    def _head(self, box: Scope) -> int:
        """Return the layer that a scope of one box is named after."""
        (part,) = parts_of(self.flow, box.parts)
        return head_of(self.flow, part) if isinstance(part, Chain) else self._head(part)

    def _reading(self, part: Part) -> Signature:
        for at in numbers([part]):
            if at not in self.readings:
                self.readings[at] = reading(self.flow.layers[at])
        return tuple(self.readings[at] for at in numbers([part]))

    def _resolution(self, part: Part) -> tuple[int, ...]:
        if isinstance(part, Chain):
            return resolution(self.flow.layers[part.layers[-1]].output_types[0])
        return resolution(part.types[0])


def numbers(parts: Iterable[Part]) -> list[int]:
    """Return the numbers of all layers in some parts."""
    return [at for part in parts for at in (part.layers if isinstance(part, Chain) else range(part.start, part.end))]


def _label(name: str | None) -> str:
    """Return the label that the author wrote; a position, which changes with the steps before it, is none."""
    return "" if name is None or name.isdecimal() else name


def reading(layer: Layer) -> tuple[str, ...]:
    """Return how an operator reads: its word and its arguments."""
    return layer.op.word, *arguments(layer.op)


def resolution(type: TensorType) -> tuple[int, ...]:
    """Return the sizes along the axes of space, in order."""
    return tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis not in ("n", "c"))


def _operator(op: Operator) -> tuple[object, ...]:
    windows = (getattr(op, name) for name, kind in op.positional.items() if kind == "window")
    return op.word, tuple(windows), getattr(op, "groups", 1) != 1


def _is_within(short: Signature, long: Signature) -> bool:
    """Return whether the one is the other with some operators left out."""
    rest = iter(long)
    return len(short) < len(long) and all(any(one == other for other in rest) for one in short)
