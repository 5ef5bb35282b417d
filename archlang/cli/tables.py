"""Tables as commands print them: they fit the terminal, unless `--wide` or a pipe asks for all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlang.cli.output import terminal_width

if TYPE_CHECKING:
    from archlang.parts import Line
    from archlang.sheets import Sheet


def wide_option(parser: argparse.ArgumentParser) -> None:
    """Add `--wide`, which shows all of a table."""
    parser.add_argument("--wide", action="store_true", help="show everything in full, however wide the terminal is")


def room_of(arguments: argparse.Namespace) -> int | None:
    """Return how many letters of a line there is room for; None if there is no limit."""
    return None if arguments.wide else terminal_width()


def show_sheet(sheet: Sheet, room: int | None, giving_way: Sequence[int] = ()) -> None:
    """Print a table to standard output, without the empty lines around it. Columns go in the order of `giving_way`."""
    from archlang.sheets import lines_of

    if room is not None:
        from archlang.sheets.fitting import fitted

        sheet = fitted(sheet, room, giving_way)
    show_lines(lines_of(sheet))


def show_lines(lines: Sequence[Line]) -> None:
    """Print lines to standard output, without the empty ones around them."""
    from archlang.cli.colours import show
    from archlang.parts import text_of

    full = [at for at, line in enumerate(lines) if text_of([line])]
    show(lines[full[0] : full[-1] + 1] if full else (), sys.stdout)


def show_texts(texts: Sequence[str], room: int | None) -> None:
    """Print lines of words, each on as many lines as it needs."""
    from textwrap import wrap

    for text in texts:
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        print("\n".join(wrap(text, room, subsequent_indent=indent, break_on_hyphens=False)) if room and text else text)
