"""What operators refuse though torch takes it, and why: the reasons that several of them share."""

from __future__ import annotations

from collections.abc import Mapping

_REASONS = {
    "axes-clash": "torch knows no names of axes",
    "batch-axis": "torch mixes the images of a batch",
    "empty-output": "torch gives a value of no values",
    "needs-channels-last": "torch asks for the width alone, and takes a map's for it",
    "linear-needs-channels-last": "torch asks for the width alone, and takes a map's for it",
    "no-such-position": "torch cuts a slice at the end of what there is",
    "param-batch": "torch takes a parameter of the batch's size for one of each image",
    "parts-do-not-divide": "torch makes the last part smaller",
    "too-few-inputs": "torch has no join of one value",
    "too-many-inputs": "torch has none of more than two",
    "unequal-axes": "torch knows no names of axes",
    "unequal-dtypes": "torch joins different dtypes in the wider one",
    "unequal-shapes": "torch adds a vector to a map from the right; of two that differ in the batch one may be 1",
    "wrong-dtype": "torch computes with some whole numbers or truth values, or turns them into floats by itself",
    "wrong-rank": "torch takes the batch for channels where an axis is missing, and knows no names of axes",
}


def beyond_torch(*codes: str, **arguments: str) -> Mapping[str, str]:
    """Codes of diagnostics whose reason stands here, and arguments whose reason is given: `eps="it may be 0 there"`."""
    return {code: _REASONS[code] for code in codes} | arguments
