"""Memory in words: an amount of bytes, a moment, and what is run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.facts.memory.results import Moment
    from archlang.facts.memory.setup import Setup

PHASES = {
    "forward": "in the forward pass", "loss": "in the loss", "recompute": "in the second forward pass",
    "backward": "in the backward pass",
    "step": "in the optimiser's step",
}  # fmt: skip
_UNITS = {
    unit + end: base**power
    for power, unit in enumerate(("", "K", "M", "G", "T"))
    for end, base in (("", 1000), ("B", 1000), ("iB", 1024))
}


def amount(size: int) -> str:
    """Return a number of bytes with a binary unit: `2.98 GiB`."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} bytes"


def bytes_of(text: str) -> int:
    """Return the bytes that an amount such as `24GiB` names. Raises ValueError if it names none."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?(?:B|iB)?)", text)
    if match is None or match[2] not in _UNITS or not float(match[1]):
        raise ValueError(f"{text} is not an amount of memory; write it as 24GiB or 512MiB")
    return int(float(match[1]) * _UNITS[match[2]])


def where(moment: Moment) -> str:
    """Return a moment in words: `in the backward pass of layer4.2.8 (relu)`."""
    return f"{PHASES[moment.phase]} {f'of {moment.path} ' if moment.path else ''}({moment.op})"


def described(setup: Setup, *, batch: bool = True) -> str:
    """Return the setup in words: `training, batch 32, bfloat16, momentum`, with or without the batch."""
    words = [setup.mode, f"batch {setup.batch:,}" if batch else "", setup.dtype or ""]
    words += [f"autocast {setup.autocast}"] if setup.autocast else []
    words += [setup.memory_format or ""]
    return ", ".join(filter(None, [*words, setup.optimizer if setup.training else ""]))
