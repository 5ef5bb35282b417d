"""`archlang ops`: all operators by family, or one of them with its arguments, its law and its examples."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option
from archlang.cli.tables import room_of, wide_option

if TYPE_CHECKING:
    from archlang.ops.base import Operator
    from archlang.sheets import Cell
    from archlang.why.examples import Argument

LEAST_BESIDE = 24  # letters of a text beside a name


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="an operator, by its name here or in another library (default: list all)",
    )
    parser.add_argument(
        "--check", metavar="FILE", help="check the operators of a Python file against torch; the file is executed"
    )
    format_option(parser)
    wide_option(parser)


def _check(file: str, format: str) -> int:
    """Check the operators of a file against all laws, and print the results. Returns 1 if one fails."""
    import os

    from archlang.packages import need

    need("torch", "operators are checked with")

    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler writes to standard error
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from archlang.laws.checking import check, lines
    from archlang.ops import register, registered, registry

    with registered([file]):
        found = [check(registry()[word]) for word in register(file)]
    if format == "json":
        import json

        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print("\n".join(line for one in found for line in lines(one)))
    return int(any(one.fails for one in found))


def _ops(arguments: argparse.Namespace) -> int:
    if arguments.check is not None:
        return _check(arguments.check, arguments.format)
    from archlang.ops import foreign_names, registry
    from archlang.why.wrapping import COLUMNS

    ops = registry()
    name = arguments.name
    if name is None:
        shown = [op for op in ops.values() if not op.declared]
    else:
        word = name if name in ops else foreign_names().get(name.lower())
        if word is None or ops[word].declared:
            raise _unknown(name)
        shown = [ops[word]]
        if word != name and arguments.format == "text":
            print(f"{name} is called {word} here.\n")
    if arguments.format == "json":
        import json

        rows = [_as_json(op) for op in shown]
        print(json.dumps(rows if name is None else rows[0], indent=2))
    else:
        room = min(COLUMNS, room_of(arguments) or COLUMNS)
        print("\n".join(_table(shown, room) if name is None else _page(shown[0], room)))
    return 0


def _unknown(name: str) -> Exception:
    from archlang.elaborate.vocabulary.suggest import did_you_mean
    from archlang.library import CallError
    from archlang.ops import registry

    if name in registry():
        return CallError(f"{name} is a statement, not an operator: `{name} NAME: SHAPE`")
    near = did_you_mean(name, list(registry()), operators=True)
    return CallError(f"there is no operator called {name}; {near or '`archlang ops` lists them all'}")


# ---- all of them


def _table(ops: list[type[Operator]], room: int) -> Iterator[str]:
    from archlang.why.examples import signature
    from archlang.why.notation import law_of
    from archlang.why.wrapping import folded

    signatures = {op: signature(op, named=False) for op in ops}
    width = max(map(len, signatures.values()))
    families: dict[str, list[type[Operator]]] = {}
    for op in ops:
        families.setdefault(op.__module__, []).append(op)
    for number, (module, members) in enumerate(families.items()):
        if number:
            yield ""
        yield from folded(_family(module), "", "", room)
        for op in members:
            yield from _told_of(signatures[op], law_of(op).summary, width, room)


def _told_of(name: str, text: str, width: int, room: int) -> list[str]:
    """Return a name and beside it a text, or the text below it where a line has no room for both."""
    from archlang.why.wrapping import folded

    if room - width - 4 < LEAST_BESIDE:
        return [*folded(name, "  ", "    ", room), *folded(text, "      ", "      ", room)]
    return folded(text, f"  {name:<{width}}  ", " " * (width + 4), room)


def _family(module: str) -> str:
    """Return the title of a family: the first line of its module's docstring."""
    return (sys.modules[module].__doc__ or module).partition("\n")[0].rstrip(".")


# ---- one


def _page(op: type[Operator], room: int) -> Iterator[str]:
    from archlang.why.examples import arguments, signature
    from archlang.why.notation import law_of
    from archlang.why.wrapping import folded

    law = law_of(op)
    yield from folded(signature(op), "", "  ", room)
    for paragraph in law.prose:
        yield from ("", *folded(paragraph, "", "", room))
    formulas = [law.axes] if law.axes else []
    for formula in law.formulas:
        condition = f" if {formula.condition}" if formula.condition else ""
        formulas.append(f"{formula.name} = {formula.text}{condition}")
    if formulas:
        yield ""
    for line in formulas:
        yield from folded(line, "  ", "      ", room)
    told = {argument.name: _told(argument) for argument in arguments(op)}
    yield from _listed("arguments", told, room)
    if op.elsewhere:
        yield ""
        yield from folded(f"other names: {', '.join(op.elsewhere)}", "", "  ", room)
    yield from _listed("not accepted, although PyTorch accepts it", op.stricter, room)
    if op.examples:
        yield ""
        yield from _example_lines(op, room)


def _listed(title: str, told: Mapping[str, str], room: int) -> Iterator[str]:
    """Yield a list of names with a text for each, under a title; nothing if there are no names."""
    if not told:
        return
    yield from ("", title)
    width = max(map(len, told))
    for name, text in told.items():
        yield from _told_of(name, text, width, room)


def _told(argument: Argument) -> str:
    """Return what an argument takes: `a whole number >= 0, a list of whole numbers >= 0 or `same`; default 0`."""
    *most, last = argument.accepts
    accepts = f"{', '.join(most)} or {last}" if most else last
    where = {None: "", "stride": "; written after a slash"}.get(argument.kind, "; written without its name")
    defaults = {None: "", "": "; optional"}
    return accepts + where + defaults.get(argument.default, f"; default {argument.default}")


def _example_lines(op: type[Operator], room: int) -> list[str]:
    """Return the table of the examples, without a rule below its headings; numbers in SI units where it is too wide."""
    from archlang.sheets import Sheet, aligned, shown
    from archlang.sheets.fitting import fitted
    from archlang.why.wrapping import COLUMNS

    sheet = Sheet(("example", "input", "output", "parameters", "MACs"), tuple(_examples(op)))
    if room < COLUMNS:
        sheet = fitted(sheet, room)
    rows = [tuple(map(shown, row)) for row in sheet.rows]
    return aligned([sheet.headings, *rows], [heading in ("parameters", "MACs") for heading in sheet.headings])


def _examples(op: type[Operator]) -> Iterator[tuple[Cell, ...]]:
    from archlang.why.examples import applied

    for example in op.examples:
        layer = applied(example)
        outputs = ", ".join(map(str, layer.output_types))
        params, macs = layer.op.params(*layer.input_types), layer.op.work(*layer.input_types).macs
        yield example.step, example.inputs, outputs, params, macs


def _as_json(op: type[Operator]) -> dict[str, object]:
    from archlang.why.examples import applied, arguments
    from archlang.why.notation import law_of

    examples: list[dict[str, object]] = []
    for example in op.examples:
        layer = applied(example)
        told: dict[str, object] = {
            "step": example.step,
            "inputs": [asdict(type) for type in layer.input_types],
            "outputs": [asdict(type) for type in layer.output_types],
            "params": layer.op.params(*layer.input_types),
            "macs": layer.op.work(*layer.input_types).macs,
        }
        examples.append(told)
    return {
        "word": op.word,
        "family": op.__module__.rpartition(".")[2],
        "arguments": [asdict(argument) for argument in arguments(op)],
        "law": asdict(law_of(op)),
        "join": op.join,
        "elsewhere": list(op.elsewhere),
        "stricter": dict(op.stricter),
        "examples": examples,
    }


OPS = Command("list the operators, or describe one of them", _ops, _options, spec="")
