"""The parts of an operator that is composed of others, and the class that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archlang.ops.answers import Expression, Module
from archlang.ops.base import Operator
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Part:
    """An operator of a composition, and which values it takes: the inputs are the first, then the parts' results.

    `name` is the name of its module if it has weights, and of its result if that is saved. A result
    is `held` if a variable in torch's code holds it until the last part has run.
    """

    op: Operator
    inputs: tuple[int, ...]
    name: str = ""
    held: bool = False


def module_of(name: str, steps: Sequence[tuple[Part, list[TensorType], tuple[TensorType, ...]]], inputs: int) -> Module:
    """Return the class that runs the parts one after another, the numbers of its modules as arguments."""
    args: list[tuple[str, object]] = []
    options: list[tuple[str, object, object]] = []
    built: list[str] = []
    lines: list[str] = []
    names = [f"x{at}" for at in range(inputs)]
    last_use = {at: number for number, (part, *_rest) in enumerate(steps) for at in part.inputs}
    for number, (part, given, _outputs) in enumerate(steps):
        taken = [names[at] for at in part.inputs]
        done = [names[at] for at in dict.fromkeys(part.inputs) if at >= inputs and last_use[at] == number]
        call = part.op.torch(*given)
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
        if number == len(steps) - 1:
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
