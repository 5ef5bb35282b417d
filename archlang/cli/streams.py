"""Makes what commands print safe to show, and turns a fault of archlang into one line.

A string, a label or a key of a checkpoint may hold escape sequences of terminals, and a console may lack a character.
"""

from __future__ import annotations

import io
import os
import sys
import sysconfig
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any, TextIO, cast

_HOME = Path(__file__).parents[1]
FAULT = 70  # EX_SOFTWARE of sysexits.h
DEBUG = "ARCHLANG_DEBUG"
_KEPT = "\t\n\r"
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # these write text from right to left
_CONTROLS = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *_TURNING)
    if chr(code) not in _KEPT
}


def escaped(text: str) -> str:
    """Return a text with its control characters written as escapes: `\\x1b`."""
    return text.translate(_CONTROLS)


class _Escaping:
    """A text stream that writes control characters as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(escaped(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def beneath(self) -> TextIO:
        """The stream itself, for text that is escaped already."""
        return self._stream


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; it is None if the shell closed it."""
    return stream is not None and stream.isatty()


def beneath(stream: TextIO) -> TextIO:
    """Return the stream that writes what it gets, for text that is escaped already."""
    return stream.beneath if isinstance(stream, _Escaping) else stream


@contextmanager
def safe_streams() -> Generator[None, None, None]:
    """Escape what is printed to a terminal or as an error, and write characters that a stream lacks as escapes.

    Standard output that is no terminal gets what is printed unchanged, since `fmt` and `build` print files.
    """
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    out, err = before
    # a stream is None if the shell closed it
    if out is not None and out.isatty():  # pyright: ignore[reportUnnecessaryComparison]
        sys.stdout = cast("TextIO", _Escaping(out))
    if err is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = cast("TextIO", _Escaping(err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def told(error: Exception) -> str:
    """Return one line about an exception that nobody meant: what it is, where, and what to report."""
    if isinstance(error, MemoryError):
        return "the machine has no more memory for this"
    frames = [frame for frame in extract_tb(error.__traceback__) if not _is_installed(frame.filename)]
    path, line = (Path(frames[-1].filename), frames[-1].lineno) if frames else (_HOME, 0)
    said = " ".join(str(error).split())[:200]
    what = f"{type(error).__name__} at {path.name}:{line}{': ' + said if said else ''}"
    if not path.is_relative_to(_HOME):  # a file of the user's own, such as that of `--operators`
        return f"the code in {path} failed: {what} ({DEBUG}=1 shows more)"
    return f"a fault of archlang, {what}; please report it with this command and its files ({DEBUG}=1 shows more)"


def _is_installed(path: str) -> bool:
    """Return whether a file belongs to Python or to another package than archlang."""
    is_python = path.startswith(("<", sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")))
    return is_python and not Path(path).is_relative_to(_HOME)


def shows_tracebacks() -> bool:
    """Return whether the user asked for tracebacks."""
    return bool(os.environ.get(DEBUG))
