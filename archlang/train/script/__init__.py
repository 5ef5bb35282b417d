"""A recipe as one Python file: the net, the data, the loss, the optimiser, the loop. It needs no archlang.

The file trains to the same weights as `archlang train`, bit by bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Diagnostic
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.recipes.fitting import Fitted
from archlang.recipes.sources import DATA
from archlang.shapes import TensorType, input_type
from archlang.train.data import Data
from archlang.train.script.batching import add_key, batching
from archlang.train.script.looping import Looping
from archlang.train.script.losing import losing
from archlang.train.script.measuring import measuring
from archlang.train.script.own_loss import parts_of
from archlang.train.script.penalizing import penalizing
from archlang.train.script.plan import Plan, Script, plan_of
from archlang.train.script.reading import read_in
from archlang.train.script.refused import clashes, refused
from archlang.train.script.transforming import transforming
from archlang.train.script.values import literal
from archlang.train.transforming import transformed

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Sampled", "needs_data", "sampled", "training_script"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a sample of the data tells: the dtypes of its fields, and their types behind the transforms."""

    dtypes: Mapping[str, str]
    types: Mapping[str, TensorType]


def needs_data(recipe: Recipe, graph: Graph) -> bool:
    """Return whether the data itself must tell its fields, so that a script cannot be written without it.

    A loss of the user's own is compiled for the shapes of what it compares.
    """
    fitted = Fitted(recipe, graph)
    compared = [one.text for term in recipe.losses if term.own is not None for one in term.values]
    return not fitted.fields or any(fitted.type(name) is None for name in compared)


def sampled(recipe: Recipe, data: Data) -> Sampled:
    """Return what the first sample to train on tells."""
    dtypes = {name: _dtype(value) for name, value in data.training[0].items()}
    if all(term.own is None for term in recipe.losses):
        return Sampled(dtypes, {})
    sample = transformed(recipe, data)[0][0, 0]
    return Sampled(dtypes, {name: input_type(tuple(one.shape), _dtype(one)) for name, one in sample.items()})


def training_script(
    recipe: Recipe, graph: Graph, spec: str, path: Path | None = None, sample: Sampled | None = None
) -> tuple[str, list[Diagnostic]]:
    """Return the text of a script, or the diagnostics of what it cannot say.

    `spec` names the recipe as on the command line, `path` is the data that the script reads unless it is told
    otherwise. `sample` is what a sample tells, for data that `needs_data`.
    """
    if sample is None:
        found = DATA[recipe.data.word].fields(recipe.data.arguments, graph)
        sample = Sampled({name: one.dtype or "float32" for name, one in found.items()}, {})
    plan = plan_of(recipe, graph, spec, sample.dtypes, path, sample.types)
    wrong = refused(plan)
    if wrong:
        return "", wrong
    script = _written(plan)
    wrong = clashes(plan, script)
    return ("", wrong) if wrong else (_text(plan, script), [])


def _dtype(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _written(plan: Plan) -> Script:
    """Write all parts of a script."""
    recipe, script = plan.recipe, Script()
    script.constants += [f"SEED = {recipe.seed}", f"BATCH = {literal(recipe.batch)}"]
    if recipe.steps is not None:
        script.constants.append(f"STEPS = {literal(recipe.steps)}")
    else:
        script.constants.append(f"EPOCHS = {literal(recipe.epochs)}")
    if recipe.accumulate > 1:
        script.constants += [f"ACCUMULATE = {recipe.accumulate}", "AT_ONCE = BATCH // ACCUMULATE"]
    add_key(script)
    reading = read_in(plan, script)
    transforms = transforming(plan, reading, script)
    batches, held_out = batching(plan, reading, transforms, script)
    images = transforms.training if transforms.training == transforms.held_out else None
    images = "float32" if recipe.mixes else images
    losing(plan, script, {**plan.dtypes, **({"image": images} if "image" in plan.dtypes else {})})
    measuring(plan, script)
    behind_loss, behind_step = penalizing(plan, script)
    Looping(plan, reading, transforms, batches, held_out, behind_loss, behind_step).write(script)
    return script


def _text(plan: Plan, script: Script) -> str:
    """Return the file: its docstring, imports, constants, the net, the functions, and the call of `main`."""
    imports, classes = parts_of(plan.net[0])
    recipe, counts = plan.recipe, totals(plan.graph)
    length = f"{recipe.steps:,} steps" if recipe.steps is not None else f"{recipe.epochs:,} epochs"
    data = " --data PATH" if "options.data" in script.functions[-1] and plan.path is None else ""
    head = [
        # this line marks a file as made by archlang (marks.py)
        f'"""{recipe.name}: trains {recipe.net}; {counts.params:,} parameters, {counts.macs:,} multiply-accumulates.',
        "",
        f"{length} of {recipe.data.word} in batches of {recipe.batch:,}:",
        "",
        f"    python {recipe.name}.py{data}",
        "",
        f"ends with the same weights as `archlang train {plan.spec}{data}`, bit by bit.",
        '"""',
    ]
    body = [classes, *script.functions, 'if __name__ == "__main__":\n    main()']
    return "\n".join(
        [*head, "", *_sorted({*imports, *script.imports}), "", *script.constants, "", "", "\n\n\n".join(body), ""]
    )


_STANDARD = (
    "argparse",
    "collections",
    "dataclasses",
    "functools",
    "gzip",
    "hashlib",
    "io",
    "itertools",
    "math",
    "pathlib",
    "tarfile",
)


def _sorted(imports: set[str]) -> list[str]:
    """Return the imports as formatters sort them: those of Python first, whole modules before names."""
    keys = {row: (row.startswith("from "), row.split()[1].lower()) for row in imports}
    standard = sorted((row for row in imports if row.split()[1].split(".")[0] in _STANDARD), key=keys.__getitem__)
    others = sorted(imports - set(standard), key=keys.__getitem__)
    return [*standard, "", *others]
