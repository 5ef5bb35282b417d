"""The dtypes that flow through the parts of an operator under torch.autocast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archlang.ops.answers import Autocast, Computed
from archlang.ops.parts import Course, own_name


def autocast_of(course: Course) -> Autocast | None:
    """Return the dtype of the last part's result; tensors within are known where all parts compute in that one.

    Saved tensors and temporaries are known if all parts compute in this dtype and only the first casts weights: a later
    part would allocate its casts when it is called.
    """
    inputs = len(course.inputs)
    dtypes: list[Computed] = []  # of each value
    dtypes.extend("given" for _ in course.inputs)
    dtypes.extend("float32" for _ in course.weights)
    hows: list[Autocast] = []
    for stage in course.stages:
        how = stage.part.op.autocast(*stage.inputs)
        if how is None:
            return None
        hows.append(how)
        floats: list[Computed] = [dtypes[at] for at, x in zip(stage.taken, stage.inputs, strict=True) if x.is_float]
        dtypes.extend(_result(how, floats) for _ in stage.given)
    kinds = {"given" if how.dtype == "widest" else how.dtype for how in hows}
    within = [dtypes[at] for stage in course.stages for at in stage.taken if at >= inputs]
    is_uniform = not kinds - {"given", dtypes[-1]} and not set(within) - {dtypes[-1]}
    later = zip(course.stages[1:], hows[1:], strict=True)
    casts_late = any(how.dtype == "lower" and stage.part.op.weights(*stage.inputs) for stage, how in later)
    if not is_uniform or casts_late or any(how.known != "all" for how in hows):
        return Autocast(dtypes[-1], known="result")
    keeps = tuple((own_name(course.stages[0].part, name), when) for name, when in hows[0].keeps)
    return replace(hows[-1], dtype=dtypes[-1], keeps=keeps)


def _result(how: Autocast, taken: Sequence[Computed]) -> Computed:
    """Return the dtype of a part's result for inputs in these dtypes: that of the widest if it casts none."""
    if how.dtype in ("lower", "float32") and how.result == "computed":
        return how.dtype
    if "float32" in taken:
        return "float32"
    return "lower" if taken and all(one == "lower" for one in taken) else "given"
