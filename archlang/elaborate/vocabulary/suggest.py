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
INITIALISERS_ELSEWHERE = {
    "he": "he_normal", "kaiming": "he_normal", "msra": "he_normal", "kaiming_normal": "he_normal",
    "kaiming_normal_": "he_normal", "kaiming_uniform": "he_uniform", "kaiming_uniform_": "he_uniform",
    "xavier": "xavier_uniform", "glorot": "xavier_uniform", "xavier_uniform_": "xavier_uniform",
    "xavier_normal_": "xavier_normal", "glorot_uniform": "xavier_uniform", "glorot_normal": "xavier_normal",
    "truncated_normal": "trunc_normal", "trunc_normal_": "trunc_normal", "gaussian": "normal",
    "random_normal": "normal", "random_uniform": "uniform", "normal_": "normal", "uniform_": "uniform",
    "zeros_": "zeros", "ones_": "ones",
    "constant_": "constant", "orthogonal_": "orthogonal", "eye": "identity",
}  # fmt: skip
INFERRED = frozenset({"in_channels", "in_features", "num_features", "input_shape", "input_dim", "inplace"})


def did_you_mean(name: str, candidates: Sequence[str], *, operators: bool = False, likeness: float = 0.6) -> str | None:
    """Suggest the most similar known name, or our name for another library's. None if none is similar.

    `likeness` is that of the nearest name, from 0 to 1.
    """
    if operators and name.lower() in akin_names():
        word, difference = akin_names()[name.lower()]
        return f"`{word}` is near, but `{name}` differs: {difference}"
    ours = (_foreign(name) if operators else None) or _ARGUMENTS.get(name)
    if ours and (operators or ours in candidates):
        return f"did you mean `{ours}`?"
    others = {other: word for other, word in _ARGUMENTS.items() if not operators and word in candidates}
    near = _nearest(name, [*candidates, *others], likeness)
    return f"did you mean `{others.get(near, near)}`?" if near else None


def _foreign(name: str) -> str | None:
    names = foreign_names()
    return names.get(name.lower()) or names.get(name.lower().replace("_", ""))


def _nearest(name: str, candidates: Sequence[str], likeness: float) -> str | None:
    """Return the most similar candidate; of those that are equally so, the one named first."""
    from difflib import SequenceMatcher, get_close_matches

    wanted = name[:60].lower()
    near = get_close_matches(wanted, candidates, cutoff=likeness)
    matcher = SequenceMatcher(b=wanted)

    def distance(one: str) -> tuple[float, int]:
        matcher.set_seq1(one)
        return -matcher.ratio(), candidates.index(one)

    return min(near, key=distance, default=None)
