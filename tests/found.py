"""Cases that exploring found to differ from torch. Each was mended, and is tried at every run of the tests."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.laws.cases import Case, read


@dataclass(frozen=True)
class Found:
    """A step, its inputs as `cases.read` reads them, and the order in memory of the axes of the first, outermost first.

    With a `gap`, one value of memory is unused after each innermost axis.
    """

    step: str
    inputs: tuple[str, ...]
    order: tuple[int, ...]
    batch: int = 2
    gap: bool = False

    def case(self) -> Case:
        return read(self.step, *self.inputs)


FOUND = (Found("rotary_embedding base=1e-05", ("2x1x2 n h w c",), (0, 2, 3, 1)),)
