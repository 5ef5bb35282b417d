"""The classes of the source: one for each structure of a block. Numbers that differ are constructor arguments.

Two regions have one structure when they hold the same operators with the same keys and the same connections, whatever
the numbers. Numbers that are alike in all of them are written out; columns of numbers that agree share an argument.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from archlang.facts.structures import call_structure
from archlang.ir import values_of
from archlang.lower.naming import argument_name, camel, class_name, tell_apart
from archlang.ops.base import Module, Stored
from archlang.program import Call, Entry, Program, Region
from archlang.python_text import statements

_WIDTHS = ("channels", "features", "groups", "embed_dim", "normalized_shape")

Signature = tuple[object, ...]


@dataclass(frozen=True)
class Slot:
    """A number in a constructor call: its name, its value, and torch's default (`...` if there is none).

    `role` is torch's name of the argument that it finally sets, through the classes in between.
    """

    name: str
    value: object
    role: str
    default: object = ...


@dataclass
class Class:
    """A class to emit, the regions that are its instances, and the arguments in which they differ."""

    name: str
    instances: list[Region] = field(default_factory=list[Region])
    columns: dict[str, list[object]] = field(default_factory=dict[str, list[object]])  # argument -> value by instance
    defaults: dict[str, object] = field(default_factory=dict[str, object])  # argument -> torch's default, if it has one
    roles: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def region(self) -> Region:
        return self.instances[0]

    def twins(self, entry: Entry) -> list[Entry]:
        """Return the corresponding entry of every instance of the class."""
        at = self._places[id(entry)]
        return [twin[at] for twin in self._entries]

    @cached_property
    def _entries(self) -> list[list[Entry]]:
        return [list(_all_entries(instance)) for instance in self.instances]

    @cached_property
    def _places(self) -> dict[int, int]:
        return {id(entry): at for at, entry in enumerate(self._entries[0])}

    @property
    def params(self) -> list[str]:
        """The constructor's parameters, those with a default last."""
        return sorted(self.columns, key=lambda name: name in self.defaults)

    def arguments(self, instance: Region) -> list[Slot]:
        """Return the constructor arguments of one instance."""
        at = next(index for index, one in enumerate(self.instances) if one is instance)
        return [
            Slot(name, self.columns[name][at], self.roles[name], self.defaults.get(name, ...)) for name in self.params
        ]


def _all_entries(region: Region) -> Iterator[Entry]:
    """Yield the entries of a region and of the regions in it, in order."""
    for entry in region.entries:
        yield entry
        if isinstance(entry, Region):
            yield from _all_entries(entry)


@dataclass(frozen=True)
class FixedSize:
    """The only valid size of an input's axis: the input's value, the axis, and the names of both."""

    value: int
    axis: int
    size: int
    name: str


def fixed_sizes(program: Program) -> tuple[FixedSize, ...]:
    """Return the open sizes of the net that are valid only at their default, because a step fixes them."""
    graph, root = program.graph, program.root.block
    values = {port.name: port.value for port in root.inputs}
    return tuple(
        FixedSize(values[port], root.types[values[port]].axes.index(axis), int(graph.arguments[size]), size)
        for size in graph.fixed_sizes
        for port, axis in graph.open_sizes[size]
    )


@dataclass
class Classes:
    """The classes in the order in which they must be defined, and the class of each region and block.

    `fixed` are the sizes that the net's own `forward` checks.
    """

    program: Program
    classes: list[Class] = field(default_factory=list[Class])
    by_region: dict[int, Class] = field(default_factory=dict[int, Class])  # by id of the region
    fixed: tuple[FixedSize, ...] = ()

    def of(self, entry: Entry) -> Class | None:
        """Return the class that an entry is an instance of; None for torch's own modules and for `nn.Sequential`."""
        if isinstance(entry, Call):
            return self.by_region[id(self.program.regions[entry.callee])] if entry.callee is not None else None
        return self.by_region.get(id(entry))

    def checks(self, found: Class) -> tuple[FixedSize, ...]:
        """Return the sizes that the `forward` of a class checks. Only the net's own class, the last, checks any."""
        return self.fixed if found is self.classes[-1] else ()

    def is_sequential(self, found: Class) -> bool:
        """Return whether a class is an `nn.Sequential`, without a `forward` of its own."""
        return found.region.is_sequential and not self.checks(found)

    def slots(self, entry: Entry) -> list[Slot]:
        """Return the numbers in the constructor call of an entry, those of an `nn.Sequential`'s items included."""
        found = self.of(entry)
        if found is not None and not (isinstance(entry, Call) and entry.module is not None):
            instance = (
                self.program.regions[entry.callee] if isinstance(entry, Call) and entry.callee is not None else entry
            )
            assert isinstance(instance, Region)
            return found.arguments(instance)
        if isinstance(entry, Region):
            return [slot for inner in entry.entries for slot in self.slots(inner)]
        if entry.module is not None:
            return []
        if isinstance(entry.torch, Stored):
            sizes = [Slot("features", size, "features") for size in entry.torch.shape]
            return sizes + [Slot(name, value, name) for name, value in entry.torch.values]
        if isinstance(entry.torch, Module):
            args = [Slot(name, value, name) for name, value in entry.torch.args]
            return args + [Slot(name, value, name, default) for name, value, default in entry.torch.options]
        return []


def classes_of(program: Program) -> Classes:
    """Return the classes of a net."""
    made = Classes(program, fixed=fixed_sizes(program))
    groups: dict[object, Class] = {}
    signatures: dict[str, Signature] = {}
    for name, root in program.regions.items():
        is_net = root is program.root
        for unit in _units(root):
            signature = _signature(unit, signatures)
            key = ("net",) if is_net and unit is root else (root.block.name, signature)
            if key not in groups:
                own = camel(program.graph.name) if is_net and unit is root else class_name(root.block.name, unit)
                groups[key] = Class(own)
                made.classes.append(groups[key])
            groups[key].instances.append(unit)
            made.by_region[id(unit)] = groups[key]
        signatures[name] = _signature(root, signatures)
    tell_apart(made.classes, carried(program))
    done: set[str] = set()
    for found in list(made.classes):
        _parametrise(found, made, done)
    return made


def carried(program: Program) -> set[str]:
    """Return the names defined by the sources that operators carry because torch has no module for them."""
    calls = [call.torch for call in program.walk()]
    sources = {call.source for call in calls if isinstance(call, Module) and call.source}
    return set(chain.from_iterable(map(_defined, sources)))


def _defined(source: str) -> Iterator[str]:
    """Yield the names that a source defines."""
    for statement in statements(source).body:
        match statement:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case _:
                pass


def _units(found: Region) -> Iterator[Region]:
    """Yield the regions that need a class, inner ones first: blocks, and braces that `nn.Sequential` cannot express."""
    for entry in found.entries:
        if isinstance(entry, Region):
            yield from _units(entry)
    if found.name is None or not found.is_sequential:
        yield found


def _signature(found: Region, callees: dict[str, Signature]) -> Signature:
    """Return the structure of a region, without its numbers: keys, targets, names of arguments, connections."""
    numbers: dict[int, int] = {}

    def local(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(numbers.setdefault(value, len(numbers)) for value in values)

    parts: list[object] = [local(found.inputs)]
    for entry in found.entries:
        again = entry.module if isinstance(entry, Call) else None
        parts += [entry.name, again, local(entry.reads), _target(entry, callees), local(entry.outputs)]
        parts.append(_guards(entry, entry.reads) if isinstance(entry, Call) else ())
        parts.append(found.skips(entry))
    parts.append(tuple((local((port.value,)), port.training) for port in found.block.outputs))
    if found.name is None:
        parts += [tuple(found.ties), found.block.frozen, local(values_of(found.guards))]
        parts.append(_guards(found, values_of(found.guards)))
    return (*parts, local(found.outputs))


def _guards(entry: Entry, read: tuple[int, ...]) -> tuple[str, ...]:
    """Return the conditions on sizes of an entry. The values that it reads are numbered in order."""
    places = {value: f"{{{at}}}" for at, value in enumerate(read)}
    return tuple(guard.text(places.__getitem__) for guard in entry.guards)


def _target(entry: Entry, callees: dict[str, Signature]) -> object:
    if isinstance(entry, Region):
        return _signature(entry, callees)
    if entry.callee is not None:
        return callees[entry.callee], entry.recomputed, entry.deferred, len(entry.run)
    assert entry.torch is not None
    return call_structure(entry.torch), entry.in_place, entry.deferred


def _parametrise(found: Class, made: Classes, done: set[str]) -> None:
    """Name the numbers in which the instances differ."""
    if found.name in done:
        return
    done.add(found.name)
    for instance in found.instances:
        for entry in instance.entries:
            for inner in [entry, *(entry.walk() if isinstance(entry, Region) else ())]:
                callee = made.of(inner)
                if callee is not None:
                    _parametrise(callee, made, done)
    rows = [[slot for entry in instance.entries for slot in made.slots(entry)] for instance in found.instances]
    hints = _hints(found.region, made)
    for at, slot in enumerate(rows[0]):
        column = [row[at].value for row in rows]
        if constant(column) or column_of(column, slot.role, found) is not None:
            continue
        name = argument_name(found, column, slot.name, hints[at], {one.name for one in made.classes})
        found.columns[name], found.roles[name] = column, slot.role
        if slot.default is not ... and constant([row[at].default for row in rows]):
            found.defaults[name] = slot.default


def constant(column: list[object]) -> bool:
    """Return whether all instances have the same value."""
    return all(_same(value, column[0]) for value in column)


def column_of(column: list[object], role: str, found: Class) -> str | None:
    """Return the constructor argument whose values equal this number's in every instance; None if there is none."""
    for name, values in found.columns.items():
        if _exchangeable(role, found.roles[name]) and all(map(_same, values, column)):
            return name
    return None


def _exchangeable(one: str, other: str) -> bool:
    """Return whether equal numbers mean the same: widths do (and a depthwise convolution's groups), others may not."""
    return one == other or (one.endswith(_WIDTHS) and other.endswith(_WIDTHS))


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other  # True is not 1 here


def _hints(found: Region, made: Classes) -> list[str]:
    """Return, for each slot, the key of the entry that it belongs to."""
    hints: list[str] = []
    for entry in found.entries:
        if isinstance(entry, Region) and made.of(entry) is None:
            hints += _hints(entry, made)
        else:
            hints += [(entry.name or "").replace(".", "_")] * len(made.slots(entry))
    return hints
