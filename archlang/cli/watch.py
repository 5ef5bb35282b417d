"""`archlang watch`: the page of a net while its spec is being written."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, settings_of, show_diagnostics
from archlang.cli.page import counting_options, data_of, page_setup

if TYPE_CHECKING:
    from archlang.page.serving import Board

EVERY = 0.25  # seconds between two looks at the files
Stamp = tuple[tuple[str, int, int], ...]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="the port on 127.0.0.1 (any that is free)")
    parser.add_argument("--no-browser", action="store_true", help="print the page's address and open nothing")
    counting_options(parser)


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: ports are 1 to 65535")
    return number


def _watch(arguments: argparse.Namespace) -> int:
    import webbrowser
    from threading import Thread

    from archlang.library import CallError
    from archlang.page.serving import Board, PageServer

    if arguments.spec == "-":
        raise CallError("standard input cannot be watched; name a file")
    board = Board(arguments.spec)
    before = _stamp([Path(arguments.spec)])
    paths = _look(arguments, board)
    try:
        server = PageServer(board, arguments.port)
    except OSError as error:
        raise CallError(f"--port {arguments.port}: {error.strerror}") from None
    with _ended_by_sigterm(), server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            with suppress(KeyboardInterrupt):
                print(f"{server.address} shows {arguments.spec} as it is saved; Ctrl-C ends this", flush=True)
                if not arguments.no_browser:
                    webbrowser.open(server.address)
                _follow(arguments, board, paths, before)
        finally:
            server.shutdown()
    return 0


@contextmanager
def _ended_by_sigterm() -> Generator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does, which scripts have their background jobs ignore."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not in the main thread, which alone receives signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _follow(arguments: argparse.Namespace, board: Board, paths: list[Path], before: Stamp) -> None:
    """Look at the files for ever, and check the spec after each change from what they were `before` the last look."""
    while True:
        time.sleep(EVERY)
        now = _stamp(paths)
        if now == before:
            continue
        before = now
        paths = look_again(arguments, board) or paths


def look_again(arguments: argparse.Namespace, board: Board) -> list[Path]:
    """Do the same as `_look`; of a file that is away for a moment, where an editor replaces it, only say so."""
    from archlang.library import CallError

    try:
        return _look(arguments, board)
    except CallError as error:
        told = str(error)
    except OSError as error:
        told = f"{error.filename or arguments.spec}: {error.strerror or error}"
    if board.put_wrong(*_without_place(board, told)):
        print(f"archlang: {told}", file=sys.stderr)
    return []


def _look(arguments: argparse.Namespace, board: Board) -> list[Path]:
    """Check the spec, put what it gives on the board, print it if it is news, and return the files it was read from."""
    from archlang.compiler import check
    from archlang.page.data import files_data, problems_data

    checked = check(arguments.spec, settings_of(arguments), only=True, root=arguments.root)
    if checked.diagnostics and len([*checked.known, *checked.graphs]) == 1:
        is_news = board.put_partial(data_of(checked, page_setup(arguments)))
    elif checked.diagnostics:
        sources = {checked.source.name: checked.source, **checked.sources}
        is_news = board.put_wrong(files_data(sources), problems_data([*checked.diagnostics, *checked.warnings]))
    else:
        is_news = board.put_net(data_of(checked, page_setup(arguments)))
    if is_news and checked.diagnostics:
        show_diagnostics(checked.diagnostics, checked.sources)
    return checked.library.paths


def _without_place(board: Board, message: str) -> tuple[object, object]:
    """Return the files that are shown, and a problem that is at none of their lines."""
    shown = board.wrong or board.net or {}
    span = {"file": "", "line": 0, "column": 0, "end_line": 0, "end_column": 0}
    problem: dict[str, object] = {
        "code": "",
        "message": message,
        "span": span,
        "labels": [],
        "help": None,
        "severity": "error",
    }
    return shown.get("files", []), [problem]


def _stamp(paths: Iterable[Path]) -> Stamp:
    """Return what changes when a file is saved, or when one appears beside it."""
    each = [*paths, *{path.parent for path in paths}]
    return tuple((str(path), *_times(path)) for path in each)


def _times(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size if path.is_file() else 0


WATCH = Command("show a net in the browser while its spec is written: each save redraws it", _watch, _options)
