"""Predicts whether a run fits into the memory there is, before its first step."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from archlang.diagnostics import Rejected
from archlang.facts.memory import AutocastUnknown, Setup, memory
from archlang.facts.memory.words import amount
from archlang.facts.untold import UnknownFact
from archlang.ir import Graph
from archlang.recipes import Recipe

_KNOWN = {"adam": "adam", "adamw": "adamw", "rmsprop": "rmsprop", "adagrad": "adagrad"}


def setup_of_recipe(recipe: Recipe) -> Setup | None:
    """Return a step of the recipe as `archlang memory` simulates it; None if its optimiser is not simulated."""
    part = recipe.optimizer
    optimizer = _KNOWN.get(part.word)
    if part.word == "sgd":
        optimizer = "sgd" if part.arguments["momentum"] == 0 else "momentum"
        optimizer = "nesterov" if part.arguments["nesterov"] else optimizer
    if optimizer is None:
        return None
    autocast = {"bf16": "bfloat16", "fp16": "float16"}.get(recipe.precision)
    return Setup(-(-recipe.batch // recipe.accumulate), optimizer=optimizer, autocast=autocast)


def check_device(device: str) -> None:
    """Raise `Rejected` if torch does not know the device, or finds none of its kind here."""
    import torch

    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise Rejected("bad-option", f"the device is cpu, cuda or cuda:1, not {device}", about="device")
    if kind == "cuda" and not torch.cuda.is_available():
        raise Rejected("no-cuda", "torch finds no CUDA device here", help="train with the device cpu", about="device")


def free_bytes(device: str) -> int | None:
    """Return the bytes of memory that are free on a device; None if the system does not say."""
    if device.startswith("cuda"):
        import torch

        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    found = [one for one in (_available(), _left_in_container()) if one is not None]
    return min(found) if found else None


def _available() -> int | None:
    """Return the bytes that this machine can give, with those of caches that it would empty."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):  # another system than Linux
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # a system without these names
        return None


def _left_in_container(group: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes that a container may still take (cgroup v2), files in caches aside; None without a limit."""
    try:
        most, used = ((group / name).read_text(encoding="ascii") for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        return int(most) - int(used) + int(counts.get("inactive_file", 0))
    except (OSError, ValueError):  # no group, or `max`
        return None


def used_bytes(device: str) -> int | None:
    """Return the bytes in use: those torch has allocated on a card, else of this process; None if nothing says."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.memory_allocated(device))
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])  # those in memory
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # another system than Linux
        return None


def predicted(
    recipe: Recipe,
    graph: Graph,
    device: str,
    processes: int = 1,
    recomputed: Collection[str] = (),
    *,
    slim: bool = False,
) -> str:
    """Return what a step will take at its peak, as a line to print. `processes` on this machine share its memory.

    `recomputed` and `slim` are those of the module. Raises `Rejected` if the peak is above the
    memory that is free, with the largest batch that fits.
    """
    setup, free = setup_of_recipe(recipe), free_bytes(device)
    if free is not None and not device.startswith("cuda"):
        free //= processes
    if setup is None:
        return f"peak of memory: not predicted for the optimiser {recipe.optimizer.word}"
    try:
        peak = memory(graph, setup, recomputed, slim=slim)
    except (UnknownFact, AutocastUnknown) as unknown:
        return f"peak of memory: unknown: {unknown}"
    least = "at least " if peak.unscratched else ""
    if free is not None and peak.needed_bytes > free:
        largest = _largest(graph, setup, free, recomputed, slim)
        help = f"a batch of {largest:,} fits" if largest else "not even one sample fits"
        help += "; `accumulate N` takes a batch in N parts" if largest else ""
        message = f"a step takes {least}{amount(peak.needed_bytes)}, and {amount(free)} are free"
        raise Rejected("does-not-fit", message, help=help)
    return f"peak of memory: {least}{amount(peak.needed_bytes)}" + (f" of {amount(free)} free" if free else "")


def _largest(graph: Graph, setup: Setup, free: int, recomputed: Collection[str], slim: bool) -> int:
    """Return the largest batch whose peak is below the free memory, by halving."""
    low, high = 0, setup.batch
    while high - low > 1:
        middle = (low + high) // 2
        fits = memory(graph, replace(setup, batch=middle), recomputed, slim=slim).needed_bytes <= free
        low, high = (middle, high) if fits else (low, middle)
    return low
