"""The command line. Exit status: 0 right, 1 the spec is wrong, 2 the call is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from archlang.cli.commands import COMMANDS, command

SPEC_HELP = "a path (its only net, or path:net), the name of a shipped net such as vgg16, or - for standard input"
OPERATORS_HELP = "a Python file with operators of your own; it is run, and the flag may be given several times"
KNOW_OPERATORS = ("ops",)  # commands that take no SPEC and know the operators


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words[:1]).parse_args(words)
    from archlang.compiler import CallError, SpecError
    from archlang.diagnostics import Rejected
    from archlang.ops import OperatorsError, registered

    try:
        with registered(getattr(arguments, "operators", ())):
            return command(arguments.command).run(arguments)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    except (CallError, OperatorsError) as error:
        print(f"archlang: {error}", file=sys.stderr)
    except Rejected as rejected:
        help = f"\nhelp: {rejected.help}" if rejected.help else ""
        print(f"archlang: error[{rejected.code}]: {rejected.message}{help}", file=sys.stderr)
    except BrokenPipeError:
        # whoever read our output has enough; python must not complain of it at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"archlang: {error.strerror}: {error.filename}", file=sys.stderr)
    return 2


class _Version(argparse.Action):
    """Looks the version up when it is asked for: reading the package's metadata costs more than a net's check."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"archlang {version('archlang')}")
        parser.exit()


def _parser(first: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that is named first, or of all where none is."""
    parser = argparse.ArgumentParser(prog="archlang", description="From a short text to a checked neural network.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in first if set(first) <= set(COMMANDS) and first else COMMANDS:
        made = command(name)
        sub = commands.add_parser(name, help=made.help, description=made.help)
        if made.spec:
            many = {"nargs": "+"} if made.spec == "many" else {}
            sub.add_argument("spec", metavar="SPEC", help=SPEC_HELP, **many)  # type: ignore[arg-type]
            settings_help = "replace a parameter of the net; may be given several times"
            sub.add_argument(
                "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help=settings_help
            )
            sub.add_argument(
                "--root", type=Path, metavar="DIR", help="the folder that `use` may not leave (the spec's own)"
            )
        if made.spec or name in KNOW_OPERATORS:
            sub.add_argument(
                "--operators", action="append", default=[], type=Path, metavar="FILE.py", help=OPERATORS_HELP
            )
        made.options(sub)
    return parser
