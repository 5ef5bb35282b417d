"""The names of the variables of a `forward`: those of labels and inputs, and a few that the others share."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, count

from archlang.lower import folded, recompute
from archlang.ops.base import Expression
from archlang.program import Call, Entry, Region
from archlang.python_text import expression

_FLOWS = ("x", "y", "z", "h")  # names for the values that flow from one entry to the next
Numbers = dict[str, Iterator[int]]
_USED = {"self", "torch", "nn", "getattr"}  # names that the lines of every `forward` may use


def variables(region: Region) -> dict[int, str]:
    """Return a name for each value: that of its variable, or of the attribute that stores it."""
    frame = region.frame
    words = _words(region)
    stored = {
        value: f"self.{entry.name}" for entry in region.entries if not entry.is_computed for value in entry.outputs
    }
    return stored | {value: words[variable] for value, variable in frame.variables.items()}


def _words(region: Region) -> dict[int, str]:
    """Return the name of each variable: inputs first, then those with a label, then the others."""
    frame, known = region.frame, _USED | used_by_expressions(region.entries)
    inputs = [frame.variables[value] for value in region.inputs]
    words: dict[int, str] = {}
    numbers: Numbers = {}

    def take(variable: int, word: str) -> None:
        words[variable] = word
        known.add(word)

    for at, variable in enumerate(inputs):
        take(variable, fresh(frame.named.get(variable) or ("x" if len(inputs) == 1 else f"x{at}"), known, numbers))
    flows = set(_FLOWS[:2]) - known  # left to the others
    known |= flows
    for variable, name in frame.named.items():
        if variable not in words:
            take(variable, fresh(name, known, numbers))
    known -= flows
    flow: str | None = None
    for variable in frame.variables.values():
        if variable not in words:
            flow = flow or _flow(known)
            take(variable, flow if flow not in known else fresh(f"{flow}2", known, numbers))
    return words


def borrowed(region: Region, names: Mapping[int, str]) -> dict[str, str]:
    """Return a name for each module outside the region that is applied again within it, by its path."""
    taken = {*names.values(), *_USED, *used_by_expressions(region.entries), *_FLOWS[:1]}
    found: dict[str, str] = {}
    numbers: Numbers = {}
    for path in region.borrowed:
        found[path] = fresh(path.rsplit(".", 1)[-1], taken, numbers)
        taken.add(found[path])
    return found


def fresh(wanted: str, taken: Collection[str], numbers: Numbers) -> str:
    """Return a variable of the wanted name, with a number appended if it is taken or not a valid Python name.

    `numbers` holds those that are left for each stem, while names are taken and none is given back.
    """
    word = wanted.replace("-", "_")
    word = word if word.isidentifier() else f"x_{word}"
    stem = word.rstrip("0123456789")
    numbered = (f"{stem}{number}" for number in numbers.setdefault(stem, count(2)))
    return next(name for name in chain([word], numbered) if name not in taken and not keyword.iskeyword(name))


def _flow(taken: Collection[str]) -> str:
    return next(name for name in chain(_FLOWS, (f"x{number}" for number in count(1))) if name not in taken)


def used_by_expressions(entries: Iterable[Entry]) -> set[str]:
    """Return the names that the expressions of steps use themselves: `torch`, `range`."""
    return set(chain.from_iterable(map(_free_names, entries)))


def _free_names(entry: Entry) -> Iterator[str]:
    if isinstance(entry, Call) and entry.recomputed:
        yield recompute.FUNCTION
    if isinstance(entry, Call) and entry.convolution is not None:
        yield folded.FUNCTION
    for guard in entry.guards if isinstance(entry, Call) else ():
        yield from _names_in(guard.text(lambda _: "{0}"))
    if isinstance(entry, Call) and isinstance(entry.torch, Expression):
        yield from _names_in(entry.torch.template) - {"all"}


@lru_cache(maxsize=1024)
def _names_in(template: str) -> frozenset[str]:
    """Return the names in a template. The placeholder of an input, `{0}`, parses as a set in Python."""
    return frozenset(node.id for node in ast.walk(expression(template)) if isinstance(node, ast.Name))
