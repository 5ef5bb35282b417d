"""The changes as rows of a table: full paths, and the changes within a run below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from archlang.diff.changes import Change
from archlang.ir import join_path
from archlang.ops.written import arguments


@dataclass(frozen=True, slots=True)
class Row:
    """A change at its place before and after; None if it was absent.

    The sum of `params` and `macs` over the rows without an `indent` is the difference of the nets. An indented row is a
    part of the last row without indent, for one of its run.
    """

    change: Change
    before: str | None
    after: str | None
    indent: int
    params: int
    macs: int

    def written(self, side: int) -> str:
        """Return the layer before (0) or after (1) as the language writes it: `conv 3x3 64 pad=1`."""
        op = self.change.operators[side]
        return self.change.words[side] if op is None else " ".join((op.word, *arguments(op)))

    def to_json(self) -> dict[str, object]:
        """Return the row as plain JSON values."""
        return {
            "kind": self.change.kind,
            "before": self._side(0),
            "after": self._side(1),
            "arguments": [asdict(each) for each in self.change.arguments],
            "renamed": self.change.renamed,
            "moved": self.change.moved,
            "params": self.params,
            "macs": self.macs,
        }

    def _side(self, side: int) -> dict[str, str] | None:
        path = (self.before, self.after)[side]
        if path is None:
            return None
        return {"path": path, "layer": self.written(side), "output": self.change.shapes[side]}


def rows(changes: Sequence[Change]) -> Iterator[Row]:
    """Return the rows, in order."""
    return _rows(changes, ("", ""), 0)


def _rows(changes: Sequence[Change], around: tuple[str, str], indent: int) -> Iterator[Row]:
    for change in changes:
        before, after = _place(change, 0, around), _place(change, 1, around)
        is_run = change.times > 1
        if is_run or not change.parts:
            yield Row(change, before, after, indent, change.params, change.macs)
        elif change.renamed or change.moved:  # what it holds has rows of its own, which count
            yield Row(change, before, after, indent, 0, 0)
        if change.parts:
            names = change.before, change.after
            inside = (join_path(around[0], names[0] and names[0][0]), join_path(around[1], names[1] and names[1][0]))
            yield from _rows(change.parts, inside, indent + is_run)


def _place(change: Change, side: int, around: tuple[str, str]) -> str | None:
    """Return `layer1.1 to layer1.3`; a layer without a name is called by its scope and its operator."""
    names = (change.before, change.after)[side]
    if names is None:
        return None
    ends = dict.fromkeys(names)
    if ends == {"": None}:
        return f"{around[side]} ({change.words[side]})".lstrip()
    return " to ".join(join_path(around[side], name) for name in ends)
