"""Parses text to a syntax tree. Every mistake becomes a diagnostic, and parsing continues after it."""

from __future__ import annotations

from typing import cast

from lark import Token, UnexpectedToken

from archlang.collector import paused
from archlang.diagnostics import Diagnostic
from archlang.limits import limits
from archlang.parse.brackets import Chunk
from archlang.parse.layout import Layout, lay_out
from archlang.parse.machine import Begin, beginning, lex
from archlang.parse.trail import Trail
from archlang.source import Source, Span
from archlang.syntax import Declaration, Expression, File, Let

SETTINGS = "--set"  # the file name in the places of a setting from the command line
MAX_ERRORS = 20  # in one declaration


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """Return the syntax tree of a file, and its diagnostics in the order of the lines."""
    return parse_laid_out(source, laid_out(source))


@paused()
def parse_laid_out(source: Source, layout: Layout) -> tuple[File, list[Diagnostic]]:
    """Return the syntax tree of a file whose words are laid out, and its diagnostics in the order of the lines."""
    diagnostics = layout.diagnostics
    begin = beginning(source.name)
    declarations: list[Declaration] = []
    broken: set[str] = set()
    for chunk in layout.chunks:
        if len(diagnostics) >= limits().mistakes:
            break
        tree = _declaration(begin, source, chunk, broken, diagnostics)
        if tree is not None:
            declarations.append(tree)
        elif len(chunk.tokens) > 1:
            broken.add(str(chunk.tokens[1]))
    if not declarations and not diagnostics:
        start = Span(source.name, 1, 1, 1, 2)
        help = "a file begins like `net lenet5(classes=10) {`"
        diagnostics.append(Diagnostic("empty-file", "this file declares nothing", start, help=help))
    diagnostics.sort(key=lambda diagnostic: (diagnostic.span.line, diagnostic.span.column))
    words = sum(len(chunk.tokens) for chunk in layout.chunks)
    return File(source.name, tuple(declarations), tuple(layout.comments), frozenset(broken), words), diagnostics


@paused()
def laid_out(source: Source) -> Layout:
    """Return the words of a file, split into declarations as the parser reads them, with its comments."""
    return lay_out(source.name, lex, source.text)


def parse_value(text: str) -> tuple[Expression | None, list[Diagnostic]]:
    """Parse a single expression, as in `--set depth=4` on the command line."""
    file, diagnostics = parse(Source(SETTINGS, f"let value = {text}"))
    match file.declarations:
        case (Let(value=value),) if not diagnostics:
            return value, []
        case _:
            return None, diagnostics


def _declaration(
    begin: Begin, source: Source, chunk: Chunk, broken: set[str], diagnostics: list[Diagnostic]
) -> Declaration | None:
    """Parse one declaration. Lines that do not parse become `Broken`. None if the declaration cannot be read at all."""
    if not chunk.tokens or not chunk.sound:
        return None
    last = chunk.tokens[-1]
    end = Token("$END", "", last.end_pos, last.end_line, last.end_column, last.end_line, last.end_column)
    tokens = [*chunk.tokens, end]
    tree = _tree(begin, tokens)
    if tree is not None:
        return tree
    trail = Trail(tokens)
    for _ in range(MAX_ERRORS):
        at = trail.stop()
        if at is None:
            return _tree(begin, trail.tokens)
        repaired = _repaired(trail, at, source, broken, diagnostics)
        if repaired is None:
            return None
        trail.replace(repaired)
    return None


def _tree(begin: Begin, tokens: list[Token]) -> Declaration | None:
    """Feed tokens to the parser. Return their tree, or None if one is not allowed."""
    feed, result = begin().feed_token, None
    try:
        for token in tokens:
            result = feed(token)
    except UnexpectedToken:
        return None
    return cast(Declaration, result)


def _repaired(
    trail: Trail, at: int, source: Source, broken: set[str], diagnostics: list[Diagnostic]
) -> list[Token] | None:
    """Return the tokens without the wrong line, and report the mistake unless it is already reported."""
    from archlang.parse.recover import repaired, without_line
    from archlang.parse.stop import Stop

    tokens = trail.tokens
    told = any(token.type == "BROKEN" for token in tokens[max(at - 1, 0) : at + 1])
    if told or (tokens[at].type == "TRAIN" and str(tokens[at]) in broken):
        return without_line(tokens, at)
    repair = repaired(Stop(source.name, source.text, tokens, at, trail.expected(at)))
    diagnostics.append(repair.diagnostic)
    return repair.tokens
