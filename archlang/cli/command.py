"""What a command is, and what the commands share: settings, roots, the one net that a command is about."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.compiler import Checked, Net
    from archlang.syntax import Expression


@dataclass(frozen=True)
class Command:
    """A command: its help, its options, what it does; `spec` says whether it takes one SPEC, many or none (empty)."""

    help: str
    run: Callable[[argparse.Namespace], int]
    options: Callable[[argparse.ArgumentParser], None]
    spec: str = "one"


def positive(text: str) -> int:
    """A whole number of at least 1, as argparse reads an option."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def settings_of(arguments: argparse.Namespace) -> dict[str, Expression]:
    """What `--set` gives: expressions by the names of parameters."""
    from archlang.compiler import setting
    from archlang.library import CallError

    settings: dict[str, Expression] = {}
    for text in arguments.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise CallError(f"--set {text}: write --set NAME=VALUE")
        settings[name.strip()] = setting(name.strip(), value)
    return settings


def checked_net(arguments: argparse.Namespace) -> Checked:
    """The one net that a command is about, and its sources; what is wrong with its spec ends the command."""
    from archlang.compiler import SpecError, check

    checked = check(arguments.spec, settings_of(arguments), only=True, root=arguments.root)
    if checked.diagnostics:
        raise SpecError(checked)
    return checked


def print_warnings(checked: Checked) -> None:
    """Print the warnings about valid nets, beside what a command prints."""
    for warning in checked.warnings:
        print(checked.told(warning), file=sys.stderr)


def net_of(arguments: argparse.Namespace) -> Net:
    """The one net that a command is about."""
    from archlang.compiler import Net

    return Net(checked_net(arguments).graphs[0])
