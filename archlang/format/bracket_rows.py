"""Writes round and square brackets: on one row if they fit, else one item a row, or as many single words as fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archlang.format.commented_words import Comment, Word
from archlang.format.nesting import Bracket, Stretch, first, last
from archlang.format.page import INDENT, WIDTH, Page

MOST_OPENED = 3  # brackets that are opened in one row that is too long


@dataclass(frozen=True, slots=True)
class Item:
    """What stands between two commas, the comments above it, and the comment beside it."""

    run: Stretch
    above: tuple[Comment, ...]
    beside: str


def write_brackets(page: Page, run: Stretch, row: int, after: int = 0) -> None:
    """Write pieces, opening only the brackets that must be. `after` characters follow on the last row."""
    chosen = _opened(page, run, row, after)
    for at, (piece, gap) in enumerate(zip(run.pieces, run.gaps, strict=True)):
        page.add(" " if at and gap else "")
        if isinstance(piece, Bracket) and at in chosen:
            _write(page, piece, row)
        else:
            page.add(run.text_of(at))


def _opened(page: Page, run: Stretch, row: int, after: int) -> set[int]:
    """Choose the brackets to open: those with comments, then the widest, as few as needed."""
    widths = {
        at: len(piece.flat) if piece.flat is not None else 0
        for at, piece in enumerate(run.pieces)
        if isinstance(piece, Bracket) and (piece.inside.pieces or piece.flat is None)
    }
    best = chosen = {at for at, width in widths.items() if not width}
    least = _longest(page, run, row, after, chosen)
    for at in sorted((at for at, width in widths.items() if width), key=lambda at: -widths[at])[:MOST_OPENED]:
        if least <= WIDTH:
            break
        chosen = chosen | {at}
        longest = _longest(page, run, row, after, chosen)
        if longest < least:
            best, least = chosen, longest
    return best


def _longest(page: Page, run: Stretch, row: int, after: int, chosen: set[int]) -> int:
    """Return the length of the longest row around the chosen brackets once they are opened."""
    longest, length = 0, len(page.rows[-1])
    for at, (piece, gap) in enumerate(zip(run.pieces, run.gaps, strict=True)):
        length += int(gap and at > 0)
        if at in chosen:
            longest = max(longest, length + len(first(piece).text))
            length = row + len(last(piece).text)
        else:
            length += len(run.text_of(at))
    return max(longest, length + after)


def _write(page: Page, bracket: Bracket, row: int) -> None:
    """Write an opened bracket: its first word ends a row, its last word begins one."""
    page.add(bracket.opener.text)
    page.beside(bracket.opener.beside)
    items = list(_items(bracket.inside))
    if any(item.above or item.beside or not _is_word(item.run) for item in items):
        for item in items:
            is_last = item is items[-1]
            page.comments(item.above, row + INDENT)
            page.row(row + INDENT)
            write_brackets(page, item.run, row + INDENT, 0 if is_last else 1)
            page.add("" if is_last else ",")
            page.beside(item.beside)
    else:
        _fill(page, [item.run.text_of(0) for item in items], row + INDENT)
    page.comments(bracket.closer.above, row + INDENT)
    page.row(row, bracket.closer.text)


def _fill(page: Page, words: list[str], indent: int) -> None:
    for at, word in enumerate(words):
        text = word if at == len(words) - 1 else f"{word},"
        if at and page.fits(len(text) + 1):
            page.add(f" {text}")
        else:
            page.row(indent, text)


def _is_word(run: Stretch) -> bool:
    return len(run.pieces) == 1 and isinstance(run.pieces[0], Word)


def _items(inside: Stretch) -> Iterator[Item]:
    """Split at the commas. Of the comments inside an item and at its comma, the last one goes beside it."""
    start = 0
    commas = [at for at, piece in enumerate(inside.pieces) if first(piece).kind == "COMMA"]
    for comma in [*commas, len(inside.pieces)]:
        pieces, item = inside.pieces[start : comma + 1], inside.part(start, comma)
        start = comma + 1
        if not item.pieces:
            continue
        above = [*first(pieces[0]).above]
        within = [Comment(last(pieces[0]).beside)]
        for piece in pieces[1:]:
            within += [*first(piece).above, Comment(last(piece).beside)]
        within = [comment for comment in within if comment.text]
        yield Item(item.bare(), (*above, *within[:-1]), within[-1].text if within else "")
