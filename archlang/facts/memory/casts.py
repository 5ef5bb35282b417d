"""The values of a net in memory, and the dtypes in which they are computed under torch.autocast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archlang.diagnostics import Rejected
from archlang.facts.memory.normalised import Made
from archlang.facts.memory.setup import Setup
from archlang.ir import Layer
from archlang.ops.base import GradientPlace
from archlang.ops.layouts import Laid


@dataclass(frozen=True, slots=True)
class Held:
    """A value: its number, type and strides, its storage, the path of its layer, whether it needs a gradient.

    The value of a parameter or buffer is `lasting`: its storage is never freed and has no number in the heap. One that
    the backward pass can make again says what it is `made_of`.
    """

    number: int
    type: Laid
    storage: int
    path: str
    needs: bool
    lasting: bool = False
    made_of: Made | None = None


class AutocastUnknown(Rejected):
    """It is not known in which dtype a layer computes under torch.autocast; `of` names the inputs concerned.

    Or torch refuses to compute it of the `refused` dtype.
    """

    def __init__(self, layer: Layer, of: str = "", refused: str = "") -> None:
        place = f"`{layer.path}` ({layer.op.word})" if layer.path else f"this {layer.op.word}"
        message = f"it is not known in which dtype {place} computes under autocast{of}"
        if refused:
            message = f"torch refuses {place} of {refused} under autocast, since it does not cast the weights"
        super().__init__("autocast-unknown", message)
        self.layer = layer


def computed_in(layer: Layer, inputs: Sequence[Held], setup: Setup) -> str | None:
    """Return the float dtype in which a layer computes under autocast; None without autocast or without float inputs.

    Raises AutocastUnknown if that is not known.
    """
    dtypes = {x.type.dtype for x in inputs if x.type.is_float}
    if setup.autocast is None or layer.op.declared:
        return None
    how = layer.op.autocast(*layer.input_types)
    is_known = how is not None and how.is_known(training=setup.training, lower=setup.autocast in dtypes)
    if how is not None and not how.takes_lower and setup.autocast in dtypes:
        raise AutocastUnknown(layer, refused=setup.autocast)
    if how is None or not is_known or dtypes - {"float32", setup.autocast}:
        raise AutocastUnknown(layer, f", given {_listed(dtypes)}" if how and how.known != "result" else "")
    if how.keeps and setup.training and len({x.needs for x in inputs if x.type.is_float}) > 1:
        raise AutocastUnknown(layer, ", where some of its inputs need no gradient")
    if how.dtype in ("lower", "float32"):
        return setup.autocast if how.dtype == "lower" else "float32"
    if how.dtype == "given" and len(dtypes) > 1:
        raise AutocastUnknown(layer, f", given {_listed(dtypes)}")
    return _widest(dtypes, setup)


def result_dtype(layer: Layer, inputs: Sequence[Held], setup: Setup, computed: str | None) -> str | None:
    """Return the float dtype of a layer's results if it computes in `computed`."""
    how = layer.op.autocast(*layer.input_types) if computed else None
    if how is None or how.result == "computed":
        return computed
    return _widest({x.type.dtype for x in inputs if x.type.is_float}, setup)


def _widest(dtypes: set[str], setup: Setup) -> str | None:
    return next((one for one in ("float32", setup.autocast) if one in dtypes), None)


def _listed(dtypes: set[str]) -> str:
    return " and ".join(sorted(dtypes))


def cast_places(
    layer: Layer, inputs: Sequence[Held], places: tuple[GradientPlace, ...], computed: str | None
) -> tuple[tuple[GradientPlace, ...], frozenset[int]]:
    """Return where the gradients are allocated, and of which inputs they are cast after they were computed.

    The gradient of an input of a narrower dtype is cast to it: one that is the result's, or a part of it, to new
    memory, and one that has memory of its own in the wider dtype after that.
    """
    how = layer.op.autocast(*layer.input_types) if computed else None
    if how is None or how.dtype != "widest" or not places:
        return places, frozenset()
    found: list[GradientPlace] = []
    after: set[int] = set()
    for at, (x, place) in enumerate(zip(inputs, places, strict=True)):
        is_cast = x.type.is_float and x.type.dtype != computed
        if is_cast and place not in ("whole", "part", "new", "summed"):
            raise AutocastUnknown(layer, f", repeating {x.type.dtype}")
        found.append("new" if is_cast and place in ("whole", "part") else place)
        after |= {at} if is_cast and place in ("new", "summed") else set()
    return tuple(found), frozenset(after)
