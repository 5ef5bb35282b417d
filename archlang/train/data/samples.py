"""Samples: mappings of field names to tensors, in memory or read one by one, in a training and a held-out part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from archlang.recipes.recipe import Part

if TYPE_CHECKING:
    from torch import Tensor

Sample = Mapping[str, "Tensor"]


class Samples(Protocol):
    """The samples of one part. Each index gives the same sample every time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@runtime_checkable
class Named(Protocol):
    """Samples that are files, which messages name. `representatives` are images of different sizes."""

    @property
    def representatives(self) -> Sequence[int]: ...

    def name(self, index: int) -> str: ...


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
    """The two parts. `classes` are the names of the values of `label` or `mask`, if it has classes.

    `told` says how the samples were split, and what is unusual about them.
    """

    training: Samples
    held_out: Samples
    classes: tuple[str, ...] = ()
    told: str = ""

    def extremes(self, name: str, without: int | None = None) -> tuple[int, int] | None:
        """Return the least and the largest value of a field of integers, leaving one value out.

        None if the samples are not in memory, or no other value occurs.
        """
        found: list[int] = []
        for half in (self.training, self.held_out):
            rows = half.fields.get(name) if isinstance(half, InMemory) else getattr(half, name, None)
            if rows is None or rows.is_floating_point():
                return None
            kept = rows if without is None else rows[rows != without]
            found += [int(kept.min()), int(kept.max())] if kept.numel() else []
        return (min(found), max(found)) if found else None


def parted(count: int, held_out: float) -> tuple[list[int], list[int]]:
    """Return the indices of the training and of the held-out samples, which are spread evenly.

    A fifth held out is every fifth sample. Data that is sorted by class is split within each class.
    """
    rest = [at for at in range(count) if int((at + 1) * held_out + 1e-9) > int(at * held_out + 1e-9)]
    taken = set(rest)
    return [at for at in range(count) if at not in taken], rest


def halves(part: Part, count: int, names: Sequence[str] = ()) -> tuple[list[int], list[int], str]:
    """Return the indices of the training and of the held-out samples by the `split` of a data line, and how it is told.

    None of the ways depends on the seed of a run. `name` takes each sample by a hash of its name, so that samples that
    are added later move no others.
    """
    share, how = part.number("held_out"), part.arguments.get("split", "even")
    if how == "even":
        training, rest = parted(count, share)
        told = "spread evenly over their order"
    elif how == "shuffled":
        order = sorted(range(count), key=lambda at: _hash(str(at)))
        rest = sorted(order[: round(count * share)])
        taken = set(rest)
        training = [at for at in range(count) if at not in taken]
        told = "in an order that is the same for each run"
    else:
        rest = [at for at, name in enumerate(names) if _hash(name) < share]
        training = [at for at, name in enumerate(names) if _hash(name) >= share]
        told = "by a hash of their names"
    return training, rest, f"{len(training):,} samples to train on, {len(rest):,} held out, chosen {told}"


def _hash(name: str) -> float:
    """Return a number from 0 to below 1 that follows from a name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big") / 2**48


def in_memory(fields: Mapping[str, Tensor], part: Part, classes: tuple[str, ...] = ()) -> Data:
    """Return tensors as data, split as a data line says."""
    every = InMemory(fields)
    training, rest, told = halves(part, len(every))
    return Data(every.at(training), every.at(rest), classes, told)
