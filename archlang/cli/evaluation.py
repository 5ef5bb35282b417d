"""`archlang evaluate`: the measures of trained weights on held-out samples, and whether the recipe's promises hold."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option, settings_of

if TYPE_CHECKING:
    from archlang.library import Library
    from archlang.recipes import Evaluated
    from archlang.train.evaluating import Evaluation
    from archlang.train.figures import Verdict


def _options(parser: argparse.ArgumentParser) -> None:
    from archlang.train.evaluating import SPLITS

    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="a file of weights, or the folder of a run, whose best epoch is measured",
    )
    parser.epilog = "SPEC may also be the folder of a run, or a checkpoint in it: its own recipe measures it."
    parser.add_argument("--data", type=Path, metavar="PATH", help="the file or folder of the data")
    parser.add_argument("--split", choices=SPLITS, default="held-out", help="the samples to measure (held-out)")
    parser.add_argument("--device", default="cpu", help="the device to run on: cpu, cuda or cuda:1 (cpu)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that read samples (0)")
    format_option(parser)


def _measured(arguments: argparse.Namespace) -> tuple[Evaluated, Path]:
    """Return the recipe that measures, and the weights: of a SPEC with `--weights`, or both of the folder of a run."""
    from archlang.compiler import CallError
    from archlang.recipes import Evaluated
    from archlang.train.record import RECORD, read_record

    given = Path(arguments.spec)
    folder = given if given.is_dir() else given.parent
    if not (folder / RECORD).is_file() or not (given.is_dir() or given.suffix == ".pt"):
        if arguments.weights is None:
            raise CallError(f"{arguments.spec} is no run: name the weights, `--weights FILE`")
        return recipe_of(arguments)[0], arguments.weights
    if arguments.settings:
        raise CallError(f"--set: {given} is a run with its own settings; name the spec, and the run by `--weights`")
    record = read_record(folder)
    if record.whole is None:
        told = f"the folder {folder} does not hold all of the recipe {record.recipe}"
        raise CallError(f"{told}; name the spec, and the run by `--weights`")
    return Evaluated(record.whole, record.graph), arguments.weights or given


def recipe_of(arguments: argparse.Namespace) -> tuple[Evaluated, Library]:
    """Return the recipe that a SPEC names. Raises SpecError if it is wrong, and CallError if there is none."""
    from archlang.compiler import CallError, prepared

    made = prepared(arguments.spec, settings_of(arguments), arguments.root)
    if made is None:
        help = "a recipe says what is measured, and on which data: `train NAME = NET {`"
        raise CallError(f"{arguments.spec} names no recipe; {help}")
    return made


def _evaluate(arguments: argparse.Namespace) -> int:
    """Print the measures. Returns 1 if a promise of the recipe is broken."""
    made, weights = _measured(arguments)
    from archlang.train.evaluating import Where, evaluate
    from archlang.train.figures import verdicts
    from archlang.train.memory import check_device
    from archlang.train.vision import check_transforms_of

    check_device(arguments.device)
    check_transforms_of(made.recipe, made.graph)
    where = Where(weights, arguments.data, arguments.split, arguments.device, arguments.workers)
    found = evaluate(made.recipe, made.graph, where)
    goals = made.recipe.goals if arguments.split == "held-out" else ()
    kept = verdicts(goals, [found.measures])
    told = _json if arguments.format == "json" else _text
    print(told(made, arguments.split, found, kept))
    return 0 if all(one.is_kept for one in kept) else 1


def _text(made: Evaluated, split: str, found: Evaluation, kept: list[Verdict]) -> str:
    from archlang.train.figures import figure

    part = {"held-out": "held-out samples", "training": "samples for training", "all": "samples"}[split]
    lines = [f"{made.recipe.name}: {made.recipe.net} with {found.weights}, {found.samples:,} {part}"]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"{name} {figure(name, value)}" for name, value in found.measures.items()]
    return "\n".join([*lines, *map(str, kept)])


def _json(made: Evaluated, split: str, found: Evaluation, kept: list[Verdict]) -> str:
    content = {
        "recipe": made.recipe.name,
        "net": made.recipe.net,
        "weights": str(found.weights),
        "split": split,
        "samples": found.samples,
        "measures": dict(found.measures),
        "promises": [one.to_json() for one in kept],
        "notes": list(found.notes),
    }
    return json.dumps(content, indent=2)


EVALUATE = Command("measure trained weights by a recipe", _evaluate, _options)
