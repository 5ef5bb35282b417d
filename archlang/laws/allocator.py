"""What torch allocates on the CPU, from the events of its profiler."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch.profiler import ProfilerActivity, profile


@dataclass(frozen=True, slots=True)
class Measured:
    """The most bytes that are allocated at once, without scratch and with it."""

    peak_bytes: int
    with_scratch_bytes: int


@dataclass(frozen=True, slots=True)
class Event:
    """Bytes allocated at an address, or freed if negative, and the call within which it happened."""

    time: int
    address: int
    bytes: int
    call: int | None


@contextmanager
def recorded(calls: tuple[str, ...] = ("",)) -> Generator[list[Event]]:
    """Record the allocator's events within, in the order of time. The list is filled when the context ends.

    `calls` begins the names of the operators that count as calls. The garbage collector is paused meanwhile. It need
    not run before: memory that was allocated before is not counted when it is freed.
    """
    events: list[Event] = []
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            yield events
        events += sorted(_events(profiled, calls), key=lambda event: event.time)
    finally:
        if was_enabled:
            gc.enable()


def _events(profiled: Any, calls: tuple[str, ...]) -> Iterator[Event]:
    """Yield the allocator's events, each with the outermost call around it. The autograd engine is no call."""
    stack: list[tuple[Any, int | None]] = [
        (event, None) for event in profiled.profiler.kineto_results.experimental_event_tree()
    ]
    while stack:
        event, call = stack.pop()
        kind, fields = event.typed
        if kind.name == "Allocation":
            yield Event(event.start_time_ns, fields.ptr, fields.alloc_size, call)
            continue
        name: str = event.name
        is_call = name.startswith(calls) and not name.startswith(("autograd::engine", "Optimizer"))
        if call is None and kind.name == "TorchOp" and is_call:
            call = event.id
        stack += [(child, call) for child in event.children]


def peaks(events: Iterable[Event], before: int) -> Measured:
    """Return the most bytes that are allocated at once, besides the bytes that were allocated before."""
    changes: list[int] = []
    scratch: set[int] = set()
    alive: dict[int, tuple[int, int | None]] = {}  # each address's entry in `changes` and the call
    for event in events:
        if event.bytes > 0:
            alive[event.address] = (len(changes), event.call)
        elif event.address in alive:
            start, call = alive.pop(event.address)
            if event.call is not None and call == event.call:
                scratch |= {start, len(changes)}
        else:
            continue  # it was allocated before the profiler started
        changes.append(event.bytes)
    lasting = (change for at, change in enumerate(changes) if at not in scratch)
    return Measured(before + _highest(lasting), before + _highest(changes))


def _highest(changes: Iterable[int]) -> int:
    height = most = 0
    for change in changes:
        height += change
        most = max(most, height)
    return most
