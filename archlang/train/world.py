"""The processes that train together. torchrun starts them; each takes its parts of every batch."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import lcm
from typing import TYPE_CHECKING, Any, TypeVar

from archlang.diagnostics import Rejected
from archlang.recipes import Recipe

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """How many processes train together, and which of them this one is: `rank` of all, `local` of its machine.

    `here` counts those of its machine. With `shards`, each holds a part of the parameters, else all of them. With
    `syncs`, batch norm takes its statistics over all of them.
    """

    size: int = 1
    rank: int = 0
    local: int = 0
    shards: bool = False
    here: int = 1
    syncs: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def device(self, device: str) -> str:
        """Return the device of this process: on a machine with several, the one of its number."""
        return f"cuda:{self.local}" if device == "cuda" and self.size > 1 else device

    def told(self, value: T) -> T:
        """Return the value that the first process has."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        held: list[Any] = [value]
        dist.broadcast_object_list(held)  # pyright: ignore[reportUnknownMemberType]
        found: T = held[0]
        return found

    def gathered(self, values: Sequence[float], device: str) -> list[float]:
        """Return the numbers of all processes, those of the first one first. Each gives as many."""
        if self.size == 1:
            return list(values)
        import torch
        import torch.distributed as dist

        own = torch.tensor(values, dtype=torch.float64, device=device)
        every = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(every, own)  # pyright: ignore[reportUnknownMemberType]
        return [float(one) for one in torch.cat(every)]

    def share_buffers(self, module: nn.Module) -> None:
        """Give every process the buffers of the first one, such as the running statistics of batch norm."""
        if self.size == 1:
            return
        import torch.distributed as dist

        for buffer in module.buffers():
            dist.broadcast(buffer, 0)  # pyright: ignore[reportUnknownMemberType]


ALONE = World()


def is_launched() -> bool:
    """Return whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "WORLD_SIZE" in os.environ


@contextmanager
def joined(device: str, shards: bool = False, syncs: bool = False) -> Generator[World]:
    """Join the processes that torchrun started; a process that it did not start is alone."""
    if not is_launched():
        yield ALONE
        return
    import torch
    import torch.distributed as dist

    names = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    size, rank, local, here = (int(os.environ[name]) for name in names)
    if device.startswith("cuda"):
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield World(size, rank, local, shards, here, syncs)
    finally:
        dist.destroy_process_group()


def shared(recipe: Recipe, world: World, before: tuple[int, int] | None = None) -> Recipe:
    """Return a recipe whose batches have a whole number of parts for each process.

    So a run of two processes is that of one which takes its batches in two parts. A run that goes on keeps its parts:
    `before` are the parts and the processes of its checkpoint. Raises `Rejected` if a batch does not divide into them.
    """
    parts = lcm(recipe.accumulate, world.size)
    if before is not None and before[0] == lcm(recipe.accumulate, before[1]):
        parts = lcm(before[0], world.size)
    if recipe.batch % parts:
        message = f"a batch of {recipe.batch:,} does not divide into {parts:,} equal parts for {world.size:,} processes"
        help = f"write `batch {-(-recipe.batch // parts) * parts}`"
        raise Rejected("bad-option", message, help=help, about="devices")
    return recipe if parts == recipe.accumulate else replace(recipe, accumulate=parts)
