"""`archlang check`: checks all nets in specs, and their promises."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option, print_warnings, settings_of, show_problems
from archlang.cli.streams import is_terminal

if TYPE_CHECKING:
    from archlang.ir import Graph


def _check_options(parser: argparse.ArgumentParser) -> None:
    format_option(parser)


def _check(arguments: argparse.Namespace) -> int:
    """Check each net that can be built without further arguments, and its promises."""
    from archlang.compiler import check
    from archlang.diagnostics import as_json
    from archlang.facts.work import totals

    settings = settings_of(arguments)
    nets: list[dict[str, object]] = []
    diagnostics: list[object] = []
    is_wrong = False
    for spec in arguments.spec:
        checked = check(spec, settings, root=arguments.root)
        diagnostics += map(as_json, (*checked.diagnostics, *checked.warnings))
        is_wrong = is_wrong or bool(checked.diagnostics)
        if arguments.format == "text" and checked.diagnostics:
            show_problems(checked)
        if arguments.format == "text":
            print_warnings(checked)
        for graph in checked.graphs:
            counts = totals(graph)
            row: dict[str, object] = {
                "name": graph.name,
                "params": counts.params,
                "macs": counts.macs,
                "promises": len(graph.promises),
                "unchecked_promises": graph.unchecked_promises,
            }
            nets.append(row)
            if arguments.format == "text" and not checked.diagnostics:
                print(f"{graph.name}: {counts.params:,} parameters, {counts.macs:,} MACs{_promises(graph)}")
        for recipe in checked.recipes:
            if arguments.format == "text" and not checked.diagnostics:
                length = f"{recipe.steps:,} steps" if recipe.steps is not None else f"{recipe.epochs:,} epochs"
                print(f"{recipe.name}: trains {recipe.net} for {length} in batches of {recipe.batch:,}")
        if arguments.format == "text" and checked.diagnostics and is_terminal(sys.stderr):
            print(f"\n`archlang explain {checked.diagnostics[0].code}` tells more", file=sys.stderr)
    if arguments.format == "json":
        import json

        print(json.dumps({"nets": nets, "diagnostics": diagnostics}, indent=2))
    return 1 if is_wrong else 0


def _promises(graph: Graph) -> str:
    """Return how many promises were kept, and how many are about other parameters than those that were set."""
    if graph.unchecked_promises:
        some = "1 promise holds" if graph.unchecked_promises == 1 else f"{graph.unchecked_promises} promises hold"
        was = "was" if graph.unchecked_promises == 1 else "were"
        return f"; {some} at its own parameters and {was} not checked"
    kept = len(graph.promises)
    return f", {kept} promise{'s' if kept > 1 else ''} kept" if kept else ""


CHECK = Command("check specs and the promises in them", _check, _check_options, spec="many")
