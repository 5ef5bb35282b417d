"""`archlang finetune` trains a net further, from published weights or those of an earlier run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archlang.cli.command import Command, settings_of
from archlang.cli.output import output_options
from archlang.cli.training import data_of, run_options, settings_with_options, spin_less

if TYPE_CHECKING:
    from archlang.library import Library
    from archlang.recipes import Evaluated


def _options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "A SPEC that names a recipe is trained by it; a net alone by a built-in one, whose settings --set replaces."
    )
    parser.add_argument(
        "--freeze",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="paths that do not train, such as layer1, 'layer[12]*' or norms",
    )
    parser.add_argument(
        "--data", metavar="KIND:PATH", help="the data: imagefolder:PATH, digits, or PATH for the recipe's kind"
    )
    run_options(parser)
    output_options(parser, "also write the trained weights alone to FILE")
    parser.set_defaults(verify=False)


def _finetune(arguments: argparse.Namespace) -> int:
    from archlang.cli.recipe_run import run_or_launch
    from archlang.library import CallError

    if arguments.weights is None:
        raise CallError("a net is trained further from weights: `--weights FILE`, or the folder of a run")
    spin_less()
    kind, path = data_of(arguments.data)
    made, library = _made(arguments, kind)
    arguments.data = path
    return run_or_launch(arguments, _frozen(made, arguments.freeze), library)


def _made(arguments: argparse.Namespace, kind: str) -> tuple[Evaluated, Library]:
    """Return the recipe that a SPEC names, or the built-in one for its net."""
    from archlang.compiler import CallError, prepared, prepared_by
    from archlang.recipes.tuning import NAME, tuning
    from archlang.train.located import located

    settings = settings_with_options(settings_of(arguments), arguments)
    _, record = located(arguments.weights)
    own = prepared(arguments.spec, settings, arguments.root)
    if own is not None:
        if kind not in ("", own[0].recipe.data.word):
            told = f"--data {arguments.data}: {own[0].recipe.name} trains on `data {own[0].recipe.data.word}`"
            raise CallError(f"{told}; name a path of it")
        return own
    known = next((one for one in record.transforms if one.word == "normalize"), None) if record else None
    numbers = " ".join(f"{name}={list(value)}" for name, value in known.arguments.items()) if known else ""
    return prepared_by(
        arguments.spec, NAME, lambda graph: tuning(graph, kind or "imagefolder", numbers), settings, arguments.root
    )


def _frozen(made: Evaluated, patterns: list[str]) -> Evaluated:
    """Return a recipe with further parameters frozen, as its own lines `freeze` would. Raises CallError if none is."""
    from dataclasses import replace

    from archlang.compiler import CallError
    from archlang.recipes import misfits
    from archlang.recipes.freezing import frozen

    if not patterns:
        return made
    recipe = frozen(made.recipe, made.graph, patterns, "--freeze")
    for wrong in misfits(recipe, made.graph):
        raise CallError(f"--freeze: {wrong.message}" + (f"; {wrong.help}" if wrong.help else ""))
    return replace(made, recipe=recipe)


FINETUNE = Command("train a net further from weights, with a new head or frozen layers", _finetune, _options)
