"""Names, strings and numbers put into every place of a spec: `python -m tests.names --count 10000 --seed 7`.

Each text is refused with a located message, or every net of it gives a source with nothing that archlang does not
write, whose module runs and gives what its Graph says; a recipe gives a script of the same kind. Where a name alone
was changed, the module computes the same. One text in ten is in a file of a drawn name, which uses another such file.
A text follows from the seed and its number: `--show NUMBER` prints it.
"""

from __future__ import annotations

import ast
import os
import symtable
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import extract_tb

import torch

from archlang.compiler import CallError, check
from archlang.diagnostics import Diagnostic, render
from archlang.elaborate import check_declarations, elaborate, nets
from archlang.ir import Graph
from archlang.lower import module, torch_source
from archlang.parse import parse
from archlang.recipes import evaluated, misfits
from archlang.source import Source
from archlang.train.script import training_script
from tests.injected import TEXTS, USED, USING, drawn, places, plain, put
from tests.mutations import Choices
from tests.tallying import Tallied, command, tallied

IN_FILES = 10  # one of this many texts is in files
LARGEST = 2**22  # values of a net that is run; others are built on the meta device
# what archlang writes beside what the sources of the plain texts have: numbers below 0, and the arithmetic of tables
_MORE = {
    "Add",
    "Sub",
    "Mult",
    "Div",
    "FloorDiv",
    "Mod",
    "Pow",
    "UnaryOp",
    "USub",
    "Lambda",
    "List",
    "Tuple",
    "If",
    "Compare",
    "Raise",
    "BinOp",
    "Starred",
    "Subscript",
}
_BUILTINS = {"super", "range", "getattr", "isinstance", "ValueError", "min", "max", "abs", "round", "int"}


class Broken(Exception):
    """A text is neither refused with a message nor a net that works."""


# ---- one text


def injected(seed: int, number: int) -> tuple[str, str, bool]:
    """Return the text of that number, that which it was made from, and whether a name alone was changed."""
    choices = Choices(seed, number)
    text = choices.one(TEXTS)
    place = choices.one(places(text))
    return put(text, place, drawn(place[0], choices)), plain(text), place[0] == "name"


def outcome(seed: int, number: int) -> str:
    """Return `refused` or `works` for the text of that number, or what went wrong with it."""
    try:
        if number % IN_FILES == 0:
            found = _files(Choices(seed, number))
        else:
            text, before, is_name = injected(seed, number)
            found = _answered(text, before if is_name else "")
    except Broken as error:
        found = f"broken: {error}"
    except Exception as error:  # noqa: BLE001  to find those that nobody meant is what this is for
        frame = next(one for one in reversed(extract_tb(error.__traceback__)) if "site-packages" not in one.filename)
        found = f"{type(error).__name__} at {Path(frame.filename).name} in {frame.name}: {str(error)[:150]}"
    return "executed" if Path("executed").exists() else found


def _answered(text: str, before: str) -> str:
    source = Source("spec.arch", text)
    file, wrong = parse(source)
    wrong = [*wrong, *check_declarations(file)]
    graphs: list[Graph] = []
    for net in () if _refused(wrong, source) else nets(file):
        graph, more = elaborate(file, net.name)
        wrong += more
        graphs += [graph] if graph is not None else []
    if _refused(wrong, source) or not graphs:
        if not wrong:
            raise Broken("neither a Graph nor a message")
        return "refused"
    for graph in graphs:
        _works(graph)
    if before and [value.tolist() for value in _values(graphs[0])] != _of_plain(before):
        raise Broken("with another name it computes something else")
    for name in (name.text for name in file.recipes):
        found, wrong = evaluated(file, name, {})
        if found is None or _refused([*wrong, *misfits(found.recipe, found.graph)], source):
            _refused(wrong, source)
            return "refused"
        script, wrong = training_script(found.recipe, found.graph, f"spec.arch:{name}")
        if script:
            _clean(script, known_in_scripts())
        elif not _refused(wrong, source):
            raise Broken("neither a script nor a message")
    return "works"


def _files(choices: Choices) -> str:
    """Check a net in a file that uses another; the name of each file is drawn, where a system can have such a file."""
    place = choices.one(places(USING))
    given = drawn(place[0], choices)
    text, used = put(USING, place, given), put(USED, place, given)
    names = [given if place[0] == "string" else "used.arch", f"{drawn('string', choices)}.arch"]
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name.replace("/", "_") for name in names]
        try:
            for path, content in zip(paths, (used, text), strict=True):
                path.write_bytes(content.encode(errors="surrogateescape"))
        except (OSError, ValueError):
            return "refused"  # by the system
        try:
            checked = check(str(paths[1]))
        except CallError:
            return "refused"
        for graph in checked.graphs:
            _works(graph)
        if not checked.graphs and not (checked.diagnostics and all(checked.rendered())):
            raise Broken("neither a Graph nor a message")
        return "works" if checked.graphs else "refused"


def _refused(wrong: list[Diagnostic], source: Source) -> bool:
    """Return whether something is wrong. Each message is shown at a place in the text."""
    lines = source.lines()
    for one in wrong:
        if not render(one, {source.name: source}) or not 1 <= one.span.line <= len(lines):
            raise Broken(f"a message without a place: {one.message}")
    return any(one.severity == "error" for one in wrong)


# ---- what is emitted


def _works(graph: Graph) -> None:
    """Check the source of a net, and run its module if it is small."""
    source = torch_source(graph)
    _clean(source, known_in_sources())
    outputs = [graph.root.types[port.value] for port in graph.root.outputs]
    for value, type in zip(_values(graph), outputs, strict=True):
        if tuple(value.shape) != type.shape:
            raise Broken(f"an output is {tuple(value.shape)}, and the Graph says {type}")


def _values(graph: Graph) -> list[torch.Tensor]:
    """Return what a net computes of ones in evaluation, with the weights of one seed; on meta if it is large."""
    is_large = sum(type.values for block in graph.blocks for type in block.types) > LARGEST
    with torch.random.fork_rng(devices=[]), torch.device("meta" if is_large else "cpu"), torch.no_grad():
        torch.default_generator.manual_seed(0)
        net = module(graph).eval()
        given = [graph.root.types[port.value] for port in graph.root.inputs]
        inputs = [torch.ones(type.shape, dtype=getattr(torch, type.dtype)) for type in given]
        made = net(*inputs)
        return [made] if isinstance(made, torch.Tensor) else list(made)


@cache
def _of_plain(text: str) -> list[object]:
    file, _ = parse(Source("spec.arch", text))
    graph, _ = elaborate(file, nets(file)[0].name)
    assert graph is not None
    return [value.tolist() for value in _values(graph)]


def _clean(source: str, known: set[str]) -> None:
    """Raise Broken if a source does not parse, or has parts of a kind that archlang does not write."""
    try:
        found = parts(source)
    except (SyntaxError, ValueError) as error:
        raise Broken(f"the source does not parse: {error}") from None
    if found - known:
        raise Broken(f"foreign in a source: {', '.join(sorted(found - known))}")


def parts(source: str) -> set[str]:
    """Return the kinds of the nodes of a source, what it imports, names that it does not bind, and odd attributes."""
    top = symtable.symtable(source, "source", "exec")
    bound = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported()}
    found = {one.get_name() for table in _tables(top) for one in table.get_symbols() if one.is_global()} - bound
    for node in ast.walk(ast.parse(source)):
        found.add(type(node).__name__)
        match node:
            case ast.Import() | ast.ImportFrom():
                found.add(ast.unparse(node))
            case ast.Attribute(attr=name) if name.startswith("__"):
                found.add(f".{name}")
            case _:
                pass
    return found


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for inner in table.get_children():
        yield from _tables(inner)


@cache
def known_in_sources() -> set[str]:
    """Return the parts of the sources of plain texts, and what other values of their numbers bring in."""
    graphs = [graph for text in TEXTS for graph in _graphs(plain(text))]
    return set[str]().union(*(parts(torch_source(graph)) for graph in graphs)) | _MORE | _BUILTINS


@cache
def known_in_scripts() -> set[str]:
    """Return the parts of the scripts of the plain recipes, and those of the nets, which scripts hold."""
    found = known_in_sources()
    for text in TEXTS:
        file, _ = parse(Source("spec.arch", plain(text)))
        for name in file.recipes:
            made, wrong = evaluated(file, name.text, {})
            assert made is not None, wrong
            script, wrong = training_script(made.recipe, made.graph, f"spec.arch:{name.text}")
            assert script, wrong
            found = found | parts(script)
    return found


def _graphs(text: str) -> list[Graph]:
    file, wrong = parse(Source("spec.arch", text))
    found = [elaborate(file, net.name) for net in nets(file)]
    messages = [one.message for _, more in found for one in more if one.severity == "error"]
    assert not wrong and not messages, [*wrong, *messages]
    return [graph for graph, _ in found if graph is not None]


# ---- many texts


def failures(count: int, seed: int, first: int = 0) -> Tallied:
    """Return how often texts were refused and worked, and the first text of each failure."""
    before = Path.cwd()

    def tried(number: int) -> str:
        found = outcome(seed, number)
        if found == "executed":
            Path("executed").rmdir()
        return found

    with TemporaryDirectory(prefix="archlang-names-") as folder, warnings.catch_warnings(action="ignore"):
        os.chdir(folder)  # where a text that is executed leaves a folder
        try:
            return tallied(range(first, first + count), tried, ("refused", "works"))
        finally:
            os.chdir(before)


if __name__ == "__main__":
    sys.exit(command("tests.names", __doc__, 10_000, lambda seed, number: injected(seed, number)[0], failures))
