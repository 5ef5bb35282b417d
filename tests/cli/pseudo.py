"""A pseudo-terminal of a given width, in which a command runs within this process."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from contextlib import suppress
from threading import Thread

import pytest

from archlang.cli import main


def printed(monkeypatch: pytest.MonkeyPatch, *words: str, columns: int = 80, errors: bool = True) -> tuple[int, str]:
    """Return the exit status of a command, and what it writes to a terminal, with its messages if there are to be."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    found: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # Linux says so where the other end is closed
            while chunk := os.read(ours, 1 << 16):
                found.append(chunk)

    reader = Thread(target=read)
    reader.start()
    with monkeypatch.context() as patched, open(theirs, "w", encoding="utf-8") as stream:
        patched.delenv("COLUMNS", raising=False)
        for name in ("stdout", "__stdout__", *["stderr"] * errors):
            patched.setattr(sys, name, stream)
        status = main(list(words))
    reader.join()
    os.close(ours)
    return status, b"".join(found).decode().replace("\r\n", "\n")
