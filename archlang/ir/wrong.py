"""The operator that stands in the place of a mistake."""

from __future__ import annotations

from typing import Any, ClassVar

from archlang.ir.unknown import UNKNOWN
from archlang.ops.base import Operator, Work
from archlang.shapes import TensorType


class Wrong(Operator):
    """The place of a step with a mistake. `text` is what is written there, `told` what is wrong with it.

    It cannot be written in the language, and has no torch call and no JSON.
    """

    word: ClassVar[str] = "mistake"
    family: ClassVar[str] = "wrong"

    text: str
    told: str = ""

    def outputs(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """Return one value of which nothing is known."""
        return (UNKNOWN,)

    def work(self, *inputs: TensorType) -> Work:
        """Return no work: a picture shows no sum with it."""
        return Work()

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Raise TypeError, since a wrong net has no JSON."""
        raise TypeError("a net with mistakes has no JSON")
