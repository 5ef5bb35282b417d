"""What the operators of a block are and count at each call of the block, written short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archlang.page.progressions import numbers, texts
from archlang.report import LayerRow
from archlang.report.data import COUNTS, unknown_counts
from archlang.report.facts import ReportFacts
from archlang.report.reach import reach_text
from archlang.why import Whys
from archlang.why.answer import WhyLayer
from archlang.why.text import facts_of

Key = tuple[str, tuple[int, ...]]  # a block's id, and the values that one of its nodes returns

COLUMNS = tuple(COUNTS)  # the counts of every layer, in this order
_STATIC = ("weights", "buffers")  # these are listed with their sizes
_REACH = ("receptive_field", "stride", "offset")


@dataclass(frozen=True)
class Occurrences:
    """Every application of every operator, by its block and node, in the order of `graph.flat()`."""

    rows: Mapping[Key, list[LayerRow]]
    told: Mapping[Key, list[WhyLayer]]
    summaries: dict[str, int] = field(default_factory=dict[str, int])

    def first(self, key: Key) -> WhyLayer:
        """Return what is told of the first application."""
        return self.told[key][0]

    def written(self, key: Key, wrong: str = "") -> dict[str, object]:
        """Return the counts and facts of a node, each a value that all calls share, or a list for all calls.

        In the place of a mistake, `wrong` says what it is, and nothing is counted.
        """
        rows, told = self.rows[key], self.told[key]
        unknown = [frozenset(COUNTS) if wrong else unknown_counts([row]) for row in rows]
        return {
            "summary": self.summaries.setdefault(wrong or told[0].summary, len(self.summaries)),
            "counts": [
                numbers([None if name in which else of(row) for row, which in zip(rows, unknown, strict=True)])
                for name, of in COUNTS.items()
            ],
            "reach": [texts([reach_text([row.receptive_field], name) for row in rows]) for name in _REACH],
            "seen": numbers([_seen(row) for row in rows]),
            "idle": numbers([int(one.training_only) for one in told]),
            "facts": {} if wrong else _facts(told),
        }


def occurrences_of(counted: Sequence[LayerRow], facts: ReportFacts, whys: Whys) -> Occurrences:
    """Return the layers of a net, as its report counts them, with what `archlang why` tells of each."""
    rows: dict[Key, list[LayerRow]] = {}
    told: dict[Key, list[WhyLayer]] = {}
    for row, layer, one in zip(counted, facts.layers, whys.each(), strict=True):
        key = layer.block.id, layer.node.outputs
        rows.setdefault(key, []).append(row)
        told.setdefault(key, []).append(one)
    return Occurrences(rows, told)


def _facts(told: list[WhyLayer]) -> dict[str, object]:
    """Return the texts of `archlang why` about a layer by their names; a name may have several, one below the other."""
    each = [_joined(one) for one in told]
    names = dict.fromkeys(name for facts in each for name in facts)
    return {name: texts([facts.get(name, "") for facts in each]) for name in names}


def _joined(told: WhyLayer) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    name = ""
    for name_or_empty, text in facts_of(told):
        name = name_or_empty or name
        if text and name not in _STATIC:
            found.setdefault(name, []).append(text)
    return {name: "\n".join(lines) for name, lines in found.items()}


def _seen(row: LayerRow) -> int | None:
    """Return along how many positions of the input one of the output sees, on the longest side; None if unknown."""
    field = row.receptive_field
    if field.untold or not field.axes:
        return None
    sizes = [interval.size for interval in field.axes.values() if interval is not None]
    return max(sizes) if len(sizes) == len(field.axes) else None
