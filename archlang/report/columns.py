"""The columns of the plain style: their names, groups of them, and what each shows of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from archlang.diagnostics import Rejected
from archlang.ops.base import Work
from archlang.report.beginnings import STARTS, starts_json, starts_text
from archlang.report.data import COUNTS, LayerRow, sizes, unknown_counts
from archlang.report.lines import Line
from archlang.report.reach import REACH, UNKNOWN, reach_json, reach_text
from archlang.sheets import Cell


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name for programs, its heading for people, and its cell for both of them and in JSON.

    `count` gives the count of a layer; None if the column has no sum. Repeated calls are shown once if their layers are
    equal in what is `compared`: the count, or what is `unsummed`.
    """

    name: str
    heading: str
    shown: Callable[[Line], Cell]
    written: Callable[[Line], Cell]
    data: Callable[[Line], object]
    count: Callable[[LayerRow], int] | None = None
    unsummed: Callable[[LayerRow], object] | None = None

    @property
    def compared(self) -> Callable[[LayerRow], object] | None:
        """What must be equal in repeated calls that are shown once."""
        return self.count or self.unsummed


_HEADINGS = {
    "op": "operator",
    "params": "parameters",
    "trainable_params": "trainable",
    "macs": "MACs",
    "flops": "FLOPs",
    "backward_macs": "backward MACs",
}
_WORK = [column.name for column in fields(Work)]
DEFAULT = ("path", "op", "output", "params", "macs", "output_values", "output_bytes")
GROUPS: dict[str, tuple[str, ...]] = {
    "default": DEFAULT,
    "work": ("macs", "flops", *_WORK[1:]),
    "backward": tuple(f"backward_{name}" for name in _WORK),
    "memory": ("output_values", "output_bytes", "saved_bytes"),
    "reach": tuple(REACH),
    "all": ("path", "op", "output", *COUNTS, *REACH, STARTS),
}


def column(name: str) -> Column:
    """Return the column of that name; one of `GROUPS["all"]`."""
    if name == "saved_bytes":
        return _saved(name)
    if name in COUNTS:
        return counted(name, COUNTS[name])
    return _words()[name]


def counted(name: str, count: Callable[[LayerRow], int]) -> Column:
    """Return a column with the sum of a count over the layers of a row."""

    def total(line: Line) -> int:
        return sum(map(count, line.layers))

    return alike(name, total, count)


def _saved(name: str) -> Column:
    """Return the bytes saved for backward. They are unknown if an operator leaves open what they depend on."""

    def amount(line: Line) -> int | None:
        return None if unknown_counts(line.layers) else sum(map(COUNTS[name], line.layers))

    def shown(line: Line) -> Cell:
        found = amount(line)
        return UNKNOWN if found is None else found

    return Column(name, heading(name), shown, shown, amount, COUNTS[name])


def alike(name: str, cell: Callable[[Line], Cell], count: Callable[[LayerRow], int] | None = None) -> Column:
    """Return a column with the same content for people, for programs and in JSON."""
    return Column(name, heading(name), cell, cell, cell, count)


def heading(name: str) -> str:
    """Return the heading of a column for people."""
    return _HEADINGS.get(name, name.replace("_", " "))


def _words() -> dict[str, Column]:
    path = Column("path", "path", lambda line: line.place, lambda line: line.path, lambda line: line.path)
    output = Column(
        "output", "output", lambda line: line.told or _types(line), _types, lambda line: list(sizes(line.types[0]))
    )
    starts = Column(STARTS, STARTS, starts_text, starts_text, starts_json, unsummed=lambda row: row.starts)
    found = (path, alike("op", lambda line: line.op), output, starts, *map(_reach, REACH))
    return {column.name: column for column in found}


def _reach(name: str) -> Column:
    def text(line: Line) -> str:
        return reach_text(line.fields(), name)

    return Column(name, heading(name), text, text, lambda line: reach_json(line.fields()[0])[name])


def _types(line: Line) -> str:
    return ", ".join(map(str, line.types))


def chosen(names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of these names and groups, each once; the path is added in front if it is not among them.

    Raises `Rejected` for a name that is neither.
    """
    found = dict.fromkeys(_expanded(names) or DEFAULT)
    return tuple(map(column, found if "path" in found else ("path", *found)))


def chosen_sums(names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns that have a sum, also of a group. Raises `Rejected` for a named column that has none."""
    for name in names:
        if name not in GROUPS and name in GROUPS["all"] and name not in COUNTS:
            raise Rejected("unknown-name", f"sums have no column `{name}`: it does not add up")
    return tuple(column(name) for name in dict.fromkeys(_expanded(names) or DEFAULT) if name in COUNTS)


def _expanded(names: Sequence[str]) -> list[str]:
    return [one for name in names for one in (GROUPS[name] if name in GROUPS else (_known(name),))]


def _known(name: str) -> str:
    if name in GROUPS["all"]:
        return name
    from difflib import get_close_matches

    near = get_close_matches(name[:60].lower(), [*GROUPS["all"], *GROUPS], 1, 0.6)
    groups = ", ".join(f"`{group}`" for group in GROUPS)
    help = f"did you mean `{near[0]}`?" if near else f"groups of columns are {groups}; `all` shows every one"
    raise Rejected("unknown-name", f"a report has no column `{name}`", help=help)
