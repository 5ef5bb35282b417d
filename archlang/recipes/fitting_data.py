"""Compares a recipe with its data, when that is open: the fields of a sample, and the values of integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from archlang.ir import Graph
from archlang.ops.embedding import Table
from archlang.recipes.fitting import Fitted, classes_first, compared, fed, values_of
from archlang.recipes.losses import Compared, loss_of
from archlang.recipes.own_loss import misfit_of_own
from archlang.recipes.reading import NOISE
from archlang.recipes.recipe import Recipe
from archlang.shapes import TensorType, input_type

Shapes = Mapping[str, tuple[tuple[int, ...], str]]  # shape and dtype of each field of a sample
Extremes = Callable[[str, int | None], tuple[int, int] | None]  # the least and largest integer of a field, without one


def misfits_of_data(
    recipe: Recipe, graph: Graph, fields: Shapes, classes: int, extremes: Extremes = lambda name, without: None
) -> str | None:
    """Return what of the data does not fit the net or the losses; None if all does.

    `fields` are those of a sample behind the transforms, `classes` is the number of classes, 0 if it is not known.
    """
    fitted = Fitted(recipe, graph)
    return (
        next(_inputs(fitted, fields), None)
        or next(_losses(fitted, fields, classes), None)
        or next(_ranges(fitted, fields, extremes), None)
    )


def _inputs(fitted: Fitted, fields: Shapes) -> Iterator[str]:
    root = fitted.graph.root
    sources = fed(fitted.recipe, [port.name for port in root.inputs], list(fields))
    for port in root.inputs:
        source = sources[port.name]
        if source in NOISE:
            continue
        if source not in fields:
            yield f"nothing fills the input `{port.name}`; the data has the fields {', '.join(fields)}"
            continue
        wanted, (shape, dtype) = compared(port.name, root.types[port.value]), fields[source]
        if shape != wanted.shape:
            told = "x".join(map(str, shape)) or "one number"
            yield f"the field `{source}` is {told} behind the transforms, and the input {wanted} is not"
        elif "float" in dtype and "int" in (wanted.dtype or ""):
            yield f"the field `{source}` holds {dtype}, and the input {wanted} takes integers"


def _losses(fitted: Fitted, fields: Shapes, classes: int) -> Iterator[str]:
    for term in fitted.recipe.losses:
        values = [_known(value.text, fitted, fields, classes) for value in values_of(term, fitted)]
        if None in values:
            yield f"`{term.part.word}` compares a field that the data does not have; it has {', '.join(fields)}"
            continue
        known = classes_first([one for one in values if one is not None], term, fitted)
        if term.own is not None:
            types = [fitted.type(value.text) or _type(fields, value.text) for value in values_of(term, fitted)]
            reason = misfit_of_own(term.own, types)
        else:
            reason = loss_of(term.part.word).law(known, dict(term.part.arguments))
        if reason is not None:
            yield f"`{term.part.word}`: {reason}"


def _type(fields: Shapes, name: str) -> TensorType | None:
    return input_type(*fields[name]) if name in fields else None


def _known(name: str, fitted: Fitted, fields: Shapes, classes: int) -> Compared | None:
    found = fitted.value(name)
    if found is not None or name not in fields:
        return found
    shape, dtype = fields[name]
    told = fitted.fields.get(name)
    counted = classes if name in ("label", "mask") and classes else None
    if told is None:
        return Compared(name, shape, dtype, counted)
    return Compared(name, shape, dtype, counted or told.classes, told.ignored)


def _ranges(fitted: Fitted, fields: Shapes, extremes: Extremes) -> Iterator[str]:
    """Yield classes that have no score, and integers that have no vector in the table that they go into."""
    for term in fitted.recipe.losses:
        if not loss_of(term.part.word).of_classes:
            continue
        scores, target = values_of(term, fitted)
        ignored = term.part.arguments.get("ignore_index")
        found = extremes(target.text, ignored if isinstance(ignored, int) else None)
        value = fitted.value(scores.text)
        if found is None or value is None or "float" in fields[target.text][1]:
            continue
        count = (classes_first([value], term, fitted)[0].shape or (0,))[0]
        if outside := _outside(found, count):
            yield f"`{target.text}` has the class {outside}, and {value} has scores for 0 to {count - 1}"
    sources = fed(fitted.recipe, [port.name for port in fitted.graph.root.inputs], list(fields))
    for layer in fitted.facts.layers:
        for number in layer.inputs[:1]:
            if isinstance(layer.op, Table) and number < len(sources):
                source = list(sources.values())[number]
                found = extremes(source, None)
                if found is not None and (outside := _outside(found, layer.op.count)):
                    has = f"has vectors for 0 to {layer.op.count - 1}"
                    yield f"the field `{source}` holds {outside}, and `{layer.path}` {has}"


def _outside(found: tuple[int, int], count: int) -> str:
    low, high = found
    return str(low) if low < 0 else str(high) if high >= count else ""
