"""A recipe beside its net: its values, parameters and inputs by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archlang.facts.named_values import type_at
from archlang.facts.net import NetFacts
from archlang.ir import Graph, Layer, is_at
from archlang.recipes.losses import Compared, loss_of
from archlang.recipes.recipe import LossTerm, Named, Recipe
from archlang.recipes.sources import DATA
from archlang.shapes import TensorType, input_type

NORMS = frozenset({"batchnorm", "layernorm", "groupnorm", "instancenorm", "rmsnorm", "frozen_batchnorm", "lrn"})


@dataclass(frozen=True)
class Fitted:
    """A recipe beside the facts of its net."""

    recipe: Recipe
    graph: Graph

    @cached_property
    def facts(self) -> NetFacts:
        """The facts of the net in training."""
        return NetFacts(self.graph, training=True)

    @cached_property
    def fields(self) -> Mapping[str, Compared]:
        """The fields of a sample that are known without reading the data."""
        part = self.recipe.data
        return DATA[part.word].fields(part.arguments, self.graph)

    @property
    def target(self) -> str:
        """The field that a loss compares with where it names none."""
        part = self.recipe.data
        return DATA[part.word].target(part.arguments)

    @property
    def output(self) -> str:
        """The output that a loss compares where it names none: the first in evaluation."""
        return next((port.name for port in self.graph.root.outputs if not port.training), "")

    def value(self, name: str) -> Compared | None:
        """Return a value of the net by its path, label or port; None if it has none of that name."""
        found = type_at(self.facts.tree, self.output if name == "it" else name)
        return None if found is None else compared(name, found)

    def type(self, name: str) -> TensorType | None:
        """Return the type of a value that a loss compares: of the net, or a field whose shape is known."""
        found = type_at(self.facts.tree, self.output if name == "it" else name)
        field = self.fields.get(name)
        if found is not None or field is None or field.shape is None or field.dtype is None:
            return found
        return input_type(field.shape, field.dtype)

    def class_axis(self, name: str) -> int:
        """Return the axis of a batch of values that has the classes: the channels, 1 in n c h w and 2 in n t c."""
        found = type_at(self.facts.tree, self.output if name == "it" else name)
        return found.axes.index("c") if found is not None and "c" in found.axes else 1

    @cached_property
    def parameters(self) -> dict[str, Layer]:
        """The trainable parameters by their path, each with its layer."""
        return {
            f"{layer.path}.{weight.name}" if layer.path else weight.name: layer
            for layer in self.facts.layers
            if not (layer.reused or layer.frozen)
            for weight in layer.op.weights(*layer.input_types)
            if not weight.buffer
        }

    def chosen(self, target: str) -> list[str]:
        """Return the parameters that a path or one of the words `norms`, `biases`, `embeddings` names."""
        if target == "norms":
            return [path for path, layer in self.parameters.items() if layer.op.word in NORMS]
        if target == "biases":
            return [path for path in self.parameters if path.rpartition(".")[2].startswith("bias")]
        if target == "embeddings":
            return [path for path, layer in self.parameters.items() if "embedding" in layer.op.word]
        return [path for path in self.parameters if is_at(path, target)]

    @cached_property
    def ranks(self) -> dict[str, int]:
        """How many axes each trainable parameter has."""
        found: dict[str, int] = {}
        for path, layer in self.parameters.items():
            weights = {weight.name: weight.shape for weight in layer.op.weights(*layer.input_types)}
            found[path] = len(weights[path.removeprefix(f"{layer.path}.")])
        return found

    @cached_property
    def left(self) -> set[str]:
        """The parameters that the optimiser does not train, and `rest` does."""
        recipe = self.recipe
        if recipe.rest is None:
            return set()
        named = {path for target in recipe.rest.targets for path in self.chosen(target.text)}
        return named | {path for path, rank in self.ranks.items() if rank != 2}

    def with_units(self, targets: Sequence[str]) -> dict[str, int]:
        """Return the parameters of at least two axes under these paths, or all, each with the axis of its units."""
        chosen = [path for target in targets for path in self.chosen(target)] if targets else list(self.parameters)
        transposed = {path: layer.op.word == "deconv" for path, layer in self.parameters.items()}
        return {path: int(transposed[path]) for path in chosen if self.ranks[path] > 1}


def compared(name: str, type: TensorType) -> Compared:
    sides = tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")
    return Compared(name, sides, type.dtype)


def values_of(term: LossTerm, fitted: Fitted) -> list[Named]:
    """Return the values that a loss compares: those written, then the net's output and the data's target."""
    loss, values = loss_of(term.part.word), list(term.values)
    span = term.part.span
    if not values:
        values.append(Named("it", span))
    if loss.target is not None and len(values) == loss.target:
        values.append(Named(fitted.target, span))
    return values


def classes_first(compared: Sequence[Compared], term: LossTerm, fitted: Fitted) -> list[Compared]:
    """Return the values with the classes of the scores as their first axis, if the loss compares classes."""
    first, *rest = compared
    if not loss_of(term.part.word).along_channels or not first.shape:
        return list(compared)
    at = fitted.class_axis(first.name) - 1
    shape = (first.shape[at], *first.shape[:at], *first.shape[at + 1 :])
    return [Compared(first.name, shape, first.dtype), *rest]


def fed(recipe: Recipe, inputs: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    """Return the field or noise that fills each input: the one that is fed, of the same name, or the first field."""
    found: dict[str, str] = {}
    for at, name in enumerate(inputs):
        source = recipe.feeds.get(name)
        found[name] = source.text if source else name if name in fields or at > 0 else fields[0]
    return found
