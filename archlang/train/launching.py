"""Has torchrun start the processes that train together."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from archlang.diagnostics import Rejected
from archlang.train.world import World, joined

FAILED = 1
_PATIENCE = 3.0  # seconds within which torchrun ends the other processes of one that failed


@dataclass(frozen=True, slots=True)
class Places:
    """Where processes start: so many `devices` on each of so many `nodes`, which meet at `rendezvous` (host:port)."""

    devices: int = 1
    nodes: int = 1
    rendezvous: str | None = None

    @property
    def are_several(self) -> bool:
        """Whether more than one process trains."""
        return self.devices * self.nodes > 1


def check_places(places: Places, device: str, shards: bool, syncs: bool = False) -> None:
    """Raise `Rejected` if options contradict each other, or this machine has too few devices."""
    if places.nodes > 1 and not places.rendezvous:
        help = "name a host and a port of it, the same on each machine: `--rendezvous HOST:PORT`"
        raise Rejected("bad-option", "several machines need a place to meet", help=help, about="nodes")
    if places.rendezvous and places.nodes == 1:
        raise Rejected("bad-option", "one machine needs no place to meet", help="write `--nodes M`", about="rendezvous")
    if shards and not places.are_several:
        help = "write `--devices N`"
        raise Rejected("bad-option", "parameters are divided among several processes", help=help, about="shard")
    if syncs and not places.are_several:
        message, help = "statistics are synchronised over several processes", "write `--devices N`"
        raise Rejected("bad-option", message, help=help, about="sync_batchnorm")
    if places.are_several and ":" in device:
        raise Rejected("bad-option", f"{device} is one device", help="write `--device cuda`", about="device")
    if places.are_several and device == "cuda":
        import torch

        found = torch.cuda.device_count()
        if found < places.devices:
            message = f"torch finds {found} CUDA devices here, not {places.devices}"
            raise Rejected("no-cuda", message, about="devices")


def launch(words: Sequence[str], places: Places) -> int:
    """Have torchrun start `archlang` with these words in each process, and return the exit status."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run  # pyright: ignore[reportUnknownVariableType]

    meeting = ["--standalone", "--local-addr", "127.0.0.1"]
    if places.rendezvous is not None:
        meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", places.rendezvous, "--rdzv-id", "archlang"]
    counts = ["--nnodes", str(places.nodes), "--nproc-per-node", str(places.devices)]
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // places.devices)))
    for name in ("torch.distributed.elastic", "torch.distributed.run"):  # the processes tell what is wrong
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        run(parse_args([*meeting, *counts, "-m", "archlang", *words]))
    except ChildFailedError as failed:
        code = failed.get_first_failure()[1].exitcode
        return code if code > 0 else FAILED
    except SignalException as ended:
        return 128 + int(ended.sigval)
    return 0


@contextmanager
def together(device: str, shards: bool, syncs: bool) -> Generator[World]:
    """Join the processes that torchrun started, if it did.

    What fails in one process fails in the others a moment later, each with a message of its own. The first one tells;
    the others wait until torchrun ends them, and tell only if it does not.
    """
    with joined(device, shards, syncs) as world:
        try:
            yield world
        except (Rejected, RuntimeError) as error:
            if world.size > 1 and not (world.is_first and isinstance(error, Rejected)):
                time.sleep(_PATIENCE)
            raise
