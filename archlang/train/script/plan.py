"""What a training script is written from: the recipe beside its net, and what is known of its data."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from pathlib import Path

from archlang.ir import Graph
from archlang.lower import source_and_class
from archlang.program import Program, program_of
from archlang.python_text import statements
from archlang.recipes.fitting import Fitted, fed, values_of
from archlang.recipes.recipe import LossTerm, Part, Recipe
from archlang.shapes import TensorType
from archlang.train.labelled import returning
from archlang.train.measuring import measured

_TAKEN = {
    "model", "batch", "device", "torch", "nn", "numpy", "loss", "main", "key", "batches", "evaluate", "criterion", "v2",
    "average", "fields", "parts", "argparse", "hashlib", "itertools", "pathlib", *vars(builtins),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A recipe, its net with the outputs that the losses compare, and the dtypes of the fields of a raw sample.

    `spec` is what names the recipe on the command line, `path` the default of the script's `--data`. `types` are
    those of the fields behind the transforms, where a sample told them.
    """

    recipe: Recipe
    graph: Graph
    spec: str
    dtypes: Mapping[str, str]
    path: Path | None = None
    types: Mapping[str, TensorType] = field(default_factory=dict[str, TensorType])

    @cached_property
    def fitted(self) -> Fitted:
        """The recipe beside the facts of its net."""
        return Fitted(self.recipe, self.graph)

    @cached_property
    def program(self) -> Program:
        """The net as classes to write."""
        return program_of(self.graph)

    @cached_property
    def net(self) -> tuple[str, str]:
        """The source of the net, and the name of its class."""
        return source_and_class(self.program)

    @cached_property
    def defined(self) -> set[str]:
        """The names that the source of the net defines."""
        nodes = statements(self.net[0]).body
        return {node.name for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef))}

    @cached_property
    def sources(self) -> dict[str, str]:
        """The field or noise that fills each input."""
        return fed(self.recipe, [port.name for port in self.graph.root.inputs], list(self.dtypes))

    @property
    def target(self) -> str:
        """A field that each sample has, by which samples are counted."""
        target = self.fitted.target
        return target if target in self.dtypes else next(iter(self.dtypes))

    @cached_property
    def terms(self) -> list[tuple[LossTerm, tuple[str, ...]]]:
        """The summands of the loss, each with the names of the values that it compares."""
        return [
            (term, tuple(self.fitted.output if one.text == "it" else one.text for one in values_of(term, self.fitted)))
            for term in self.recipe.losses
        ]

    @cached_property
    def metrics(self) -> list[Part]:
        """What is measured beside the loss."""
        return measured(self.recipe)

    @property
    def moved(self) -> list[str]:
        """The fields that transforms move with the image: masks and boxes."""
        return [name for name in ("mask", "boxes") if name in self.dtypes]

    @property
    def training_only(self) -> set[str]:
        """The outputs that exist in training alone."""
        return {port.name for port in self.graph.root.outputs if port.training}

    @property
    def has_modes(self) -> bool:
        """Whether the net gives other outputs in training than in evaluation."""
        return bool(self.training_only)

    @property
    def classes(self) -> int:
        """The number of scores that the first loss compares with classes."""
        name = self.terms[0][1][0]
        value = self.fitted.value(name)
        assert value is not None and value.shape, name
        return value.shape[self.fitted.class_axis(name) - 1]

    @property
    def image_values(self) -> int:
        """The values of the input that the images fill."""
        root = self.graph.root
        return max(prod(root.types[port.value].shape[1:]) for port in root.inputs)

    @cached_property
    def names(self) -> dict[str, str]:
        """The variable of each field, input and output in the script."""
        root = self.graph.root
        words = [*self.dtypes, *(port.name for port in (*root.inputs, *root.outputs))]
        found: dict[str, str] = {}
        for word in dict.fromkeys(words):
            name = re.sub(r"\W", "_", word)
            if not name.isidentifier() or keyword.iskeyword(name) or name in _TAKEN:
                name = f"{name}_" if name.isidentifier() else f"_{name}"
            while name in found.values():
                name += "_"
            found[word] = name
        return found


def plan_of(
    recipe: Recipe,
    graph: Graph,
    spec: str,
    dtypes: Mapping[str, str],
    path: Path | None,
    types: Mapping[str, TensorType],
) -> Plan:
    """Return the plan of a script. `dtypes` has the fields of a sample as the data gives them."""
    plain = Plan(recipe, graph, spec, dtypes, path, types)
    more = [name for _, names in plain.terms for name in names if name not in dtypes]
    return replace(plain, graph=returning(graph, more))


@dataclass
class Script:
    """The parts of a script as they are written: imports, constants and functions, each once, in order."""

    imports: set[str] = field(default_factory=set[str])
    constants: list[str] = field(default_factory=list[str])
    functions: list[str] = field(default_factory=list[str])

    def add(self, function: str, *imports: str) -> None:
        """Add the text of a function or class, and what it imports."""
        self.functions.append(function.strip("\n"))
        self.imports.update(imports)
