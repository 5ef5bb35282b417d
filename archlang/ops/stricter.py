"""Input that operators reject although torch accepts it, and the reasons that several of them share."""

from __future__ import annotations

from collections.abc import Mapping

_REASONS = {
    "axes-clash": "torch has no names of axes",
    "batch-axis": "torch mixes the images of a batch",
    "empty-output": "torch returns an empty tensor",
    "needs-channels-last": "torch checks the width alone, and accepts that of a map",
    "linear-needs-channels-last": "torch checks the width alone, and accepts that of a map",
    "no-such-position": "torch cuts a slice at the end of what there is",
    "param-batch": "torch reads a parameter of the batch's size as one value for each image",
    "parts-do-not-divide": "torch makes the last part smaller",
    "too-few-inputs": "torch has no join of one value",
    "too-many-inputs": "torch has none of more than two",
    "unequal-axes": "torch has no names of axes",
    "unequal-dtypes": "torch joins different dtypes in the wider one",
    "unequal-shapes": "torch adds a vector to a map from the right; of two that differ in the batch one may be 1",
    "wrong-dtype": "torch computes with some whole numbers or truth values, or turns them into floats by itself",
    "wrong-rank": "without names of axes, torch reads the batch as channels if an axis is missing",
}


def beyond_torch(*codes: str, **arguments: str) -> Mapping[str, str]:
    """Return codes whose reason is listed here, and arguments with their own reason: `eps="it may be 0 there"`."""
    return {code: _REASONS[code] for code in codes} | arguments
