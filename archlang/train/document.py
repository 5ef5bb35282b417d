"""A page of headings, paragraphs, tables, code and pictures, written as Markdown or as one HTML file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from archlang.sheets import escaped


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: level 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: an SVG file beside the page, its bytes, and what it shows."""

    file: str
    svg: bytes
    told: str


Piece = Heading | Paragraph | Table | Code | Image

_STYLE = """
body { font: 16px/1.5 'Open Sans', sans-serif; color: #1f2933; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2 } img { max-width: 100% }
table { border-collapse: collapse; font-size: 0.9rem } th { text-align: left }
td, th { padding: 0.15rem 1rem 0.15rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top }
pre { background: #f5f7fa; padding: 1rem; overflow-x: auto; font-size: 0.85rem }
"""


def as_markdown(pieces: Sequence[Piece]) -> str:
    """Return the page as Markdown, whose pictures are files beside it."""
    return "\n\n".join(_markdown(piece) for piece in pieces) + "\n"


def _markdown(piece: Piece) -> str:
    match piece:
        case Heading(text, level):
            return f"{'#' * level} {escaped(text)}"
        case Paragraph(text):
            return escaped(text)
        case Table(headings, rows):
            lines = [headings, tuple("---" for _ in headings), *(tuple(map(escaped, row)) for row in rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Code(text):
            fence = "```"
            while fence in text:
                fence += "`"
            return f"{fence}text\n{text.rstrip()}\n{fence}"
        case Image(file, _, told):
            return f"![{escaped(told)}]({file})"


def as_html(pieces: Sequence[Piece]) -> str:
    """Return the page as one HTML file, which holds its pictures."""
    title = next((piece.text for piece in pieces if isinstance(piece, Heading)), "")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    body = "\n".join(_html(piece) for piece in pieces)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _html(piece: Piece) -> str:
    match piece:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Table(headings, rows):
            lines = [_cells("th", headings), *(_cells("td", row) for row in rows)]
            return f"<table>\n{chr(10).join(lines)}\n</table>"
        case Code(text):
            return f"<pre>{escape(text.rstrip())}</pre>"
        case Image(_, svg, told):
            return f'<img alt="{escape(told)}" src="data:image/svg+xml;base64,{b64encode(svg).decode()}">'


def _cells(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
