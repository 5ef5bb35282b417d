"""The limits that keep a small file from exhausting a machine, and how a user raises one.

`archlang COMMAND --limit layers=2000000` and `with archlang.limits.raised(layers=2_000_000):` do.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each kind that archlang takes. A diagnostic that reports one names it."""

    bytes: int = 16 * 2**20  # of a spec and all files that it uses
    files: int = 100  # that a spec uses
    words: int = 120_000  # of a file
    mistakes: int = 50  # that are reported
    steps: int = 120_000  # statements, turns of loops, calls of functions; an operator counts as four
    items: int = 100_000  # of a list, including the items of lists inside it; characters of a string
    values: int = 10_000  # of a tuple that flows
    layers: int = 1_000_000  # operators of a whole net, calls expanded
    walked: int = 10_000  # operators of a net that a command visits one after the other, calls expanded


MEANINGS = {
    "bytes": "of a spec and all files that it uses",
    "files": "that a spec uses",
    "words": "of a file",
    "mistakes": "that are reported",
    "steps": "statements, turns of loops and calls of functions",
    "items": "of a list, or characters of a string",
    "values": "of a tuple that flows",
    "layers": "operators of a net, with its calls expanded",
    "walked": "operators that a command visits one after the other",
}

_current: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039  it is frozen


def limits() -> Limits:
    """Return the limits that hold here."""
    return _current.get()


@contextmanager
def raised(**changes: int) -> Generator[None, None, None]:
    """Use other limits within: `with raised(layers=2_000_000):`. Raises ValueError for an unknown name or a number < 1.

    The limits hold for this thread or task.
    """
    known = asdict(limits())
    for name, number in changes.items():
        if name not in known:
            raise ValueError(f"there is no limit called {name}; there are {', '.join(known)}")
        if number < 1:
            raise ValueError(f"{name}={number}: a limit is a number of at least 1")
    token = _current.set(replace(limits(), **changes))
    try:
        yield
    finally:
        _current.reset(token)


def raising(name: str, needed: int = 0) -> str:
    """Return help that says how to raise a limit: to what is needed, or to twice what it is."""
    return f"`--limit {name}={needed or 2 * asdict(limits())[name]}` raises this limit"
