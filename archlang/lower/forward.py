"""The forward pass of a class, straight down: one line for each step, in the order written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from archlang.lower.classes import Class, Program
from archlang.lower.regions import Region, Step
from archlang.ops.base import Expression


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
        if isinstance(entry, Step) and name.isdigit() and entry.stateless:
            if entry.call not in shared:
                word = _word(entry)
                numbered = (f"{word}{number}" for number in range(2, len(region.entries) + 3))
                shared[entry.call] = next(free for free in (word, *numbered) if free not in taken)
                taken.add(shared[entry.call])
            name = shared[entry.call]
        found[id(entry)] = name
    return found


def _word(step: Step) -> str:
    assert not isinstance(step.call, (str, Expression))
    return step.call.target.rsplit(".", 1)[-1].lower()


def forward(found: Class, made: Program) -> list[str]:
    """The lines of `forward`; what training alone needs runs in training alone."""
    region = found.region
    names, modules = _variables(region), attributes(region)
    lines = [f"    def forward(self, {', '.join(names[value] for value in region.inputs)}):"]
    for training, run in groupby(region.entries, _is_training_only):
        entries = list(run)
        indent = " " * (12 if training else 8)
        lines += ["        if self.training:"] if training else []
        for entry in entries:
            left = ", ".join(names[value] for value in entry.outputs)
            lines.append(
                f"{indent}{left} = {_value(entry, modules[id(entry)], [names[value] for value in entry.inputs])}"
            )
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


def _value(entry: Region | Step, name: str, inputs: list[str]) -> str:
    if isinstance(entry, Step) and isinstance(entry.call, Expression):
        text = entry.call.template.replace("{all}", ", ".join(inputs))
        for at, name in enumerate(inputs):
            text = text.replace(f"{{{at}}}", name)
        return text
    module = f"self.{name}" if not name.isdigit() else f'getattr(self, "{name}")'
    return f"{module}({', '.join(inputs)})"


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
            if value in lasting:
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
    word = wanted if wanted.isidentifier() else f"x_{wanted}"
    number = 2
    while word in taken:
        word, number = f"{wanted.rstrip('0123456789')}{number}", number + 1
    return word
