"""The command line.

Exit status: 0 the spec is valid, 1 it is not, 2 the call is wrong, 70 archlang has a fault; 130 Ctrl-C ended it, 141 a
closed pipe did.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from archlang.cli.command import limits_of, show_problems, show_rejected
from archlang.cli.commands import COMMANDS, command
from archlang.cli.streams import FAULT, safe_streams, shows_tracebacks, told
from archlang.limits import MEANINGS, raised

SPEC_HELP = "a path (its only net, or path:net), the name of a shipped net such as vgg16, or - for standard input"
OPERATORS_HELP = "a Python file that defines operators of your own; archlang executes it; repeatable"
LIMIT_HELP = f"raise a limit, when a message names one ({', '.join(MEANINGS)}); repeatable"
KNOW_OPERATORS = ("ops",)  # commands that take `--operators` though they take no SPEC
INTERRUPTED = 130  # 128 and SIGINT's number
BROKEN_PIPE = 141  # 128 and SIGPIPE's number: what a shell reports of any tool that a closed pipe ends


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    with safe_streams():
        return _status(words, own_process=argv is None)


def _status(words: list[str], *, own_process: bool) -> int:
    """Return the exit status of a command. Whatever ends it early is told in one line."""
    try:
        return _run(words, own_process=own_process)
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("archlang: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.filename is None:  # standard output, as every file is opened by its name
            _discard_output()
        print(f"archlang: {error.strerror}: {error.filename or 'standard output'}", file=sys.stderr)
        return 2
    except Exception as error:
        if shows_tracebacks():
            raise
        print(f"archlang: {told(error)}", file=sys.stderr)
        return FAULT


def _run(words: list[str], own_process: bool) -> int:
    try:
        arguments = _parser(words[:1]).parse_args(words)
        arguments.words = words
        if own_process:
            _import_pipeline()
        status = _answered(arguments)
    except SystemExit:  # argparse printed a help or a mistake
        _flush_output()
        raise
    _flush_output()
    return status


def _import_pipeline() -> None:
    """Import what every command needs, which stays to the end: garbage collection neither starts nor searches it."""
    gc.disable()
    import_module("archlang.compiler")
    gc.freeze()
    gc.enable()


def _answered(arguments: argparse.Namespace) -> int:
    """Run the command, and print what is wrong with the spec or with the call."""
    from archlang.compiler import CallError, SpecError
    from archlang.diagnostics import Rejected
    from archlang.library import SettingError
    from archlang.ops import OperatorsError, registered

    try:
        with raised(**limits_of(arguments)), registered(getattr(arguments, "operators", ())):
            return command(arguments.command).run(arguments)
    except SpecError as error:
        show_problems(error.checked)
        return 1
    except SettingError as error:
        print(f"archlang: --set: {error}", file=sys.stderr)
    except (CallError, OperatorsError) as error:
        print(f"archlang: {error}", file=sys.stderr)
    except Rejected as rejected:
        show_rejected(rejected)
    return 2


def _flush_output() -> None:
    """Write what is buffered, so that an error of standard output arises here and not when Python exits."""
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]  it is None if the shell closed it
        sys.stdout.flush()


def _discard_output() -> None:
    """Let nothing more reach standard output: Python would write its buffer at exit, and complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Version(argparse.Action):
    """Looks up the version only when asked: reading the package's metadata takes longer than checking a net."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"archlang {version('archlang')}")
        parser.exit()


def _parser(first: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of the command that the first word names, or of all commands if it names none."""
    parser = argparse.ArgumentParser(prog="archlang", description="From a short text to a checked neural network.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in first if set(first) <= set(COMMANDS) and first else COMMANDS:
        made = command(name)
        sub = commands.add_parser(name, help=made.help, description=made.help)
        if made.spec:
            many = {"nargs": "+"} if made.spec == "many" else {}
            sub.add_argument("spec", metavar="SPEC", help=SPEC_HELP, **many)  # type: ignore[arg-type]
            settings_help = "set a parameter of the net; repeatable"
            sub.add_argument(
                "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help=settings_help
            )
            sub.add_argument(
                "--root",
                type=Path,
                metavar="DIR",
                help="`use` may only read files in this folder (default: the spec's folder)",
            )
            sub.add_argument("--limit", action="append", default=[], metavar="NAME=N", dest="limits", help=LIMIT_HELP)
        if made.spec or name in KNOW_OPERATORS:
            sub.add_argument(
                "--operators", action="append", default=[], type=Path, metavar="FILE.py", help=OPERATORS_HELP
            )
        made.options(sub)
    return parser
