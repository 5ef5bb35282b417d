"""The parts of an operator that is composed of others, and the class that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archlang.ops.answers import Expression, Module
from archlang.ops.base import Operator
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Own:
    """A weight of the composition that a part takes as a value: its name, and the shape of a view of it.

    A buffer is not `trained`. If it is `relaid`, its gradient lies otherwise in memory, and torch copies it when it is
    accumulated.
    """

    name: str
    shape: tuple[int, ...] = ()
    trained: bool = True
    relaid: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """An operator of a composition, and which values it takes: the inputs are the first, then the parts' results.

    A value may also be a weight of the composition. `name` is that of its module, where it has weights; and of its
    result, where that is saved. A result is `held` if a variable of torch's holds it until the last part has run.
    """

    op: Operator
    inputs: tuple[int | Own, ...]
    name: str = ""
    held: bool = False
    holds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A part that runs: the numbers of the values that it takes and gives, and their types.

    The values `freed` are used by no later part. Numbers count the inputs of the composition, then its weights that are
    values, then the results of the parts. Those that it `holds` are alive until it has run.
    """

    part: Part
    taken: tuple[int, ...]
    inputs: tuple[TensorType, ...]
    given: tuple[int, ...]
    outputs: tuple[TensorType, ...]
    freed: tuple[int, ...] = ()
    holds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """The parts in the order in which they run, and the weights that they take as values, with their types."""

    inputs: tuple[TensorType, ...]
    weights: tuple[tuple[Own, TensorType], ...]
    stages: tuple[Stage, ...]


def own_name(part: Part, name: str) -> str:
    """Return the name that a weight of a part has in the composition: below the part's, or where that has a `*`."""
    if "*" in part.name:
        return part.name.replace("*", name)
    return f"{part.name}.{name}" if part.name else name


def freeing(stages: Sequence[Stage], first: int) -> tuple[Stage, ...]:
    """Return the stages with what each of them frees, of the values from number `first` on."""
    end = len(stages) - 1
    uses = ((number, (*one.given, *one.taken, *one.holds)) for number, one in enumerate(stages))
    last = {at: number for number, values in uses for at in values if at >= first}
    last |= {at: end for stage in stages if stage.part.held for at in stage.given}
    last |= dict.fromkeys(stages[-1].given, end + 1)
    return tuple(
        replace(stage, freed=tuple(at for at, use in last.items() if use == number))
        for number, stage in enumerate(stages)
    )


def module_of(name: str, stages: Sequence[Stage], inputs: int) -> Module:
    """Return the class that runs the parts one after another, the numbers of its modules as arguments."""
    args: list[tuple[str, object]] = []
    options: list[tuple[str, object, object]] = []
    built: list[str] = []
    lines: list[str] = []
    names = [f"x{at}" for at in range(inputs)]
    for number, stage in enumerate(stages):
        part = stage.part
        taken = [names[at] for at in stage.taken]
        done = [names[at] for at in dict.fromkeys(stage.taken) if at in stage.freed]
        call = part.op.torch(*stage.inputs)
        if isinstance(call, Expression):
            text = call.template.replace("{all}", ", ".join(taken))
            for at, one in enumerate(taken):
                text = text.replace(f"{{{at}}}", one)
        elif isinstance(call, Module) and not call.source:
            key = part.name or f"part{number}"
            args += [(f"{key}_{arg}", value) for arg, value in call.args]
            options += [(f"{key}_{option}", value, default) for option, value, default in call.options]
            given_to = [f"{key}_{arg}" for arg, _value in call.args]
            given_to += [f"{option}={key}_{option}" for option, _value, _default in call.options]
            built.append(f"        self.{key} = nn.{call.target.removeprefix('torch.nn.')}({', '.join(given_to)})")
            text = f"self.{key}({', '.join(taken)})"
        else:
            raise TypeError(f"a part of {name}, {part.op.word}, has a class of its own, and cannot be a part")
        if number == len(stages) - 1:
            lines.append(f"        return {text}")
            break
        names.append(done[0] if done else f"x{len(names)}")  # so that a value is freed after its last use
        lines += [f"        {names[-1]} = {text}", *(f"        del {one}" for one in done[1:])]
    parameters = [*(arg for arg, _ in args), *(f"{option}={default!r}" for option, _, default in options)]
    source = "\n".join([
        "", f"class {name}(nn.Module):", f"    def __init__({', '.join(['self', *parameters])}):",
        "        super().__init__()", *built, "", f"    def forward({', '.join(['self', *names[:inputs]])}):", *lines,
        "",
    ])  # fmt: skip
    return Module(name, tuple(args), tuple(options), source)
