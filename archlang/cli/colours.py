"""Colour in the terminal: whether a stream gets it, and which colour each part of a text has.

Nothing else in archlang writes an escape sequence. A text is escaped before it is coloured, so that no spec can write
to the terminal. A library such as rich would take longer to import than `archlang check` takes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from archlang.cli.streams import beneath, escaped, is_terminal
from archlang.parts import Line, Part, Role, text_of

_CODES: Mapping[Role, str] = {
    "error": "1;31", "warning": "1;33", "note": "1;32", "strong": "1", "place": "1;34", "help": "1;36", "faint": "2",
}  # fmt: skip
_VIRTUAL_TERMINAL = 0x4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING


def has_colour(stream: TextIO | None) -> bool:
    """Return whether a stream gets colour.

    The variables NO_COLOR, which wins, and FORCE_COLOR decide if they are not empty; otherwise a terminal gets it.
    """
    if stream is None or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb" and _understands(stream)


def _understands(stream: TextIO) -> bool:
    """Return whether the terminal takes escape sequences: a console of Windows may have them switched off."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        mode, handle = ctypes.c_ulong(), ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        found = ctypes.windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode))
        return bool(found) and bool(mode.value & _VIRTUAL_TERMINAL)
    return True


def show(lines: Iterable[Line], stream: TextIO | None) -> None:
    """Print lines to a stream, in colour if it gets any; nothing if the shell closed it."""
    if stream is None:
        return
    if has_colour(stream):
        print("\n".join("".join(map(_painted, line)) for line in lines), file=beneath(stream))
    else:
        print(text_of(lines), file=stream)


def _painted(part: Part) -> str:
    """Return a part as escaped text between the sequences of its colour, which ends with each line."""
    role, text = part[0], escaped(part[1])
    if not role:
        return text
    return "\n".join(f"\x1b[{_CODES[role]}m{line}\x1b[0m" if line else "" for line in text.split("\n"))
