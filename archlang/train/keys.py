"""Seeds that follow from what is drawn: a sample's from (seed, epoch, index), a step's from (seed, step).

So a run depends neither on the number of workers nor on where it was interrupted.
"""

from __future__ import annotations

from hashlib import blake2b


def key(*parts: int | str) -> int:
    """Return a number from 0 to 2**63 - 1 that follows from the parts."""
    text = " ".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1
