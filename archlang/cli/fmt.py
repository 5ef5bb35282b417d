"""`archlang fmt`: rewrites specs in the canonical layout."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from archlang.cli.command import Command, show_diagnostics
from archlang.source import Source

STDIN = "-"


@dataclass(frozen=True)
class _File:
    """The content of a file before it is formatted; its path is None for standard input."""

    path: Path | None
    name: str
    data: bytes


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="+",
        metavar="FILE",
        help="a spec to rewrite, or - to read standard input and write standard output",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list files that would change, and exit with status 1 if there are any",
    )
    parser.add_argument("--diff", action="store_true", help="write nothing; print the changes as a diff")


def _fmt(arguments: argparse.Namespace) -> int:
    """Rewrite each FILE that is not in the canonical layout. A file that does not parse stays as it is."""
    from archlang.format import formatted
    from archlang.library import CallError

    if arguments.file.count(STDIN) > 1:
        raise CallError("standard input can be read only once")
    files = [_read(name) for name in arguments.file]  # read all before writing any
    status = 0
    for file in files:
        source = _source(file)
        text, diagnostics = formatted(source)
        if text is None:
            show_diagnostics(diagnostics, {source.name: source})
            status = 1
        elif arguments.check or arguments.diff:
            changes = text.encode() != file.data
            status |= int(changes and arguments.check)
            if changes:
                _show(file.name, source.text, text, arguments.diff)
        else:
            _write(file, text)
    return status


def _read(name: str) -> _File:
    from archlang.library import CallError, refuse_large, standard_input
    from archlang.limits import limits

    if name == STDIN:
        path, shown, data = None, "<stdin>", standard_input()
    else:
        path, shown = Path(name), name
        if not path.is_file():
            raise CallError(f"{name} is {'a folder' if path.is_dir() else 'no file'}; fmt takes the paths of specs")
        with path.open("rb") as file:
            data = file.read(limits().bytes + 1)
    refuse_large(shown, len(data))
    return _File(path, shown, data)


def _source(file: _File) -> Source:
    from archlang.library import CallError

    try:
        return Source(file.name, file.data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CallError(f"{file.name} is not UTF-8 text: byte {error.start} is {file.data[error.start]:#04x}") from None


def _show(name: str, before: str, after: str, as_diff: bool) -> None:
    """Print the file's name, or the diff of its lines."""
    if not as_diff:
        print(name)
        return
    from difflib import unified_diff

    rows = unified_diff(before.split("\n"), after.split("\n"), name, f"{name} (formatted)", lineterm="")
    print("\n".join(rows))


def _write(file: _File, text: str) -> None:
    """Replace a file that changes and print its name; the result for standard input goes to standard output."""
    from archlang.files import write_whole

    data = text.encode()
    if file.path is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif data != file.data:
        write_whole(file.path, data)
        print(file.name)


FMT = Command("rewrite specs in the canonical layout", _fmt, _options, spec="")
