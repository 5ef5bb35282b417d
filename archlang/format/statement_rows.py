"""Writes statements in canonical layout: where rows end, and how far they are indented.

What was written on one row and fits stays there. A chain that does not fit is continued below, beginning with an
arrow. Braces that do not fit are opened, then brackets, the widest first.
"""

from __future__ import annotations

from collections.abc import Iterator

from archlang.format.bracket_rows import write_brackets
from archlang.format.nesting import Braces, Stretch, first, last
from archlang.format.page import INDENT, Page


def write_lines(page: Page, lines: tuple[Stretch, ...], indent: int) -> None:
    """Write statements below each other. Those of a branch stand behind its bar."""
    inner, top = indent, len(page.rows)
    for line in lines:
        word = first(line.pieces[0])
        barred = word.kind == "VBAR"
        inner = indent + INDENT if barred else inner
        start = indent if barred else inner
        page.comments(word.above, start, top)
        page.blank(word.blank, top)
        page.row(start, "| " if barred else "")
        _statement(page, line.part(1, len(line.pieces)) if barred else line, inner)


def _statement(page: Page, line: Stretch, indent: int) -> None:
    """Write a chain on the current row. A line end before an arrow is kept."""
    row, open_ = indent, False
    for link in _links(line):
        arrow = first(link.pieces[0])
        if arrow.kind == "ARROW":
            step = link.part(1, len(link.pieces))
            if page.ended or arrow.above or (arrow.breaks and not open_) or _goes_below(page, step, indent):
                page.comments(arrow.above, indent + INDENT)
                row = indent + INDENT
                page.row(row, "-> ")
            else:
                page.add(" -> ")
            link = step
        open_ = _step(page, link, row)


def _links(line: Stretch) -> Iterator[Stretch]:
    """Return the steps of a chain, each with the arrow before it."""
    starts = [at for at, piece in enumerate(line.pieces) if at and first(piece).kind == "ARROW"]
    for start, end in zip([0, *starts], [*starts, len(line.pieces)], strict=True):
        yield line.part(start, end)


def _goes_below(page: Page, step: Stretch, indent: int) -> bool:
    """Return whether a step needs a row of its own, because it does not fit behind the arrow on this row."""
    arrow = len(" -> ")
    if step.flat is not None and page.fits(arrow + len(step.flat)):
        return False
    below = Page([" " * (indent + INDENT)])
    if step.flat is not None and below.fits(len("-> ") + len(step.flat)):
        return True
    braces = next((at for at, piece in enumerate(step.pieces) if isinstance(piece, Braces)), None)
    if braces is None:
        return True
    head = step.part(0, braces).flat
    return head is None or not page.fits(arrow + len(head) + len(" {"))


def _step(page: Page, step: Stretch, row: int) -> bool:
    """Write a step without its arrow. Return whether it ends in opened braces."""
    start = 0
    open_ = False
    for end in _ends(step):
        if start and (page.ended or first(step.pieces[start]).above):
            page.comments(first(step.pieces[start]).above, row)
            page.row(row)
        elif start and step.gaps[start]:
            page.add(" ")
        open_ = _stretch(page, step.part(start, end), row)
        page.beside(last(step.pieces[end - 1]).beside)
        start = end
    return open_


def _ends(step: Stretch) -> Iterator[int]:
    """Return where a step is split: after open braces, and at comments."""
    for at, piece in enumerate(step.pieces):
        ahead = step.pieces[at + 1 : at + 2]
        is_open = isinstance(piece, Braces) and piece.flat is None
        if is_open or not ahead or last(piece).beside or first(ahead[0]).above:
            yield at + 1


def _stretch(page: Page, run: Stretch, row: int) -> bool:
    """Write pieces of which only the last may be open braces. Return whether it ends in opened braces."""
    if run.flat is not None and page.fits(len(run.flat)):
        page.add(run.flat)
        return False
    final = run.pieces[-1]
    is_open = isinstance(final, Braces) and final.flat is None
    head = run.part(0, len(run.pieces) - is_open)
    if is_open and head.flat is not None and page.fits(len(head.flat) + len(" {")):
        page.add(head.flat)
        _open(page, run, row)
        return True
    start = 0
    for at in [*(at for at, piece in enumerate(run.pieces) if isinstance(piece, Braces)), len(run.pieces)]:
        part = run.part(start, at)
        page.add(" " if start and part.pieces and run.gaps[start] else "")
        write_brackets(page, part, row, 0 if at == len(run.pieces) else len(" {"))
        if at < len(run.pieces):
            _open(page, run.part(start, at + 1), row)
        start = at + 1
    return isinstance(final, Braces)


def _open(page: Page, run: Stretch, row: int) -> None:
    """Write the braces at the end of a stretch, opened."""
    braces = run.pieces[-1]
    assert isinstance(braces, Braces)
    page.add(" {" if len(run.pieces) > 1 else "{")
    page.beside(braces.opener.beside)
    top = len(page.rows)
    write_lines(page, braces.lines, row + INDENT)
    page.comments(braces.closer.above, row + INDENT, top)
    page.row(row, "}")
