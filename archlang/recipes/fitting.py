"""Checks that a recipe fits its net and its data: values, shapes, dtypes, paths, lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archlang.diagnostics import Diagnostic
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.facts.named_values import type_at
from archlang.facts.net import NetFacts
from archlang.ir import Graph, Layer, is_at
from archlang.recipes.losses import LOSSES, Compared
from archlang.recipes.measures import OF_CLASSES
from archlang.recipes.reading import NOISE
from archlang.recipes.recipe import LossTerm, Named, Recipe
from archlang.recipes.schedules import LENGTHS
from archlang.recipes.sources import DATA
from archlang.shapes import TensorType

NORMS = frozenset({"batchnorm", "layernorm", "groupnorm", "instancenorm", "rmsnorm", "frozen_batchnorm", "lrn"})
KINDS = ("norms", "biases", "embeddings")  # words of `group` and `freeze` besides paths


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


def compared(name: str, type: TensorType) -> Compared:
    sides = tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")
    return Compared(name, sides, type.dtype)


def misfits(recipe: Recipe, graph: Graph) -> list[Diagnostic]:
    """Return a diagnostic for everything in a recipe that does not fit its net or its data."""
    fitted = Fitted(recipe, graph)
    return [
        *_losses(fitted),
        *_measures(fitted),
        *_targets(fitted),
        *_lengths(fitted),
        *_inputs(fitted),
    ]


def values_of(term: LossTerm, fitted: Fitted) -> list[Named]:
    """Return the values that a loss compares: those written, then the net's output and the data's target."""
    loss, values = LOSSES[term.part.word], list(term.values)
    span = term.part.span
    if not values:
        values.append(Named("it", span))
    if loss.target is not None and len(values) == loss.target:
        values.append(Named(fitted.target, span))
    return values


def _losses(fitted: Fitted) -> Iterator[Diagnostic]:
    for term in fitted.recipe.losses:
        loss, values = LOSSES[term.part.word], values_of(term, fitted)
        if len(values) != len(loss.takes):
            message = f"`{term.part.word}` compares {len(loss.takes)} values: {', '.join(loss.takes)}"
            yield Diagnostic("missing-argument", message, term.part.span)
            continue
        found = [_value(value, fitted) for value in values]
        wrong = [one for one in found if isinstance(one, Diagnostic)]
        yield from wrong
        compared = [one for one in found if isinstance(one, Compared)]
        if wrong or len(compared) < len(values):
            continue
        reason = loss.law(classes_first(compared, term, fitted), dict(term.part.arguments))
        if reason is not None:
            yield Diagnostic("loss-does-not-fit", f"`{term.part.word}`: {reason}", term.part.span)


def classes_first(compared: Sequence[Compared], term: LossTerm, fitted: Fitted) -> list[Compared]:
    """Return the values with the classes of the scores as their first axis, if the loss compares classes."""
    first, *rest = compared
    if not LOSSES[term.part.word].of_classes or not first.shape:
        return list(compared)
    at = fitted.class_axis(first.name) - 1
    shape = (first.shape[at], *first.shape[:at], *first.shape[at + 1 :])
    return [Compared(first.name, shape, first.dtype), *rest]


def _value(value: Named, fitted: Fitted) -> Compared | Diagnostic | None:
    """Return the value that a loss names: of the net, or a field. None for a field that only the data will tell."""
    found = fitted.value(value.text)
    if found is not None:
        return found
    if value.text in fitted.fields:
        return fitted.fields[value.text]
    if not fitted.fields:
        return Compared(value.text, None, None)
    root = fitted.graph.root
    names = [*fitted.fields, *root.labels, *(port.name for port in (*root.inputs, *root.outputs)), "it"]
    listed = f"the fields of `{fitted.recipe.data.word}` are {', '.join(fitted.fields)}"
    help = did_you_mean(value.text, names) or listed
    message = f"`{value.text}` is no value of {fitted.graph.name} and no field of the data"
    return Diagnostic("unknown-name", message, value.span, help=help)


def _measures(fitted: Fitted) -> Iterator[Diagnostic]:
    first = fitted.recipe.losses[0] if fitted.recipe.losses else None
    of_classes = first is not None and LOSSES[first.part.word].of_classes
    for part in fitted.recipe.metrics:
        if part.word in OF_CLASSES and not of_classes:
            message = f"`{part.word}` measures classes, and the first loss of the recipe compares none"
            yield Diagnostic("loss-does-not-fit", message, part.span)
    for goal in fitted.recipe.goals:
        if goal.metric in OF_CLASSES and not of_classes:
            message = f"`{goal.metric}` measures classes, and the first loss of the recipe compares none"
            yield Diagnostic("loss-does-not-fit", message, goal.span)


def _targets(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what groups and `freeze` name and the net does not have, and parameters that are in two groups."""
    recipe, seen = fitted.recipe, dict[str, Named]()
    for group in recipe.groups:
        for target in group.targets:
            found = fitted.chosen(target.text)
            if not found:
                yield _nothing(target, fitted)
            twice = next((path for path in found if path in seen and seen[path] not in group.targets), None)
            if twice is not None:
                message = f"`{twice}` is in two groups: `{seen[twice].text}` and `{target.text}`"
                yield Diagnostic("duplicate-setting", message, target.span)
            seen |= dict.fromkeys(found, target)
    for freeze in recipe.freezes:
        for target in freeze.targets:
            if not fitted.chosen(target.text):
                yield _nothing(target, fitted)
    if recipe.freezes and all(freeze.until is None for freeze in recipe.freezes):
        frozen = {path for freeze in recipe.freezes for target in freeze.targets for path in fitted.chosen(target.text)}
        if frozen and len(frozen) == len(fitted.parameters):
            message = f"all parameters of {fitted.graph.name} are frozen: nothing would train"
            yield Diagnostic("nothing-trains", message, recipe.freezes[0].span)


def _nothing(target: Named, fitted: Fitted) -> Diagnostic:
    paths = {".".join(path.split(".")[:depth]) for path in fitted.parameters for depth in range(1, path.count(".") + 2)}
    message = f"`{target.text}` names no trainable parameter of {fitted.graph.name}"
    help = did_you_mean(target.text, [*KINDS, *sorted(paths)]) or f"paths of it begin with {_listed(paths)}"
    return Diagnostic("unknown-name", message, target.span, help=help)


def _listed(paths: set[str]) -> str:
    tops = sorted(path for path in paths if "." not in path)
    return ", ".join(tops[:6]) + (f" and {len(tops) - 6} more" if len(tops) > 6 else "")


def _lengths(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield schedules that are longer than the run, and freezes that outlast it, where both are counted alike."""
    recipe = fitted.recipe
    run = recipe.epochs if recipe.schedule.by == "epoch" else recipe.steps
    unit = recipe.schedule.by
    total = 0
    for part in recipe.schedule.parts:
        named = {"warmup": "length", "constant": "total_iters", "multistep": "milestones", **LENGTHS}.get(part.word, "")
        value = part.arguments.get(named)
        last = value[-1] if isinstance(value, tuple) else value
        total += last if isinstance(last, int) else 0
        if run is not None and total > run and named in part.given:
            message = f"`{part.word}` reaches to {unit} {total:,}, and the run ends at {unit} {run:,}"
            yield Diagnostic("out-of-range", message, part.given[named])
    for freeze in recipe.freezes:
        if freeze.until is not None and recipe.epochs is not None and freeze.until >= recipe.epochs:
            message = f"frozen until epoch {freeze.until}, and the run has {recipe.epochs} epochs"
            yield Diagnostic("out-of-range", message, freeze.span)
    if recipe.batch % recipe.accumulate:
        message = f"a batch of {recipe.batch} does not divide into {recipe.accumulate} equal parts"
        yield Diagnostic("out-of-range", message, recipe.origins["accumulate"])


def _inputs(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield inputs of the net that nothing fills, and feeds of what does not exist."""
    recipe, inputs = fitted.recipe, [port.name for port in fitted.graph.root.inputs]
    for name, source in recipe.feeds.items():
        if name not in inputs:
            message = f"{fitted.graph.name} has no input `{name}`"
            yield Diagnostic("unknown-name", message, source.span, help=did_you_mean(name, inputs))
        if fitted.fields and source.text not in (*fitted.fields, *NOISE):
            listed = ", ".join((*fitted.fields, *NOISE))
            message = f"`{source.text}` is no field of `{recipe.data.word}`"
            yield Diagnostic("unknown-name", message, source.span, help=f"an input takes {listed}")
    for at, name in enumerate(inputs):
        if name not in recipe.feeds and at > 0 and fitted.fields and name not in fitted.fields:
            message = f"nothing fills the input `{name}` of {fitted.graph.name}"
            help = f"write `feed {name} FIELD`; the fields of `{recipe.data.word}` are {', '.join(fitted.fields)}"
            yield Diagnostic("data-does-not-fit", message, recipe.data.span, help=help)


def fed(recipe: Recipe, inputs: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    """Return the field or noise that fills each input: the one that is fed, of the same name, or the first field."""
    found: dict[str, str] = {}
    for at, name in enumerate(inputs):
        source = recipe.feeds.get(name)
        found[name] = source.text if source else name if name in fields or at > 0 else fields[0]
    return found
