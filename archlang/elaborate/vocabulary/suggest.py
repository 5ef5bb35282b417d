"""Suggests the name that was probably meant."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.ops import akin_names, foreign_names

# other libraries' names of arguments; then of those that have no name here, and of those that follow from the input
_ARGUMENTS = {
    "padding": "pad", "ceil_mode": "ceil", "use_bias": "bias", "dilation_rate": "dilation", "negative_slope": "slope",
    "epsilon": "eps", "dim": "axis", "keepdim": "keep", "keepdims": "keep", "num_layers": "layers",
    "stop": "end",
}  # fmt: skip
PLACED = {
    "kernel_size": "kernel", "pool_size": "kernel", "filters": "out", "units": "out", "out_channels": "out",
    "out_features": "out", "strides": "stride", "rate": "p", "num_groups": "groups", "output_size": "size",
}  # fmt: skip
INFERRED = frozenset({"in_channels", "in_features", "num_features", "input_shape", "input_dim", "inplace"})


def did_you_mean(name: str, candidates: Sequence[str], *, operators: bool = False, likeness: float = 0.6) -> str | None:
    """Suggest the nearest known name, or our name for another library's. None if none is near.

    `likeness` is that of the nearest name, from 0 to 1.
    """
    if operators and name.lower() in akin_names():
        word, difference = akin_names()[name.lower()]
        return f"`{word}` is near, but `{name}` differs: {difference}"
    ours = (_foreign(name) if operators else None) or _ARGUMENTS.get(name)
    near = [ours] if ours and (operators or ours in candidates) else _near(name, candidates, likeness)
    return f"did you mean `{near[0]}`?" if near else None


def _foreign(name: str) -> str | None:
    names = foreign_names()
    return names.get(name.lower()) or names.get(name.lower().replace("_", ""))


def _near(name: str, candidates: Sequence[str], likeness: float) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name[:60].lower(), candidates, cutoff=likeness)
