"""Diagnostics are data: one structure, rendered for the terminal, dumped as JSON, shown by editors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from archlang.source import Source, Span

Severity = Literal["error", "warning", "note"]

MAX_ROW = 160  # characters of a source line that are shown


class Rejected(Exception):
    """A leaf's refusal, without a place: the elaborator knows where and adds it.

    `about` names the argument (or `input 1`) that is the culprit, so that the caret can stand under its words.
    """

    def __init__(self, code: str, message: str, *, help: str | None = None, about: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.about = about


@dataclass(frozen=True, slots=True)
class Label:
    """A further place that belongs to the story, and what it adds to it."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake: a kebab-case code, what is wrong, where, and (where it can be computed) what to write."""

    code: str
    message: str
    span: Span
    labels: tuple[Label, ...] = ()
    help: str | None = None
    severity: Severity = "error"
    pointed: str = field(default="")  # words beside the caret of the primary span


def as_json(diagnostic: Diagnostic) -> dict[str, object]:
    """The diagnostic as plain JSON values; spans are objects of file, line, column, end_line, end_column."""
    from dataclasses import asdict

    return asdict(diagnostic)


def render(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> str:
    """The diagnostic for a terminal: headline, place, source lines with carets, help."""
    span = diagnostic.span
    lines = [
        f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}",
        f"  --> {span.file}:{span.line}:{span.column}",
    ]
    here = [Label(span, diagnostic.pointed), *(label for label in diagnostic.labels if label.span.file == span.file)]
    lines += _excerpt(here, sources.get(span.file))
    for label in diagnostic.labels:
        if label.span.file != span.file:
            lines.append(f"  ::: {label.span.file}:{label.span.line}:{label.span.column}: {label.text}")
            lines += _excerpt([Label(label.span, "")], sources.get(label.span.file))
    if diagnostic.help:
        lines.append(f"help: {diagnostic.help}")
    return "\n".join(lines)


def _excerpt(labels: Sequence[Label], source: Source | None) -> list[str]:
    """The lines that the labels are about, the first label being the primary one, with carets and words below each."""
    if source is None:
        return [f"   = {label.text}" for label in labels if label.text]
    text = source.lines()
    width = len(str(max(label.span.line for label in labels)))
    bar = " " * (width + 1) + "|"
    out = [bar]
    previous = 0
    for label in sorted(labels, key=lambda label: (label.span.line, label is not labels[0])):
        line = label.span.line
        row = text[line - 1] if line <= len(text) else ""
        shown, carets = _clipped(row, label.span)
        if line != previous:
            if previous and line > previous + 1:
                out.append(" " * width + "...")
            out.append(f"{line:>{width}} | {shown}".rstrip())
        out.append(f"{bar} {carets} {label.text}".rstrip())
        previous = line
    return out


def _clipped(row: str, span: Span) -> tuple[str, str]:
    """A row as the terminal shows it, and carets below the span; of a long row, the part around the span."""
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(row.rstrip())
    end = max(start + 1, end)
    first = 0 if end <= MAX_ROW else max(0, start - MAX_ROW // 4)
    before = ("..." if first else "") + "".join(map(_visible, row[first:start]))
    under = "".join(map(_visible, row[start:end][:MAX_ROW])) or " "
    after = "".join(map(_visible, row[end : first + MAX_ROW]))
    more = "..." if len(row) > max(first + MAX_ROW, end) or end - start > MAX_ROW else ""
    return before + under + after + more, " " * _cells(before) + "^" * _cells(under)


def _visible(character: str) -> str:
    """A character as it stands in a row: a tab is one space, and what would move the cursor is shown as a sign."""
    if character == "\t":
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
