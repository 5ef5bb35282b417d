"""What a checkpoint was made from: the recipe and the net, as text that a later run is held against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from archlang.diff import diff, rows
from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.train.folder import settings

_SHOWN = 3  # differences that a message lists
_NOWHERE = {"file": "", "line": 1, "column": 1, "end_line": 1, "end_column": 1}


def stamp(recipe: Recipe, graph: Graph) -> dict[str, str]:
    """Return what the result of a run depends on: every setting of the recipe, and the net, each as JSON.

    Comments, places in the text, promises and versions are no part of it.
    """
    chosen = settings(recipe)
    for name in ("origins", "versions"):
        del chosen[name]
    net = graph.model_dump(mode="json", exclude={"promises"})
    return {"recipe": json.dumps(chosen, sort_keys=True), "net": json.dumps(_without_places(net), sort_keys=True)}


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {name: _NOWHERE if name == "span" else _without_places(one) for name, one in named.items()}
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [_without_places(one) for one in items]
    return value


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return which of `recipe` and `net` differ between two stamps."""
    return [name for name, text in now.items() if before.get(name) != text]


def differences(before: Mapping[str, str], recipe: Recipe, graph: Graph) -> list[str]:
    """Return what differs between a stamp and a run, each in words: `optimizer.sgd.lr 0.1 → 0.2`."""
    now = stamp(recipe, graph)
    nets = _of_nets(before["net"], graph) if before["net"] != now["net"] else []
    return [*_of_recipes(before["recipe"], now["recipe"]), *nets]


def listed(found: list[str]) -> str:
    """Return differences as one text, the first few of them."""
    more = len(found) - _SHOWN
    return "; ".join(found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _of_recipes(before: str, now: str) -> list[str]:
    old, new = dict(_leaves(json.loads(before), "")), dict(_leaves(json.loads(now), ""))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name} {_said(old.get(name))} → {_said(new.get(name))}" for name in names]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the plain values in nested JSON with their paths. The only item of a list has the path of the list."""
    if isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            yield from _leaves(one, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        for at, one in enumerate(items):
            yield from _leaves(one, path if len(items) == 1 else f"{path}.{at}")
    elif path:
        yield path, value


def _said(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _of_nets(before: str, graph: Graph) -> list[str]:
    """Return the layers that differ; those that only follow from another one are left out."""
    try:
        old = Graph.model_validate_json(before)
    except ValueError:  # it has operators that are not known now
        return ["the operators of the net"]
    found: list[str] = []
    for row in rows(diff(old, graph).changes):
        if row.change.kind != "follows":
            places = (row.before, row.after) if row.before != row.after else (row.before, "")
            sides = [
                f"{at} {row.written(side)}".strip() if at is not None else "none" for side, at in enumerate(places)
            ]
            found.append(" → ".join(sides))
    return found or ["the net"]
