"""The batches of a run, in an order that follows from (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from archlang.train.keys import key
from archlang.train.survival import ignore_signals
from archlang.train.transforming import Transformed

if TYPE_CHECKING:
    from torch import Tensor

Batch = Mapping[str, "Tensor"]
Keys = list[tuple[int, int]]  # (epoch, index) of each sample


def order(seed: int, epoch: int, samples: int, batch: int, parts: int = 1) -> list[Keys]:
    """Return the batches of an epoch: every sample once, in a new order.

    A last batch that has not two samples for each of its parts is left out: batch norm cannot train on one.
    """
    import torch

    generator = torch.Generator().manual_seed(key(seed, "order", epoch))
    indices = cast("list[int]", torch.randperm(samples, generator=generator).tolist())  # pyright: ignore[reportUnknownMemberType]
    return [
        [(epoch, index) for index in indices[start : start + batch]]
        for start in range(0, steps_of(samples, batch, parts) * batch, batch)
    ]


def steps_of(samples: int, batch: int, parts: int = 1) -> int:
    """Return the steps of an epoch. A last batch that has not two samples for each of its parts is left out."""
    whole, rest = divmod(samples, batch)
    return whole + (rest >= 2 * parts)


@dataclass(frozen=True, slots=True)
class Plan:
    """The batches of a run: those of the steps from `first` to before `steps`, whichever epochs they are in.

    Of each batch, which has so many `parts`, process `rank` of `processes` takes its own.
    """

    seed: int
    batch: int
    first: int
    steps: int
    per_epoch: int
    parts: int = 1
    processes: int = 1
    rank: int = 0

    def keys(self, samples: int) -> Iterator[Keys]:
        """Yield the keys of each batch."""
        step = self.first
        while step < self.steps:
            epoch, done = divmod(step, self.per_epoch)
            for keys in order(self.seed, epoch, samples, self.batch, self.parts)[done : done + self.steps - step]:
                yield self._own(keys)
                step += 1

    def _own(self, keys: Keys) -> Keys:
        count = self.parts // self.processes
        ranges = part_ranges(len(keys), self.parts)[self.rank * count : (self.rank + 1) * count]
        return keys[ranges[0][0] : ranges[-1][1]]


def training_batches(
    samples: Transformed, plan: Plan, workers: int, device: str = "cpu"
) -> Iterator[dict[str, Tensor]]:
    """Yield the batches of a plan, as far as they are this process's, for a module on this device."""
    keys = plan.keys(len(samples))
    if not workers:  # torch's loader takes a few percent of a short step
        return map(_Batches(samples).__getitems__, keys)
    return iter(loader(samples, keys, workers, device))


def held_out_batches(
    samples: Transformed, batch: int, workers: int, device: str = "cpu"
) -> Iterable[dict[str, Tensor]]:
    """Return all samples of the held-out part in order, batch by batch. It can be gone through again and again."""
    starts = range(0, len(samples), batch)
    keys = [[(0, at) for at in range(start, min(start + batch, len(samples)))] for start in starts]
    return cast("Iterable[dict[str, Tensor]]", loader(samples, keys, workers, device))


@dataclass(frozen=True)
class _Batches:
    """The samples as torch's loader asks for them: all of a batch at once."""

    samples: Transformed

    def __getitems__(self, keys: Keys) -> dict[str, Tensor]:
        """Return a batch, of rows in memory at once if that can be."""
        from torch.utils.data import default_collate  # pyright: ignore[reportUnknownVariableType]

        made: dict[str, Tensor] | None = self.samples.at_once(keys)
        return default_collate([self.samples[one] for one in keys]) if made is None else made


def _as_it_is(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch, which is made already."""
    return batch


def loader(samples: Transformed, keys: Iterable[Keys], workers: int, device: str = "cpu") -> Any:
    """Return torch's loader over batches of keys. Its workers draw nothing: each sample has a seed of its own.

    Each worker has two batches ready ahead of the step. For CUDA they are pinned, so that their copy does not wait for
    the step before.
    """
    from torch.utils.data import DataLoader

    return DataLoader(
        cast(Any, _Batches(samples)),
        batch_sampler=cast(Any, keys),
        num_workers=workers,
        collate_fn=cast(Any, _as_it_is),
        generator=_generator(),
        pin_memory=workers > 0 and device.startswith("cuda"),
        persistent_workers=workers > 0,  # starting them takes seconds
        worker_init_fn=ignore_signals,
        multiprocessing_context="spawn" if workers else None,  # a fork of a process with threads can hang
    )


def _generator() -> Any:
    import torch

    return torch.Generator().manual_seed(0)  # else the loader draws from the generator that dropout draws from


def part_ranges(samples: int, parts: int) -> list[tuple[int, int]]:
    """Return where each part of a batch begins and ends. The first ones have one sample more, if that must be."""
    size, more = divmod(samples, parts)
    ends = [(at + 1) * size + min(at + 1, more) for at in range(parts)]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def parts_of(batch: Batch, count: int) -> list[Batch]:
    """Return a batch in parts, whose gradients are added."""
    if count == 1:
        return [batch]
    total = len(next(iter(batch.values())))
    return [{name: value[start:end] for name, value in batch.items()} for start, end in part_ranges(total, count)]


def as_dtype(value: Tensor, dtype: str) -> Tensor:
    """Return a field in the dtype of an input: bytes of an image become floats from 0 to 1."""
    import torch

    wanted: torch.dtype = getattr(torch, dtype)
    if value.dtype == torch.uint8 and wanted.is_floating_point:
        return value.to(wanted) / 255
    return value.to(wanted)
