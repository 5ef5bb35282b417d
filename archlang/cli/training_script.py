"""`archlang build --train` writes a recipe as one Python file."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import settings_of
from archlang.cli.output import check_target

if TYPE_CHECKING:
    from archlang.recipes import Evaluated
    from archlang.train.script import Sampled

# options of `build` that are about the source of a net alone
_OTHERS = ("weights", "recompute", "entry", "scaled_input", "memory_format", "memory", "batch", "optimizer", "optimize")


def build_script(arguments: argparse.Namespace) -> int:
    """Write or print the script of a recipe."""
    from archlang.compiler import CallError, Checked, SpecError, prepared
    from archlang.files import write_whole
    from archlang.train.script import training_script

    for name in _OTHERS:
        if getattr(arguments, name, None):
            raise CallError(f"--{name.replace('_', '-')} is for the source of a net alone, without --train")
    settings = settings_of(arguments)
    found = prepared(arguments.spec, settings, arguments.root)
    if found is None:
        raise CallError(f"{arguments.spec} names no recipe; --train writes one: `train NAME = NET {{`")
    made, library = found
    if arguments.output is not None:
        check_target(arguments.output, arguments, library.paths)
    sample = _sample(made, arguments.data)
    text, wrong = training_script(made.recipe, made.graph, _called(arguments, made), arguments.data, sample)
    if wrong:
        raise SpecError(Checked(library, settings, diagnostics=wrong))
    if arguments.output is None:
        print(text, end="")
    else:
        write_whole(arguments.output, text)
    return 0


def _called(arguments: argparse.Namespace, made: Evaluated) -> str:
    """Return how the command line names the recipe, as far as a docstring can hold it."""
    name = Path(arguments.spec).name
    name = name if name.endswith(f":{made.recipe.name}") else f"{name}:{made.recipe.name}"
    words = [name, *(word for text in arguments.settings for word in ("--set", shlex.quote(text)))]
    text = " ".join(words)
    return text if re.fullmatch(r"[\w./:=,\[\]' +*-]+", text) else made.recipe.name


def _sample(made: Evaluated, path: Path | None) -> Sampled | None:
    """Check the data that is named, and return what a sample of it tells, where the data alone tells that."""
    from archlang.diagnostics import Rejected
    from archlang.recipes.sources import DATA
    from archlang.train.data import check_path, open_data
    from archlang.train.script import needs_data, sampled

    recipe = made.recipe
    if path is not None:
        check_path(recipe.data, path)
    if not needs_data(recipe, made.graph):
        return None
    if path is None and DATA[recipe.data.word].path == "needed":
        message = f"the fields of `data {recipe.data.word}` are known by its file alone"
        raise Rejected("bad-data", message, help="name it: `--data PATH`")
    return sampled(recipe, open_data(recipe.data, path, made.graph))
