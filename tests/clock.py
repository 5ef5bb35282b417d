"""How much longer one thing takes than another, in seconds of the processor.

Other programs slow both sides, at each try by another amount. The tries take turns, and the shortest of each counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from time import process_time


def ratio(long: Callable[[], float], short: Callable[[], float], tries: int) -> float:
    """Return seconds of the first over those of the second."""
    times = [(long(), short()) for _ in range(tries)]
    return min(time for time, _ in times) / min(time for _, time in times)


def of_call(work: Callable[[], object]) -> Callable[[], float]:
    """Return the seconds that this process computes for a call."""

    def seconds() -> float:
        start = process_time()
        work()
        return process_time() - start

    return seconds


def of_program(*words: str, **variables: str) -> Callable[[], float]:
    """Return the seconds that a Python process computes from its start to its end; it must succeed."""
    return partial(_run, words, {**os.environ, **variables})


def _run(words: tuple[str, ...], environment: Mapping[str, str]) -> float:
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return usage.ru_utime + usage.ru_stime
