"""Diagnostics are data: one structure that is rendered for the terminal, written as JSON, or shown by an editor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from archlang.source import Source, Span

if TYPE_CHECKING:
    from archlang.parts import Line, Role

Severity = Literal["error", "warning", "note"]

MAX_ROW = 160  # characters of a source line that are shown


class Rejected(Exception):
    """An error without a place, raised where a mistake is found; the elaborator adds the place.

    `about` names the argument (or `input 1`, `size`) at fault, so that the caret can point to it.
    """

    def __init__(self, code: str, message: str, *, help: str | None = None, about: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.about = about


@dataclass(frozen=True, slots=True)
class Label:
    """A further place that explains the mistake, with a remark."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning: a kebab-case code, what is wrong, where, and what to write, if that can be computed."""

    code: str
    message: str
    span: Span
    labels: tuple[Label, ...] = ()
    help: str | None = None
    severity: Severity = "error"
    pointed: str = field(default="")  # the remark beside the caret of the primary span


def as_json(diagnostic: Diagnostic) -> dict[str, object]:
    """Return the diagnostic as plain JSON values. A span has file, line, column, end_line and end_column."""
    from dataclasses import asdict

    return asdict(diagnostic)


def render(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> str:
    """Return the diagnostic for a terminal: headline, place, source lines with carets, help."""
    from archlang.parts import text_of

    return text_of(lines_of(diagnostic, sources))


def lines_of(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> list[Line]:
    """Return the lines of the same text in parts: the headline, the margin and the carets have roles of their own."""
    span, severity = diagnostic.span, diagnostic.severity
    lines: list[Line] = [
        headline(severity, diagnostic.code, diagnostic.message),
        (("place", "  --> "), ("", f"{span.file}:{span.line}:{span.column}")),
    ]
    here = [Label(span, diagnostic.pointed), *(label for label in diagnostic.labels if label.span.file == span.file)]
    lines += _excerpt(here, sources.get(span.file), severity)
    for label in diagnostic.labels:
        if label.span.file != span.file:
            place = f"{label.span.file}:{label.span.line}:{label.span.column}: {label.text}"
            lines.append((("place", "  ::: "), ("", place)))
            lines += _excerpt([Label(label.span, "")], sources.get(label.span.file), "place")
    return [*lines, *help_lines(diagnostic.help)]


def all_lines(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> list[Line]:
    """Return the lines of several diagnostics, with an empty line between two."""
    found: list[Line] = []
    for diagnostic in diagnostics:
        found += [*([()] if found else []), *lines_of(diagnostic, sources)]
    return found


def headline(severity: Severity, code: str, message: str) -> Line:
    """Return the first line about a mistake: what it is called, and in words."""
    return (severity, f"{severity}[{code}]"), ("strong", f": {message}")


def help_lines(help: str | None) -> list[Line]:
    """Return the line that says what to write instead, if it is known."""
    return [(("help", "help"), ("", f": {help}"))] if help else []


def _excerpt(labels: Sequence[Label], source: Source | None, primary: Role) -> list[Line]:
    """Return the source lines of the labels, with carets and remarks below each. The first label is the primary one."""
    if source is None:
        return [(("place", "   = "), ("", label.text)) for label in labels if label.text]
    text = source.lines()
    width = len(str(max(label.span.line for label in labels)))
    bar = " " * (width + 1) + "|"
    out: list[Line] = [(("place", bar),)]
    previous = 0
    for label in sorted(labels, key=lambda label: (label.span.line, label is not labels[0])):
        line = label.span.line
        row = text[line - 1] if line <= len(text) else ""
        shown, carets = _clipped(row, label.span)
        if line != previous:
            if previous and line > previous + 1:
                out.append((("place", " " * width + "..."),))
            out.append((("place", f"{line:>{width}} |"), ("", f" {shown}".rstrip())))
        role = primary if label is labels[0] else "place"
        out.append((("place", bar), (role, f" {carets} {label.text}".rstrip())))
        previous = line
    return out


def _clipped(row: str, span: Span) -> tuple[str, str]:
    """Return a line as the terminal shows it, and carets for the span. A long line is cut around the span."""
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
    """Return a character as it is printed. A tab becomes one space; control characters become visible signs."""
    if character == "\t":
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes. Wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
