"""The changes between two nets: their trees are aligned scope by scope, then their connections are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from archlang.cards import Shown, card, table_html
from archlang.diff.aligning import Pair, aligned
from archlang.diff.arguments import argument_changes
from archlang.diff.changes import Change, Kind
from archlang.diff.folding import folded
from archlang.diff.listing import rows
from archlang.diff.ports import port_changes
from archlang.diff.table import sheet_of
from archlang.diff.tree import Group, Kinds, Leaf, Part, label_of, tree
from archlang.diff.wiring import Wiring, wiring
from archlang.facts.work import Totals, totals
from archlang.ir import Graph


@dataclass(frozen=True, slots=True)
class Diff(Shown):
    """Two nets, their totals for one image, and the changes from the first to the second, in order."""

    names: tuple[str, str]
    totals: tuple[Totals, Totals]
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether the nets are equal except for the names of nets and blocks."""
        return not self.changes

    def __repr__(self) -> str:
        """Return one line: there may be hundreds of changes."""
        if self.same:
            return f"<Diff of {self.names[0]} and {self.names[1]}: no difference>"
        before, after = self.totals
        count = sum(1 for _ in rows(self.changes))
        counts = f"{after.params - before.params:+,} parameters, {after.macs - before.macs:+,} MACs"
        changed = f"{count:,} change{'s' if count > 1 else ''}"
        return f"<Diff of {self.names[0]} and {self.names[1]}: {changed}, {counts}>"

    def _repr_html_(self) -> str:
        """Return the table of changes as HTML."""
        if self.same:
            return card(f"{self.names[0]} and {self.names[1]}", ["no difference"])
        sheet = sheet_of(self, self.names, every=False)
        title, *lines = sheet.above
        return card(title, lines, table_html(sheet.headings, sheet.rows, sheet.total, numbers=2))

    def to_json(self) -> dict[str, object]:
        """Return the changes as plain JSON values: what `archlang diff --format json` prints."""
        sides = zip(("before", "after"), self.names, self.totals, strict=True)
        return {
            "version": 1,
            **{side: {"net": name, "params": counts.params, "macs": counts.macs} for side, name, counts in sides},
            "same": self.same,
            "changes": [row.to_json() for row in rows(self.changes)],
        }


def diff(before: Graph, after: Graph, fold: bool = True) -> Diff:
    """Return the changes from one net to the other; with `fold`, equal changes in a row become one.

    The sum of the changes' `params`, and of their `macs`, is the difference of the totals.
    """
    kinds = Kinds()
    trees = tree(before, kinds), tree(after, kinds)
    pairing = _Pairing()
    matched = pairing.match(trees[0].parts, trees[1].parts)
    wires = wiring(before, after, pairing.leaves)
    changes = _Telling(pairing, wires, fold).changes(matched)
    return Diff((before.name, after.name), (totals(before), totals(after)), (*port_changes(wires), *changes))


@dataclass(frozen=True, slots=True)
class _Pairing:
    """The aligned pairs of scopes, and for each layer of the second net its number in the first."""

    within: dict[tuple[int, int], list[Pair]] = field(default_factory=dict[tuple[int, int], list[Pair]])
    leaves: dict[int, int] = field(default_factory=dict[int, int])

    def match(self, before: Sequence[Part], after: Sequence[Part]) -> list[Pair]:
        """Align two lists, and the lists within matched scopes.

        Scopes without a label that have nothing in common do not match.
        """
        found: list[Pair] = []
        for pair in aligned(before, after):
            one, other = pair.before, pair.after
            if isinstance(one, Leaf) and isinstance(other, Leaf):
                self.leaves[other.number] = one.number
            elif isinstance(one, Group) and isinstance(other, Group):
                inner = self.match(one.parts, other.parts)
                if label_of(one) is None and not any(part.before and part.after for part in inner):
                    found += [Pair(one, None), Pair(None, other)]
                    continue
                self.within[id(one), id(other)] = inner
            found.append(pair)
        return found


@dataclass(frozen=True, slots=True)
class _Telling:
    """Turns pairs into changes. With `fold`, equal changes in a row become one."""

    pairing: _Pairing
    wiring: Wiring
    fold: bool

    def changes(self, pairs: Sequence[Pair]) -> tuple[Change, ...]:
        each = list(self._each(pairs))
        return folded(each) if self.fold else tuple(each)

    def _each(self, pairs: Sequence[Pair]) -> Iterator[Change]:
        before = after = -1
        for pair in pairs:
            before, after = before + (pair.before is not None), after + (pair.after is not None)
            change = self._change(pair)
            if change is not None:
                places = (before if pair.before else -1, after if pair.after else -1)
                yield replace(change, places=places)

    def _change(self, pair: Pair) -> Change | None:
        """Return the change of a pair; None if nothing was changed."""
        one, other = pair.before, pair.after
        if one is None or other is None:
            return _whole(one, other)
        told = replace(_whole(one, other), moved=pair.moved)
        if isinstance(one, Leaf) and isinstance(other, Leaf):
            wired = self.wiring.layer(one.number, other.number)
            told = replace(told, arguments=(*argument_changes(one.layer, other.layer), *wired))
        else:
            told = replace(told, parts=self.changes(self.pairing.within[id(one), id(other)]), shapes=("", ""))
        touched = told.arguments or told.renamed or told.moved or any(part.kind != "follows" for part in told.parts)
        if touched or (not told.parts and told.words[0] != told.words[1]):
            return told
        is_same = not told.parts and not told.params and not told.macs and told.shapes[0] == told.shapes[1]
        return None if is_same else replace(told, kind="follows")


def _whole(one: Part | None, other: Part | None) -> Change:
    """Return a part that was added, removed, or is to be compared further."""
    kind: Kind = "added" if one is None else "removed" if other is None else "changed"
    ops = (one.layer.op if isinstance(one, Leaf) else None, other.layer.op if isinstance(other, Leaf) else None)
    return Change(
        kind,
        _names(one),
        _names(other),
        (one.word if one else "", other.word if other else ""),
        (one.shape if one else "", other.shape if other else ""),
        (other.params if other else 0) - (one.params if one else 0),
        (other.macs if other else 0) - (one.macs if one else 0),
        operators=ops,
    )


def _names(part: Part | None) -> tuple[str, str] | None:
    return None if part is None else (part.name or "", part.name or "")
