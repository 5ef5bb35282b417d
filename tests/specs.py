"""Spec texts in tests: the Graph of a text, what is wrong with a text, and the layers of a net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archlang.compiler import check
from archlang.diagnostics import Diagnostic, render
from archlang.elaborate import check_declarations, elaborate, nets
from archlang.ir import Graph
from archlang.parse import parse, parse_value
from archlang.source import Source
from archlang.syntax import Expression


def graph_of(text: str, name: str | None = None, **settings: str) -> Graph:
    """Return the Graph of a net, the last one where none is named; the text must be right."""
    source = Source("spec.arch", text)
    file, diagnostics = parse(source)
    graph, found = elaborate(file, name or nets(file)[-1].name, expressions(settings))
    assert graph is not None and not diagnostics, [render(d, {source.name: source}) for d in diagnostics + found]
    return graph


def first_graphs(path: Path, count: int, root: Path | None = None) -> list[Graph]:
    """Return the Graphs, at their default sizes, of the first nets of a file that need no arguments."""
    met: list[str] = []

    def is_wanted(name: str) -> bool:
        met.append(name)
        return len(met) <= count

    checked = check(str(path), root=root, counts_alone=True, wanted=is_wanted)
    assert checked.graphs and not checked.diagnostics, checked.report()
    return checked.graphs


def expressions(settings: Mapping[str, str]) -> dict[str, Expression]:
    """Return settings as the command line gives them."""
    parsed: dict[str, Expression] = {}
    for word, text in settings.items():
        value, diagnostics = parse_value(text)
        assert value is not None, diagnostics
        parsed[word] = value
    return parsed


def net_of(body: str, input: str = "3x32x32", before: str = "", parameters: str = "") -> str:
    """Return a net around some lines: `image` flows into the first of them, and the last one's value is the output."""
    return f"{before}\nnet tried({parameters}) {{\n  input image: {input}\n{body}\n  output\n}}\n"


def layers(body: str, input: str = "3x32x32", before: str = "", parameters: str = "") -> list[str]:
    """Return the layers of a net around some lines, as `path operator output`; a join's path is that of its scope."""
    graph = graph_of(net_of(body, input, before, parameters))
    return [f"{layer.path} {layer.op.word} {layer.output_types[0]}".strip() for layer in graph.flat()]


def wrong(text: str) -> list[Diagnostic]:
    """Return what is wrong with a file: in its form, its declarations, and its nets."""
    file, found = parse(Source("spec.arch", text))
    found = found + check_declarations(file)
    for net in nets(file):
        if net.complete:
            found += elaborate(file, net.name)[1]
    told: dict[object, Diagnostic] = {}
    for diagnostic in found:
        told.setdefault((diagnostic.code, diagnostic.span), diagnostic)
    return list(told.values())


def words_at(text: str, diagnostic: Diagnostic) -> str:
    """Return the words under the carets of a diagnostic, on its first line."""
    span = diagnostic.span
    row = Source("spec.arch", text).lines()[span.line - 1]
    return row[span.column - 1 : span.end_column - 1 if span.end_line == span.line else len(row)]
