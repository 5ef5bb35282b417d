"""What the zoo lists about one shipped net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from archlang.facts.net import NetFacts
from archlang.zoo.origin import origin


@dataclass(frozen=True, slots=True)
class Entry:
    """A shipped net. What is not known is None.

    `input` is its image as the language writes it. `top1` and `top5` are accuracies in percent on ImageNet's validation
    images, as torchvision publishes them, of the weights with this name there, measured on images of
    `measured_on` pixels a side. If it has several weights they are the best of those measured on the net's own size,
    or of all where none was. All of them stand in `published`.
    """

    name: str
    family: str
    params: int
    macs: int
    input: str
    year: int | None
    arxiv: str | None
    top1: float | None
    top5: float | None
    measured_on: int | None
    weights: str | None
    published: tuple[Mapping[str, Any], ...]


def entry(facts: NetFacts, family: str, text: str) -> Entry:
    """Make the entry of a net from its facts for one image, its spec's file name and its spec's text."""
    graph, counts = facts.graph, facts.counts.net
    inputs = [graph.root.types[port.value] for port in graph.root.inputs]
    told = origin(text, graph.name)
    known = published().get(graph.name, ())
    sides = {type.shape[-1] for type in inputs}
    fitting = [one for one in known if {one["input"]} == sides] or known
    best = max(fitting, key=lambda one: one["top1"], default=None)
    return Entry(
        name=graph.name,
        family=family,
        params=counts.params,
        macs=counts.macs,
        input=", ".join(map(str, inputs)),
        year=told.year,
        arxiv=told.arxiv,
        top1=best["top1"] if best else None,
        top5=best["top5"] if best else None,
        measured_on=best["input"] if best else None,
        weights=best["weights"] if best else None,
        published=known,
    )


@cache
def published() -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """Return the published weights by the name of the net: name, file, side of the images in pixels, top-1 and top-5.

    They are torchvision's, taken from its metadata by tests/zoo/test_zoo_command.py.
    """
    import json

    text = files("archlang.zoo").joinpath("published.json").read_text(encoding="utf-8")
    return {name: tuple(known) for name, known in json.loads(text).items()}
