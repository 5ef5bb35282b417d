"""The forward pass of a class, straight down: one line for each step, in the order written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from archlang.lower.classes import Class, Program
from archlang.lower.regions import Region, Step
from archlang.ops.base import Expression, Module, Stored

WIDTH = 88  # what formatters allow without being told


def attributes(region: Region) -> dict[int, str]:
    """The attribute that holds each entry's module, by id of the entry: its key, or torch's word for a plain step.

    A plain step has neither a label nor weights: it leaves no trace in the state dict, so that one object serves all
    that are alike.
    """
    taken = {entry.name for entry in region.entries}
    shared: dict[object, str] = {}
    found: dict[int, str] = {}
    for entry in region.entries:
        name = entry.name or ""
        if isinstance(entry, Step) and name.isdigit() and entry.stateless and isinstance(entry.call, Module):
            if entry.call not in shared:
                word = _word(entry)
                numbered = (f"{word}{number}" for number in range(2, len(region.entries) + 3))
                shared[entry.call] = next(free for free in (word, *numbered) if free not in taken)
                taken.add(shared[entry.call])
            name = shared[entry.call]
        found[id(entry)] = name
    return found


def _word(step: Step) -> str:
    assert isinstance(step.call, Module)
    return step.call.target.rsplit(".", 1)[-1].lower()


def forward(found: Class, made: Program) -> list[str]:
    """The lines of `forward`; what training alone needs runs in training alone."""
    region = found.region
    names, modules = _variables(region), attributes(region)
    borrowed = _borrowed(region, names)
    arguments = [*(names[value] for value in region.inputs), *borrowed.values()]
    lines = [f"    def forward(self, {', '.join(arguments)}):"]
    for training, run in groupby(filter(_is_computed, region.entries), _is_training_only):
        entries = list(run)
        indent = " " * (12 if training else 8)
        lines += ["        if self.training:"] if training else []
        for entry in entries:
            left = ", ".join(names[value] for value in entry.outputs)
            inputs = [names[value] for value in entry.inputs]
            value = _value(entry, modules[id(entry)], inputs, region, borrowed)
            lines += _assigned(indent, left, value)
        leaving = [value for entry in entries for value in entry.outputs if value in region.outputs]
        if training and leaving and region.name is not None:
            lines += ["        else:", *(f"{indent}{names[value]} = None" for value in leaving)]
    return [*lines, *_returns(region, names)]


def _is_training_only(entry: Region | Step) -> bool:
    steps = entry.walk() if isinstance(entry, Region) else (entry,)
    return all(step.training_only for step in steps)


def _returns(region: Region, names: Mapping[int, str]) -> list[str]:
    """The values of a block in the order of its outputs, those of training alone in training."""
    if region.name is not None:
        return [f"        return {', '.join(names[value] for value in region.outputs)}"]
    ports = region.block.outputs
    always = f"        return {', '.join(names[port.value] for port in ports if not port.training)}"
    if not any(port.training for port in ports):
        return [always]
    return ["        if self.training:", f"            return {', '.join(names[port.value] for port in ports)}", always]


def _assigned(indent: str, left: str, value: str) -> list[str]:
    """The line of a step; a chain of methods that is too long for one line takes one for each method."""
    line = f"{indent}{left} = {value}"
    if len(line) <= WIDTH or not left.isidentifier():
        return [line]
    first, *more = _methods(value)
    return [f"{indent}{left} = {first}", *(f"{indent}{left} = {left}.{method}" for method in more)]


def _methods(text: str) -> list[str]:
    """`x.a(1).b(2)` as `x.a(1)` and `b(2)`; what is within brackets stays together."""
    depth, start, parts = 0, 0, list[str]()
    for at, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "." and depth == 0 and text[at - 1] == ")":
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _is_computed(entry: Region | Step) -> bool:
    return isinstance(entry, Region) or not isinstance(entry.call, Stored)


def _value(entry: Region | Step, name: str, inputs: list[str], region: Region, borrowed: Mapping[str, str]) -> str:
    if isinstance(entry, Step) and isinstance(entry.call, Expression):
        text = entry.call.template.replace("{all}", ", ".join(inputs))
        for at, name in enumerate(inputs):
            text = text.replace(f"{{{at}}}", name)
        return text
    if isinstance(entry, Step) and entry.module is not None:
        return f"{_again(entry.module, region, borrowed)}({', '.join(inputs)})"
    lent = [_again(path, region, borrowed) for path in entry.borrowed] if isinstance(entry, Region) else []
    module = f"self.{name}" if name.isidentifier() else f'getattr(self, "{name}")'
    return f"{module}({', '.join([*inputs, *lent])})"


def _again(path: str, region: Region, borrowed: Mapping[str, str]) -> str:
    """A module that is applied again, as it is reached in a region: its own, or one that it was lent."""
    if path in borrowed:
        return borrowed[path]
    return reference(path[len(region.path) + 1 :] if region.path else path)


def reference(path: str) -> str:
    """A module or tensor at a path below `self`."""
    if all(part.isidentifier() for part in path.split(".")):
        return f"self.{path}"
    return f'self.get_submodule("{path}")'


def _borrowed(region: Region, names: Mapping[int, str]) -> dict[str, str]:
    """A name for each module outside the region that is applied again within it, by its path."""
    found: dict[str, str] = {}
    taken = {-1 - at: name for at, name in enumerate(names.values())}
    for path in region.borrowed:
        found[path] = taken[len(taken)] = _fresh(path.rsplit(".", 1)[-1], taken, "x")
    return found


def _variables(region: Region) -> Mapping[int, str]:
    """A name for each value: that of its label where it lives on, `x` where the next step alone takes it."""
    labels = {value: path.rsplit(".", 1)[-1] for path, value in reversed(region.block.labels.items())}
    names: dict[int, str] = {}
    ports = {port.value: port.name for port in region.block.inputs}
    for at, value in enumerate(region.inputs):
        wanted = "x" if len(region.inputs) == 1 and ports.get(value, "input") == "input" else ports.get(value)
        names[value] = _fresh(wanted or labels.get(value) or f"x{at}", names)
    lasting = _lasting(region)
    flow = "y" if any(names[value] == "x" and value in lasting for value in region.inputs) else "x"
    for entry in region.entries:
        for value in entry.outputs:
            if not _is_computed(entry):
                names[value] = f"self.{entry.name}"
            elif value in lasting:
                names[value] = _fresh(labels.get(value) or f"{flow}1", names, flow)
            else:
                names[value] = flow
    return names


def _lasting(region: Region) -> set[int]:
    """The values that more than the very next entry takes."""
    made = dict.fromkeys(region.inputs, -1)
    lasting: set[int] = set()
    for at, entry in enumerate(region.entries):
        lasting |= {value for value in entry.inputs if made[value] != at - 1}
        if len(entry.outputs) > 1:
            lasting.update(entry.outputs)
        made.update(dict.fromkeys(entry.outputs, at))
    return lasting | {value for value in region.outputs if made[value] != len(region.entries) - 1}


def _fresh(wanted: str, names: Mapping[int, str], flow: str = "") -> str:
    taken = {*names.values(), "self", "torch", "nn", flow}
    wanted = wanted.replace("-", "_")
    word = wanted if wanted.isidentifier() else f"x_{wanted}"
    number = 2
    while word in taken:
        word, number = f"{wanted.rstrip('0123456789')}{number}", number + 1
    return word
