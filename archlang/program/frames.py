"""The variables of a `forward`: which one each value takes, and until when it holds it.

A result takes the variable of an input that it replaces, as `x = self.conv(x)` does, so that no value outlives its last
use. A value with a label that is read later has a variable of that name, unless a dead value would stay meanwhile. A
variable that would hold a dead value while several other steps run is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.program.regions import Entry, Region

ANONYMOUS = ("input", "x")  # of a single input: a value without a name, which the next one may replace


@dataclass(frozen=True, slots=True)
class Frame:
    """The number of the variable of each computed value; the values whose variables are deleted, by entry.

    A variable that is `named` has the name of this label or input, and holds no other value.
    """

    variables: Mapping[int, int]
    named: Mapping[int, str]
    deleted: Mapping[int, tuple[int, ...]]


def frame_of(region: Region) -> Frame:
    """Return the variables of a region."""
    labels = {value: path.rsplit(".", 1)[-1] for path, value in reversed(region.block.labels.items())}
    making = _Making(region, labels)
    making.inputs()
    for at, entry in enumerate(region.entries):
        if entry.is_computed:
            making.entry(at, entry)
    named = {making.variables[value]: name for value, name in making.named.items() if name}
    return Frame(making.variables, named, dict(_deleted(region, making.variables)))


@dataclass(slots=True)
class _Making:
    """The walk through the entries: `holds` says which value each variable has that no name keeps from others.

    `dead` is a heap of the variables that may be taken; of those in it some were taken again. `later` are those that
    come into it at the next entry, and `ending` the values by their last uses, the first of which is at the end.
    """

    region: Region
    labels: Mapping[int, str]
    variables: dict[int, int] = field(default_factory=dict[int, int])
    named: dict[int, str] = field(default_factory=dict[int, str])
    holds: dict[int, int] = field(default_factory=dict[int, int])
    numbers: Iterator[int] = field(default_factory=count)
    dead: list[int] = field(default_factory=list[int])
    later: list[int] = field(default_factory=list[int])
    ending: list[int] = field(default_factory=list[int])

    def inputs(self) -> None:
        """Give the inputs their variables, before any entry."""
        region = self.region
        self.ending = sorted(region.last_uses, key=lambda value: region.last_uses[value], reverse=True)
        ports = {port.value: port.name for port in region.block.inputs} if region.name is None else {}
        for value in region.inputs:
            is_anonymous = len(region.inputs) == 1 and ports.get(value, ANONYMOUS[0]) in ANONYMOUS
            name = ports.get(value) or self.labels.get(value)
            self._new(value, None if is_anonymous else name or None)
            if value not in region.last_uses:
                self.later.append(self.variables[value])

    def entry(self, at: int, entry: Entry) -> None:
        """Give the outputs of an entry their variables."""
        if self.region.skips(entry):  # evaluation does not run it
            for value in entry.outputs:
                self._new(value, self.labels.get(value, ""))
            return
        self._bury(at)
        several, taken = len(entry.outputs) > 1, set[int]()
        for value in entry.outputs:
            label = self.labels.get(value) if value in self.region.kept else None
            is_key = label == (entry.name or "").rpartition(".")[2]
            own = label is not None and (several or not is_key or self._is_brief(at + 1, value))
            free = None if own else self._free(at, entry, taken)
            if free is None:
                self._new(value, label)
            else:
                self.variables[value], self.holds[free] = free, value
            taken.add(self.variables[value])
            if self.region.last_uses.get(value, -1) <= at:
                self.later.append(self.variables[value])

    def _is_brief(self, at: int, value: int) -> bool:
        """Return whether the entry at a place is one operator on a value: its result takes what is dead meanwhile."""
        entry = self.region.entries[at] if at < len(self.region.entries) else None
        return entry is not None and entry.operator is not None and value in entry.inputs

    def _free(self, at: int, entry: Entry, taken: set[int]) -> int | None:
        """Return the variable that a result takes: of memory that it overwrites, of an input, or of a dead value."""

        def is_dead(variable: int) -> bool:
            value = self.holds.get(variable)
            return value is not None and self.region.last_uses.get(value, -1) <= at and variable not in taken

        first = [entry.inputs[entry.in_place]] if entry.in_place is not None else []
        wanted = (self.variables[value] for value in (*first, *entry.inputs) if value in self.variables)
        found = next(filter(is_dead, wanted), None)
        while found is None and self.dead:
            variable = heappop(self.dead)
            if variable in taken:
                self.later.append(variable)
            elif is_dead(variable):  # otherwise it was taken since
                found = variable
        return found

    def _bury(self, at: int) -> None:
        """Note the variables of the values that no entry after this one reads."""
        while self.ending and self.region.last_uses[self.ending[-1]] <= at:
            value = self.ending.pop()
            if value in self.variables:
                self.later.append(self.variables[value])
        for variable in self.later:
            heappush(self.dead, variable)
        self.later.clear()

    def _new(self, value: int, name: str | None) -> None:
        """Give a value a variable of its own, which no other value takes if it has a name."""
        self.variables[value] = variable = next(self.numbers)
        if name is None:
            self.holds[variable] = value
        else:
            self.named[value] = name


def _deleted(region: Region, variables: Mapping[int, int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the entries after which values are deleted: they are dead, and two or more entries would still run.

    What the caller holds is not freed by that, nor a value that is a view or has one. A variable that a later entry
    takes is left to it.
    """
    making = [at for at, entry in enumerate(region.entries) if entry.is_computed and not _views(entry)]
    last = making[-2] if len(making) > 1 else -1
    viewed = {value for entry in region.entries if _views(entry) for value in (*entry.inputs, *entry.outputs)}
    final = {variable: value for value, variable in variables.items()}
    made = {value for entry in region.entries if not region.skips(entry) for value in entry.outputs} - viewed
    ends: dict[int, list[int]] = {}
    for value, variable in variables.items():
        at = region.last_uses.get(value, -1)
        if value in made and final[variable] == value and 0 <= at < last and not region.skips(region.entries[at]):
            ends.setdefault(at, []).append(value)
    yield from ((at, tuple(values)) for at, values in sorted(ends.items()))


def _views(entry: Entry) -> bool:
    """Return whether an entry's results may be the memory of its inputs."""
    operator = entry.operator
    if operator is None or operator.declared or not entry.inputs:
        return False
    return entry.in_place is not None or operator.idle or operator.view(*entry.input_types) is not False
