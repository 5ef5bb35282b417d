"""A net changed at random: archlang must answer it, valid or not."""

from __future__ import annotations

from zlib import crc32

from archlang.diagnostics import render
from archlang.elaborate import check_declarations, elaborate, nets
from archlang.lower import torch_source
from archlang.parse import parse
from archlang.source import Source
from tests.mutations import Choices, by_tokens, by_trees
from tests.parts import Spec, taken_apart


def changed(text: str) -> str:
    """Return the text with tokens, statements or arguments replaced, left out, doubled or swapped."""
    spec: Spec = taken_apart("spec.arch", text)
    choices = Choices(crc32(text.encode()), 0)
    return choices.one((by_trees, by_trees, by_tokens))(spec, choices).decode()


def answered(text: str) -> None:
    """Check a text, show each of its diagnostics, and lower each net that has none."""
    source = Source("spec.arch", text)
    file, wrong = parse(source)
    wrong += check_declarations(file)
    for net in nets(file):
        graph, more = elaborate(file, net.name) if net.complete else (None, [])
        wrong += more
        if graph is not None and not wrong:
            compile(torch_source(graph), "<changed>", "exec")
    for diagnostic in wrong:
        render(diagnostic, {"spec.arch": source})
