"""The names of the values in a `forward`.

A value that is needed after the next entry has a name that nothing else in the `forward` is given. All other values
share one name, the flow's: each is read by the next entry alone, so that the entry's own result may replace it.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, count

from archlang.lower.regions import Region, Step, is_computed
from archlang.ops.base import Expression

_FLOWS = ("x", "y", "z", "h")  # names for the values that flow from one entry to the next
_USED = {"self", "torch", "nn", "getattr"}  # names that the lines of every `forward` may use


def variables(region: Region) -> dict[int, str]:
    """A name for each value: that of its label where it is kept, the flow's where only the next entry reads it."""
    labels = {value: path.rsplit(".", 1)[-1] for path, value in reversed(region.block.labels.items())}
    ports = {port.value: port.name for port in region.block.inputs}
    reserved = _USED | used_by_expressions(region.entries)
    names: dict[int, str] = {}
    for at, value in enumerate(region.inputs):
        wanted = "x" if len(region.inputs) == 1 and ports.get(value, "input") == "input" else ports.get(value)
        names[value] = fresh(wanted or labels.get(value) or f"x{at}", {*names.values(), *reserved})
    kept = _kept(region)
    flow = _flow({names[value] for value in region.inputs if value in kept} | reserved)
    for entry in region.entries:
        for value in entry.outputs:
            if not is_computed(entry):
                names[value] = f"self.{entry.name}"
            elif value in kept:
                names[value] = fresh(labels.get(value) or f"{flow}1", {*names.values(), *reserved, flow})
            else:
                names[value] = flow
    return names


def borrowed(region: Region, names: Mapping[int, str]) -> dict[str, str]:
    """A name for each module outside the region that is applied again within it, by its path."""
    taken = {*names.values(), *_USED, *used_by_expressions(region.entries), *_FLOWS[:1]}
    found: dict[str, str] = {}
    for path in region.borrowed:
        found[path] = fresh(path.rsplit(".", 1)[-1], taken)
        taken.add(found[path])
    return found


def fresh(wanted: str, taken: Collection[str]) -> str:
    """A variable called as wanted, or with a number behind where that name is taken or is no name in Python."""
    word = wanted.replace("-", "_")
    word = word if word.isidentifier() else f"x_{word}"
    stem = word.rstrip("0123456789")
    numbered = (f"{stem}{number}" for number in count(2))
    return next(name for name in chain([word], numbered) if name not in taken and not keyword.iskeyword(name))


def _flow(taken: Collection[str]) -> str:
    return next(name for name in chain(_FLOWS, (f"x{number}" for number in count(1))) if name not in taken)


def used_by_expressions(entries: Iterable[Region | Step]) -> set[str]:
    """The names that the expressions of steps use themselves: `torch`, `range`."""
    return set(chain.from_iterable(map(_free_names, entries)))


def _free_names(entry: Region | Step) -> Iterator[str]:
    if isinstance(entry, Step) and isinstance(entry.call, Expression):
        # a place for an input, `{0}`, reads as a set in Python
        tree = ast.parse(entry.call.template, mode="eval")
        yield from (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id != "all")


def _kept(region: Region) -> set[int]:
    """The values that are needed after the entry that follows the one that makes them."""
    made = dict.fromkeys(region.inputs, -1)
    kept: set[int] = set()
    for at, entry in enumerate(region.entries):
        kept |= {value for value in entry.inputs if made[value] != at - 1}
        if len(entry.outputs) > 1:
            kept.update(entry.outputs)
        made.update(dict.fromkeys(entry.outputs, at))
    return kept | {value for value in region.outputs if made[value] != len(region.entries) - 1}
