"""Samples: mappings of field names to tensors, in memory or read one by one, in a training and a held-out part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Sample = Mapping[str, "Tensor"]


class Samples(Protocol):
    """The samples of one part. Each index gives the same sample every time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True)
class InMemory:
    """Samples that are rows of tensors: `image` n x c x h x w, `label` n."""

    fields: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def __getitem__(self, index: int) -> Sample:
        return {name: rows[index] for name, rows in self.fields.items()}

    def at(self, indices: Sequence[int]) -> InMemory:
        """Return the samples at these indices."""
        import torch

        chosen = torch.tensor(indices)
        return InMemory({name: rows[chosen] for name, rows in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Data:
    """The two parts. `classes` are the names of the values of `label`, if it has classes."""

    training: Samples
    held_out: Samples
    classes: tuple[str, ...] = ()


def parted(count: int, held_out: float) -> tuple[list[int], list[int]]:
    """Return the indices of the training and of the held-out samples, which are spread evenly.

    A fifth held out is every fifth sample. Data that is sorted by class is split within each class.
    """
    rest = [at for at in range(count) if int((at + 1) * held_out + 1e-9) > int(at * held_out + 1e-9)]
    taken = set(rest)
    return [at for at in range(count) if at not in taken], rest


def in_memory(fields: Mapping[str, Tensor], held_out: float, classes: tuple[str, ...] = ()) -> Data:
    """Return tensors as data, split by `parted`."""
    every = InMemory(fields)
    training, rest = parted(len(every), held_out)
    return Data(every.at(training), every.at(rest), classes)
