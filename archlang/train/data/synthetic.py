"""Random samples in the shapes of a net: what they are worth is the time of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.recipes.losses import Compared
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, InMemory, Sample

if TYPE_CHECKING:
    from torch import Generator, Tensor

DIFFERENT = 64  # samples that differ: those of ImageNet's size take 40 MB


@dataclass(frozen=True, slots=True)
class Repeated:
    """A few samples, which come again and again."""

    rows: InMemory
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.rows[self.indices[index] % len(self.rows)]


def synthetic(part: Part, fields: Sequence[Compared]) -> Data:
    """Return samples with these fields: normal numbers, classes from 0 on, and other integers below `below`."""
    import torch

    count, below = int(part.number("samples")), int(part.number("below"))
    generator = torch.Generator().manual_seed(int(part.number("seed")))
    different = min(count, DIFFERENT)
    rows = InMemory({one.name: _drawn(one, different, below, generator) for one in fields})
    cut = max(1, count // 5)
    classes = next((one.classes or 0 for one in fields if one.name == "label"), 0)
    told = f"{count - cut:,} random samples to train on, {cut:,} held out"
    names = tuple(map(str, range(classes)))
    return Data(Repeated(rows, range(count - cut)), Repeated(rows, range(count - cut, count)), names, told)


def _drawn(field: Compared, count: int, below: int, generator: Generator) -> Tensor:
    import torch

    shape = (count, *(field.shape or ()))
    if field.dtype is not None and "float" in field.dtype:
        return torch.randn(shape, generator=generator)
    return torch.randint(field.classes or below, shape, generator=generator)
