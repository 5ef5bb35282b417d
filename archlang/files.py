"""Writes files that are complete or do not exist, and finds free names."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress
from errno import EISDIR
from itertools import count
from pathlib import Path
from platform import node
from tempfile import mkstemp
from time import time

UNFINISHED = (".archlang-", ".tmp")  # how the temporary name of a file begins and ends
ABANDONED = 3600  # seconds, after which a temporary file is nobody's where processes cannot be asked after
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}


def portable(name: str) -> str:
    """Return the name of a net as that of a file: `aux_` for `aux`, since Windows takes `aux.pt` for a device."""
    return f"{name}_" if name.lower() in _DEVICES else name


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
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    with ExitStack() as stack:
        name = _unfinished(content, target.parent, mode, stack)
        os.replace(name, target)
        stack.pop_all()  # the file has its final name


def _unfinished(content: bytes, folder: Path, mode: int, stack: ExitStack) -> str:
    """Write bytes to a temporary name, which `stack` removes, and return it. Those of killed processes are removed."""
    _remove_abandoned(folder)
    handle, name = mkstemp(dir=folder, prefix=f"{_own()}{os.getpid()}-", suffix=UNFINISHED[1])
    stack.callback(Path(name).unlink, missing_ok=True)
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)  # else a crash of the machine can leave the name with no content
    os.chmod(name, mode)
    return name


def _own() -> str:
    """Return how temporary names of this machine begin; a folder may be shared with others."""
    return f"{UNFINISHED[0]}{re.sub(r'[^A-Za-z0-9]', '', node())[:20]}-"


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of processes of this machine that were killed while they wrote."""
    for left in folder.glob(f"{_own()}*{UNFINISHED[1]}"):
        process = left.name.removeprefix(_own()).partition("-")[0]
        with suppress(OSError):  # another process removed it, or Windows has it open
            if process.isdecimal() and not _is_alive(int(process), left):
                left.unlink()


def _is_alive(process: int, left: Path) -> bool:
    if os.name != "posix":  # elsewhere signal 0 would end the process
        return time() - left.stat().st_mtime < ABANDONED
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_fresh(path: str | Path, data: bytes | str) -> Path:
    """Write `data` to `path`, or to the next free name like it. Returns the path written; no file is replaced."""
    content = data.encode() if isinstance(data, str) else data
    folder = Path(path).parent
    try:
        with ExitStack() as stack:
            name = _unfinished(content, folder, 0o666 & ~_umask(), stack)
            while True:
                chosen = fresh_path(path)
                with suppress(FileExistsError):  # another program took the name meanwhile
                    _named(name, chosen)
                    return chosen
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _named(name: str, chosen: Path) -> None:
    """Give a complete file its final name. Raises FileExistsError if that is taken."""
    try:
        os.link(name, chosen)  # the name exists with all of its bytes, or not at all
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        chosen.touch(exist_ok=False)  # reserves the name: of two programs only one succeeds
        os.replace(name, chosen)


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
