"""Calls as text, laid out as a formatter would."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.lower.forward import WIDTH
from archlang.ops.tables import broken


@dataclass(frozen=True)
class Written:
    """A call to write: its name and arguments, some of which may be calls. A list is one in other `brackets`."""

    name: str
    arguments: tuple[str | Written, ...]
    brackets: str = "()"

    def __str__(self) -> str:
        return f"{self.name}{self.brackets[0]}{', '.join(map(str, self.arguments))}{self.brackets[1]}"


def laid_out(start: str, call: Written, end: str, comment: str = "") -> list[str]:
    """Return a call on one line, or broken as formatters break it: all arguments on one line, or each on its own."""
    line = f"{start}{call}{end}"
    if len(line) <= WIDTH:
        return [f"{line}  # {comment}" if comment and len(line) + len(comment) + 4 <= WIDTH else line]
    pad = " " * (len(start) - len(start.lstrip()))
    inner = f"{pad}    {', '.join(map(str, call.arguments))}"
    first, last = call.brackets[0], call.brackets[1]
    if len(inner) <= WIDTH and call.brackets == "()":
        return [f"{start}{call.name}{first}", inner, f"{pad}{last}{end}"]
    parts = [f"{start}{call.name}{first}"]
    for argument in call.arguments:
        parts += _argument(f"{pad}    ", argument)
    return [*parts, f"{pad}{last}{end}"]


def _argument(pad: str, argument: str | Written) -> list[str]:
    """Return the lines of an argument that stands alone."""
    if isinstance(argument, Written):
        return laid_out(pad, argument, ",")
    is_long = len(pad) + len(argument) + 1 > WIDTH and argument.startswith("torch.tensor([") and " for " in argument
    rows = broken(argument) if is_long else [argument]
    return [f"{pad}{row}" for row in [*rows[:-1], f"{rows[-1]},"]]
