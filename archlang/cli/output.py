"""Which files a command may replace: never a spec or a file that it reads; other people's files only with `--force`.

The target is checked before the work begins, so that a long training cannot fail when its result is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from shutil import get_terminal_size

from archlang.cli.streams import is_terminal
from archlang.library import CallError
from archlang.marks import is_made_here

SPEC = ".arch"


def output_options(parser: argparse.ArgumentParser, help: str, *, required: bool = False) -> None:
    """Add `-o FILE`, and `--force` to replace a file that archlang did not make."""
    parser.add_argument("-o", "--output", required=required, type=Path, metavar="FILE", help=help)
    parser.add_argument("--force", action="store_true", help="replace FILE even if archlang did not make it")


def weights_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file of `--weights` is read."""
    parser.add_argument(
        "--entry", default="", metavar="NAME", help="which state dict to take if the file holds several"
    )
    parser.add_argument(
        "--scaled-input",
        action="store_true",
        help="declare that images are already scaled to the range that a published file expects",
    )


def check_target(path: Path, arguments: argparse.Namespace, read: Iterable[Path]) -> None:
    """Raise CallError if `path` cannot or must not be written; `read` are the files that this command reads."""
    reason = _refusal(path, [*read, *arguments.operators], arguments.force)
    if reason is not None:
        beside = arguments.output not in (None, path)
        called = f"-o {arguments.output}, with its weights in {path}" if beside else f"-o {path}"
        raise CallError(f"{called}: {reason}")


def _refusal(path: Path, read: Iterable[Path], force: bool) -> str | None:
    """Return why a file must not be written, and what to do instead; None if it may be written."""
    target = Path(os.path.realpath(path))  # `write_whole` follows links
    if target.exists() and any(one.exists() and target.samefile(one) for one in read):
        return "this command reads that file; give the output another name"
    if SPEC in (path.suffix.lower(), target.suffix.lower()):
        return f"a file that ends in {SPEC} is a spec, and no command replaces one; give the output another name"
    if target.is_dir():
        return "that is a folder; name a file in it"
    if target.exists() and not target.is_file():  # a device or a pipe, such as /dev/stdout
        return None
    folder = path.parent if path.parent.resolve() == target.parent else target.parent
    if not folder.is_dir():
        missing = f"there is no folder {folder}; make it first: mkdir -p {folder}"
        return f"{folder} is no folder" if folder.exists() else missing
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"you may not write in the folder {folder}; name a file elsewhere"
    # an empty file has nothing to lose; the shell creates one for `-o /dev/stdout > FILE`
    if target.exists() and target.stat().st_size and not force and not is_made_here(target):
        return "archlang did not make that file; give the output another name, or add --force to replace it"
    return None


def terminal_width() -> int | None:
    """Return how many letters of a line fit the terminal; None where the output goes to a file or another program."""
    if not is_terminal(sys.stdout):
        return None
    return max(40, get_terminal_size().columns - 2)
