"""The accuracy plot of the page: the shipped nets with a published accuracy, and the net itself among them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from archlang.facts.work import Totals


@dataclass(frozen=True, slots=True)
class Published:
    """The published accuracy of a shipped net, in percent, top-1 on ImageNet's validation images.

    If it was measured on images of another size than that of the spec, `side` is their size in pixels, and `macs` the
    multiply-accumulates for one of them, if they are known.
    """

    top1: float
    macs: int | None = None
    side: int | None = None


def accuracy_data(totals: Totals, published: Published | None) -> dict[str, object]:
    """Return the net's place in the plot, and the shipped nets."""
    own = asdict(published) if published else None
    return {"macs": totals.macs, "params": totals.params, "published": own, "nets": zoo_points()}


@cache
def zoo_points() -> list[list[Any]]:
    """Return name, family, MACs, parameters, accuracy and `side` of each net with an accuracy.

    The MACs are those of one image of the size on which the accuracy was measured; `side` is that size in pixels if the
    spec has another one, else None.
    `python -m tests.regenerate tests/page/test_data.py` writes the file anew.
    """
    import json

    text = files("archlang.page").joinpath("zoo.json").read_text(encoding="utf-8")
    found: list[list[Any]] = json.loads(text)
    return found
