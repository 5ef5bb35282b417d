"""Layers in the notation of papers: `7×7 conv, 64, /2`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from archlang.ir import Layer
from archlang.ops.base import Operator

TIMES = "×"
_POWERS = ("", " k", " M", " G", " T", " P")


def si(number: float) -> str:
    """Return three digits with a unit of SI: `9.54 k`, `118 M`."""
    power = 0
    while abs(number) >= 999.5 and power < len(_POWERS) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.3g}{_POWERS[power]}"


def shape_text(sizes: Iterable[int]) -> str:
    """Return a shape with multiplication signs."""
    return TIMES.join(map(str, sizes))


def name_of(op: Operator) -> str:
    """Return what papers call an operator."""
    return op.noted or op.word.replace("_", " ")


def head_text(layer: Layer, letters: Mapping[str, str]) -> str:
    """Return a layer with its window, width and stride. `letters` take the places of arguments that vary."""
    op = layer.op
    parts = [" ".join(filter(None, (_window(op, letters), _grouped(layer), name_of(op))))]
    width = _width(op, letters)
    parts += [width] if width else []
    parts += [text for text in (_stride(op, letters), _dilation(op, letters)) if text]
    return ", ".join(parts)


def trim_text(layers: Iterable[Layer]) -> str:
    """Return norms and activations joined by hyphens: `BN-ReLU`. What changes no value in a picture is left out."""
    return "-".join(name for name in map(_trim, layers) if name)


def _trim(layer: Layer) -> str:
    op = layer.op
    if op.family == "layout":
        return ""
    if op.family == "dropout":
        p = getattr(op, "p", None)
        return f"{name_of(op)} {p:g}" if isinstance(p, (int, float)) and p else ""
    return name_of(op)


def _fields(op: Operator, kind: str) -> list[str]:
    return [name for name, of in op.positional.items() if of == kind and getattr(op, name, None) is not None]


def _window(op: Operator, letters: Mapping[str, str]) -> str:
    """Return the window: `7×7`, `2-tap` of a sequence; of a pool that gives a size, that size."""
    for name in _fields(op, "window"):
        if name in letters:
            return letters[name]
        sizes = getattr(op, name)
        if name not in ("kernel", "window"):
            return f"→{shape_text(sizes)}" if name == "shape" else ""
        return f"{sizes[0]}-tap" if len(sizes) == 1 else shape_text(sizes)
    return ""


def _grouped(layer: Layer) -> str:
    groups = getattr(layer.op, "groups", 1)
    if not isinstance(groups, int) or groups == 1 or not hasattr(layer.op, "kernel"):
        return ""
    sizes = dict(zip(layer.input_types[0].axes, layer.input_types[0].shape, strict=True))
    return "depthwise" if groups == sizes.get("c") else "grouped"


def _width(op: Operator, letters: Mapping[str, str]) -> str:
    """Return the number that papers give after the name: channels, units, heads, or the size of a pool's output."""
    for name in _fields(op, "number"):
        if name in ("p", "value"):
            continue
        text = letters.get(
            name, f"{getattr(op, name):g}" if isinstance(getattr(op, name), float) else str(getattr(op, name))
        )
        if text == name:  # a column of its own
            return ""
        return text if name in ("out", "width", "factor", "count") else f"{text} {name.replace('_', ' ')}"
    sizes: Any = getattr(op, "size", None)
    return shape_text(cast("tuple[int, ...]", sizes)) if isinstance(sizes, tuple) else ""


def _stride(op: Operator, letters: Mapping[str, str]) -> str:
    stride = getattr(op, "stride", None)
    sign = TIMES if op.family == "upsampling" else "/"
    if "stride" in letters:
        return sign + letters["stride"]
    sizes = {stride} if isinstance(stride, int) else set(stride or ())
    if not sizes or sizes == {1}:
        return ""
    return sign + (
        str(stride)
        if isinstance(stride, int) or stride is None
        else shape_text(stride)
        if len(sizes) > 1
        else str(stride[0])
    )


def _dilation(op: Operator, letters: Mapping[str, str]) -> str:
    if "dilation" in letters:
        return ""
    dilation = getattr(op, "dilation", 1)
    sizes = (dilation,) if isinstance(dilation, int) else tuple(dilation)
    return "" if set(sizes) <= {1} else f"dilation {sizes[0] if len(set(sizes)) == 1 else shape_text(sizes)}"
