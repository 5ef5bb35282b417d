"""How the weights of a row start, in words and as data."""

from __future__ import annotations

from collections.abc import Mapping

from archlang.ir import Layer
from archlang.ops.initialisers import TORCHS_OWN, start_text
from archlang.report.lines import Line

STARTS = "starts"
SEVERAL = "several"  # what a row of several layers shows if they start differently


def starts_of(layer: Layer) -> dict[str, str]:
    """Return how each weight of a layer starts, as the language writes it. A layer that is applied again has none.

    The name is that in the state dict below the layer's path, so that a `param` has an empty one. A tied weight is
    `tied to` the path of the other.
    """
    if layer.reused or layer.node.module is not None:
        return {}
    node = layer.node
    found: dict[str, str] = {}
    for weight in node.op.weights(*layer.input_types):
        if node.op.declared:
            found[weight.name] = start_text(getattr(node.op, "init", TORCHS_OWN), getattr(node.op, "values", ()))
        elif weight.name in node.ties:
            found[weight.name] = f"tied to {node.ties[weight.name]}"
        elif not weight.buffer:
            found[weight.name] = str(node.starts.get(weight.name, TORCHS_OWN))
    return found


def starts_text(line: Line) -> str:
    """Return how the weights of a row start: `normal(std=0.01), bias ones`. Empty without weights, and for the net."""
    if not line.op:
        return ""
    found = [layer.starts for layer in line.layers if layer.starts]
    texts = dict.fromkeys(map(_text, found))
    return next(iter(texts), "") if len(texts) < 2 else SEVERAL


def starts_json(line: Line) -> Mapping[str, str] | None:
    """Return how the weights of a row start, by name; None if its layers start differently."""
    found = [layer.starts for layer in line.layers if layer.starts]
    return (found[0] if found else {}) if all(one == found[0] for one in found) else None


def _text(starts: Mapping[str, str]) -> str:
    """Return the starts; those that `weight` shares first, then each other one by the names of its weights."""
    names: dict[str, list[str]] = {}
    for name, start in starts.items():
        names.setdefault(start, []).append(name)
    first = starts.get("weight", next(iter(starts.values())))
    parts = [first, *(f"{' and '.join(found)} {start}" for start, found in names.items() if start != first)]
    return ", ".join(parts)
