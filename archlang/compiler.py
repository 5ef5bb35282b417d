"""The whole pipeline on one screen: find a spec, read it, check it, and hand its Graph to whoever needs it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from archlang.diagnostics import Diagnostic, render
from archlang.elaborate import NetName, check_declarations, elaborate, nets
from archlang.ir import Graph
from archlang.parse import SETTINGS, parse, parse_value
from archlang.paths import SPECS
from archlang.promises import verify
from archlang.source import Source, Span
from archlang.syntax import Expression

if TYPE_CHECKING:
    from torch import nn

    from archlang.report import Report

MAX_BYTES = 16 * 2**20  # of a spec's text


class CallError(Exception):
    """The call is wrong, not the spec: no such file, no such net, a setting that no parameter takes."""


class SpecError(Exception):
    """The spec is wrong. Its text is what the terminal shows; `diagnostics` holds the same as data."""

    def __init__(self, checked: Checked) -> None:
        super().__init__("\n\n".join(checked.rendered()))
        self.diagnostics = checked.diagnostics


@dataclass
class Checked:
    """What checking a spec gives: the Graphs of the nets asked for, and all that is wrong."""

    source: Source
    graphs: list[Graph] = field(default_factory=list[Graph])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def rendered(self) -> list[str]:
        return [render(diagnostic, {self.source.name: self.source}) for diagnostic in self.diagnostics]


@dataclass(frozen=True)
class Net:
    """A checked net and what can be made of it."""

    graph: Graph

    def report(self, batch: int = 1, dtype: str | None = None) -> Report:
        """Parameters, work and activations, layer by layer, with totals."""
        from archlang.report import report

        return report(self.graph, batch, dtype)

    def render(self, format: str = "svg") -> bytes:
        """A picture as svg, png, pdf or dot."""
        from archlang.render import picture

        return picture(self.graph, format)

    def source(self) -> str:
        """The PyTorch source."""
        from archlang.lower import torch_source

        return torch_source(self.graph)

    def module(self, seed: int | None = None) -> nn.Module:
        """The PyTorch module, made by executing that very source; `seed` is of its random weights."""
        from archlang.lower import module

        return module(self.graph, seed)


def load(spec: str, **params: object) -> Net:
    """The net of a spec: a path, `path:net`, or the name of a shipped net. `params` replace its parameters.

    Raises SpecError where the spec is wrong and CallError where the call is.
    """
    settings = {name: setting(name, _written(name, value)) for name, value in params.items()}
    checked = check(spec, settings, only=True)
    if checked.diagnostics:
        raise SpecError(checked)
    return Net(checked.graphs[0])


def _written(name: str, value: object) -> str:
    """A Python value as the language writes it."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | str():
            return str(value)
        case list() | tuple():
            items = cast(Sequence[object], value)
            return f"[{', '.join(_written(name, item) for item in items)}]"
        case _:
            raise CallError(f"{name} is a {type(value).__name__}; a parameter is a number, bool, name or list")


def setting(name: str, text: str) -> Expression:
    """The value of a parameter as an expression of the language."""
    value, diagnostics = parse_value(text)
    if value is None:
        raise CallError(f"`{name}={text}`: {diagnostics[0].message if diagnostics else 'is no value'}")
    return value


def check(spec: str, settings: Mapping[str, Expression] | None = None, only: bool = False) -> Checked:
    """Read a spec, elaborate its nets and verify their promises; `only` asks for exactly one net."""
    source, wanted = find(spec)
    file, diagnostics = parse(source)
    checked = Checked(source, diagnostics=diagnostics)
    if wanted in file.broken:  # what is wrong with it is told already
        return checked
    names = _chosen(spec, nets(file, settings or ()), wanted, only and not diagnostics)
    _add(checked, check_declarations(file))
    for name in names:
        graph, found = elaborate(file, name, settings)
        wrong = next((d for d in found if d.span.file == SETTINGS), None)
        if wrong is not None:
            raise CallError(f"--set: {wrong.message}" + (f"; {wrong.help}" if wrong.help else ""))
        _add(checked, found)
        if graph is not None:
            _add(checked, verify(graph))
            checked.graphs.append(graph)
    if not names and not checked.diagnostics and wanted is None:
        start = Span(source.name, 1, 1, 1, 2)
        help = "give the parameters of a net defaults, or derive one: `net a = b depth=2`"
        _add(checked, [Diagnostic("no-net", "this file holds no net that can be built as it is", start, help=help)])
    return checked


def _add(checked: Checked, found: list[Diagnostic]) -> None:
    """Several nets of a file may meet the same mistake; it is told once."""
    checked.diagnostics += [diagnostic for diagnostic in found if diagnostic not in checked.diagnostics]


def _chosen(spec: str, found: list[NetName], wanted: str | None, only: bool) -> list[str]:
    """The nets to build: the one that is wanted, or all that are complete."""
    if wanted is not None:
        if wanted not in [net.name for net in found]:
            listed = ", ".join(net.name for net in found)
            raise CallError(f"{spec}: there is no net `{wanted}` in this file; it has {listed or 'none'}")
        return [wanted]
    names = [net.name for net in found if net.complete]
    if only and len(names) > 1:
        raise CallError(f"{spec} holds several nets: name one, as in `{spec}:{names[0]}`; it has {', '.join(names)}")
    return names


# ---- finding a spec


def find(spec: str) -> tuple[Source, str | None]:
    """The text that a SPEC names, and the net in it where one is named."""
    if spec == "-":
        return Source("<stdin>", _decoded("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1))), None
    path, _, net = spec.rpartition(":") if re.search(r":\w+$", spec) else (spec, "", "")
    if Path(spec).is_file():
        path, net = spec, ""
    if Path(path).is_file():
        with Path(path).open("rb") as file:
            return Source(path, _decoded(path, file.read(MAX_BYTES + 1))), net or None
    if re.fullmatch(r"\w+", spec):
        return _shipped(spec)
    raise CallError(f"there is no file {path}")


def _shipped(name: str) -> tuple[Source, str]:
    for path, names in shipped_nets():
        if name in names:
            return Source(path.name, path.read_text(encoding="utf-8")), name
    from difflib import get_close_matches

    near = get_close_matches(name, [net for _, names in shipped_nets() for net in names], 1)
    hint = f"; did you mean {near[0]}?" if near else "; a path ends in .arch"
    raise CallError(f"there is no file and no shipped net called {name}{hint}")


def shipped_nets() -> Iterator[tuple[Path, list[str]]]:
    """The files of the shipped specs and the nets that each declares."""
    for path in sorted(SPECS.rglob("*.arch")):
        yield path, re.findall(r"^net (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def _decoded(name: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise CallError(f"{name} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CallError(f"{name} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None
