"""The class of a command, and what several commands share: common options, and loading the net of a SPEC."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.compiler import Checked, Net
    from archlang.diagnostics import Diagnostic, Rejected
    from archlang.ir import PartialGraph
    from archlang.source import Source
    from archlang.syntax import Expression


@dataclass(frozen=True)
class Command:
    """A command: its help, its function and its options. `spec` is `one`, `many` or empty: how many SPECs it takes."""

    help: str
    run: Callable[[argparse.Namespace], int]
    options: Callable[[argparse.ArgumentParser], None]
    spec: str = "one"


def natural(text: str) -> int:
    """Return the number that an option gives, which must not be negative."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def positive(text: str) -> int:
    """Convert an option to an integer of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def seed(text: str) -> int:
    """Convert an option to a seed of torch's generators, for argparse."""
    number = int(text)
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to 2**63 - 1")
    return number


def not_negative(text: str) -> float:
    """Convert an option to a finite number of at least 0, for argparse."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def format_option(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add `--format`: text, json, and the further formats of the command."""
    parser.add_argument("--format", choices=("text", "json", *more), default="text", help="the output format (text)")


def settings_of(arguments: argparse.Namespace) -> dict[str, Expression]:
    """Return the values given by `--set`, by parameter name."""
    from archlang.compiler import setting
    from archlang.library import CallError

    settings: dict[str, Expression] = {}
    for text in arguments.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise CallError(f"--set {text}: write --set NAME=VALUE")
        settings[name.strip()] = setting(name.strip(), value)
    return settings


def limits_of(arguments: argparse.Namespace) -> dict[str, int]:
    """Return the limits given by `--limit`, by name."""
    from archlang.library import CallError
    from archlang.limits import MEANINGS

    changes: dict[str, int] = {}
    for text in getattr(arguments, "limits", ()):
        name, _, number = text.partition("=")
        if name not in MEANINGS or not number.isdecimal() or len(number) > 18 or int(number) < 1:
            listed = "".join(f"\n  {known:<9} {meaning}" for known, meaning in MEANINGS.items())
            raise CallError(f"--limit {text}: write --limit NAME=N with a number of at least 1; NAME is one of{listed}")
        changes[name] = int(number)
    return changes


def allow_errors_option(parser: argparse.ArgumentParser) -> None:
    """Add `--allow-errors`."""
    help = "draw a wrong net as far as it is known, its mistakes in red; the exit status stays 1"
    parser.add_argument("--allow-errors", action="store_true", help=help)


def known_of(checked: Checked) -> PartialGraph:
    """Return what is known of the net of a wrong spec; of one that cannot be read, the mistakes alone."""
    from archlang.ir.partial import nothing_known

    name = Path(checked.source.name).stem
    return checked.partial() or nothing_known(name, checked.diagnostics, checked.sources)


def checked_net(arguments: argparse.Namespace, allow_errors: bool = False) -> Checked:
    """Check the SPEC of a command that takes one net. Raises SpecError if it is not valid and no errors are allowed."""
    from archlang.compiler import SpecError, check

    checked = check(arguments.spec, settings_of(arguments), only=True, root=arguments.root)
    if checked.diagnostics and not allow_errors:
        raise SpecError(checked)
    return checked


def print_warnings(checked: Checked) -> None:
    """Print the warnings about valid nets, beside what a command prints."""
    for warning in checked.warnings:
        show_diagnostics([warning], checked.sources)


def show_problems(checked: Checked) -> None:
    """Print all that is wrong with a spec."""
    from archlang.cli.colours import show

    show(checked.lines(), sys.stderr)


def show_diagnostics(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> None:
    """Print errors or warnings, with an empty line between two."""
    from archlang.cli.colours import show
    from archlang.diagnostics import all_lines

    show(all_lines(diagnostics, sources), sys.stderr)


def show_rejected(rejected: Rejected) -> None:
    """Print a mistake that has no place in a spec."""
    from archlang.cli.colours import show
    from archlang.diagnostics import headline, help_lines

    head = headline("error", rejected.code, rejected.message)
    show([(("", "archlang: "), *head), *help_lines(rejected.help)], sys.stderr)


def net_of(arguments: argparse.Namespace) -> Net:
    """Return the net of a command that takes one. Raises SpecError if its spec is not valid."""
    return checked_net(arguments).net
