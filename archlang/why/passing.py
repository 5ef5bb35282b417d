"""A layer's receptive field, the work of its backward pass and the tensors saved for it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from archlang.facts.receptive import Interval, ReceptiveField
from archlang.facts.untold import listed
from archlang.ops.base import Work
from archlang.shapes import Window
from archlang.why.answer import Keeps, WhyLayer

WORK_WORDS: Mapping[str, str] = {
    "bias_adds": "additions of a bias", "normalised": "values normalised", "activated": "values activated",
    "elementwise": "additions, multiplications and divisions", "comparisons": "comparisons", "moved": "values copied",
}  # fmt: skip


def seen_text(field: ReceptiveField) -> str:
    """Return the receptive field in words: `7x7 of the input (its receptive field), in steps of 2 from -3 on`.

    The last number is the start of the first position's field, which may be in the padding. Where positions see
    differently, the window that holds what each of them sees is told too.
    """
    if field.untold:
        return f"unknown: {listed(field.untold)}"
    if field.whole:
        return "the whole input"
    known = [interval for interval in field.axes.values() if interval is not None and not interval.whole]
    alike = {(interval.stride, interval.pad, interval.extent - interval.size) for interval in known}
    if not field.paths or len(known) < len(field.paths) or len(alike) > 1:
        return "; ".join(f"along {axis} {_along(paths)}" for axis, paths in field.paths.items())
    sizes = [interval.size for interval in known]
    if set(sizes) == {1}:
        return "one position of the input" + (_steps(known[0]) if alike != {(1, 0, 0)} else "")
    return f"{'x'.join(map(str, sizes))} of the input (its receptive field){_steps(known[0])}"


def _along(paths: tuple[Interval, ...]) -> str:
    path, *others = paths
    if others:
        strides = " and ".join(str(path.stride) for path in paths)
        return f"not one window: paths with steps of {strides} meet"
    return f"all {path.size}" if path.whole else f"{path.size}{_steps(path)}"


def _steps(interval: Interval) -> str:
    within = f", within a window of {interval.extent}" if interval.extent > interval.size else ""
    if not interval.stride:
        return f"{within} from {-interval.pad} on, whatever the position"
    return f"{within}, in steps of {interval.stride} from {-interval.pad} on"


def backward_text(layer: WhyLayer) -> str:
    """Return the gradients that the backward pass computes, and its work."""
    inputs = "input" if len(layer.inputs) == 1 else "inputs" if all(layer.wanted.inputs) else "trained inputs"
    given = [word for word, holds in (("weights", layer.wanted.weights), (inputs, any(layer.wanted.inputs))) if holds]
    if not given:
        return "nothing: no gradient is wanted here"
    return f"gradients of its {' and '.join(given)}: {work_text(layer.backward) or 'no arithmetic'}"


def work_text(work: Work) -> str:
    """Return the columns that are not 0, in words."""
    columns = [(name, amount) for name, amount in asdict(work).items() if amount]
    return ", ".join(f"{amount:,} {WORK_WORDS.get(name, 'MACs')}" for name, amount in columns)


def kept_text(layer: WhyLayer) -> Iterator[str]:
    """Yield a line for each tensor that is saved for backward, with its bytes for one image."""
    if layer.keeps_untold:
        yield f"unknown: {listed(layer.keeps_untold)}"
        return
    for tensor in layer.keeps:
        yield f"its {tensor.what} {Window(tensor.shape)} {tensor.dtype}, {_memory(tensor, layer)}"


def _memory(tensor: Keeps, layer: WhyLayer) -> str:
    if tensor.keeper is None:
        return "which is allocated anyway"
    if tensor.new_bytes:
        return f"{tensor.new_bytes:,} bytes"
    own = tensor.keeper == layer.path
    return f"already saved by {'it' if own else tensor.keeper or 'a join'}"
