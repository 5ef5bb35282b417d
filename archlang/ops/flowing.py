"""The dtypes that flow through the parts of an operator under torch.autocast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archlang.ops.answers import Autocast, Computed
from archlang.ops.parts import Part
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Flow:
    """A part, the types that it takes, and how many values it gives."""

    part: Part
    taken: list[TensorType]
    given: int


def autocast_of(flows: Sequence[Flow], inputs: int) -> Autocast | None:
    """Return the dtype of the last part's result; None if a part does not declare its own.

    Saved tensors and temporaries are known if all parts compute in this dtype and only the first casts weights: a later
    part would allocate its casts when it is called.
    """
    dtypes: list[Computed] = ["given"] * inputs  # of each value
    hows: list[Autocast] = []
    for flow in flows:
        how = flow.part.op.autocast(*flow.taken)
        if how is None:
            return None
        hows.append(how)
        floats: list[Computed] = [dtypes[at] for at, x in zip(flow.part.inputs, flow.taken, strict=True) if x.is_float]
        dtypes.extend(_result(how, floats) for _ in range(flow.given))
    kinds = {"given" if how.dtype == "widest" else how.dtype for how in hows}
    within = [dtypes[at] for flow in flows for at in flow.part.inputs if at >= inputs]
    is_uniform = not kinds - {"given", dtypes[-1]} and not set(within) - {dtypes[-1]}
    later = zip(flows[1:], hows[1:], strict=True)
    casts_late = any(how.dtype == "lower" and flow.part.op.weights(*flow.taken) for flow, how in later)
    if not is_uniform or casts_late or any(how.known != "all" for how in hows):
        return Autocast(dtypes[-1], known="result")
    keeps = tuple((f"{flows[0].part.name}.{name}", when) for name, when in hows[0].keeps)
    return replace(hows[-1], dtype=dtypes[-1], keeps=keeps)


def _result(how: Autocast, taken: Sequence[Computed]) -> Computed:
    """Return the dtype of a part's result for inputs in these dtypes: that of the widest if it casts none."""
    if how.dtype in ("lower", "float32") and how.result == "computed":
        return how.dtype
    if "float32" in taken:
        return "float32"
    return "lower" if taken and all(one == "lower" for one in taken) else "given"
