"""Writes files that are complete or do not exist, and finds free names."""

from __future__ import annotations

import os
from contextlib import ExitStack
from errno import EISDIR
from itertools import count
from pathlib import Path
from tempfile import mkstemp

UNFINISHED = (".archlang-", ".tmp")  # how the temporary name of a file begins and ends


def write_whole(path: str | Path, data: bytes | str) -> None:
    """Write `data` to `path`, replacing an existing file. Text is written as UTF-8; its line ends stay unchanged.

    The bytes go to a temporary name in the same directory, which is then renamed. So a reader, or a machine that stops
    midway, finds either the old file or the new one. A link is followed, and a replaced file keeps its mode.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    content = data.encode() if isinstance(data, str) else data
    if target.exists() and not target.is_file():  # a device or a pipe, such as /dev/stdout, cannot be renamed over
        target.write_bytes(content)
        return
    try:
        _write_and_rename(content, target)
    except OSError as error:  # the error names the temporary file, which the caller does not know, or no file at all
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_and_rename(content: bytes, target: Path) -> None:
    handle, name = mkstemp(dir=target.parent, prefix=UNFINISHED[0], suffix=UNFINISHED[1])
    with ExitStack() as stack:
        stack.callback(os.unlink, name)
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)  # else a crash of the machine can leave the name with no content
        os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        os.replace(name, target)
        stack.pop_all()  # the file has its final name


def write_fresh(path: str | Path, data: bytes | str) -> Path:
    """Write `data` to `path`, or to the next free name like it. Returns the path written; no file is replaced."""
    while True:
        chosen = fresh_path(path)
        try:
            chosen.touch(exist_ok=False)  # reserves the name: of two programs only one succeeds
        except FileExistsError:
            continue
        with ExitStack() as stack:
            stack.callback(chosen.unlink)
            write_whole(chosen, data)
            stack.pop_all()
        return chosen


def fresh_path(path: str | Path) -> Path:
    """Return `path` if it does not exist, otherwise the first of `lenet5-2.pt`, `lenet5-3.pt`, ... that does not."""
    wanted = Path(path)
    if not os.path.lexists(wanted):
        return wanted
    named = (wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}") for number in count(2))
    return next(candidate for candidate in named if not os.path.lexists(candidate))


def _umask() -> int:
    # the mask can only be read by setting it
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
