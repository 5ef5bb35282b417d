"""A heap with reference counts, and a log of allocations and frees.

A section of the log that repeats is written once, with the number of times. So a row of calls of one block costs as
much to simulate as one call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[
    "parameters", "buffers", "optimizer state", "inputs", "kept by operators", "activations",
    "gradients of parameters", "gradients of activations", "temporaries",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)  # from what stays longest on, as pictures stack them
Phase = Literal["forward", "loss", "recompute", "backward", "step"]


@dataclass(slots=True)
class Row:
    """A moment: one operation of a phase, at a path. Heights are bytes above what is allocated throughout.

    `top` is the greatest height while it runs, reached after `top_at` log entries; `after` is the height at its end.
    `reached` is the greatest height with what its kernels allocate and free by themselves.
    Parts of one operator have its `unit`, a number, and are one moment.
    """

    phase: Phase
    path: str
    word: str
    top: int
    top_at: int
    after: int
    reached: int
    unit: int | None = None


@dataclass(slots=True)
class Section:
    """A range of rows and log entries that repeats `times` times; each time leaves `growth` more bytes allocated."""

    times: int
    rows: tuple[int, int]
    log: tuple[int, int]
    growth: int

    @property
    def most(self) -> int:
        """Bytes by which the highest repetition exceeds the first."""
        return max(0, self.growth) * (self.times - 1)


@dataclass(slots=True)
class Heap:
    """Storages by number: bytes, kind, the path they belong to, and how many references hold them."""

    bytes: list[int] = field(default_factory=list[int])
    kinds: list[Kind] = field(default_factory=list[Kind])
    paths: list[str] = field(default_factory=list[str])
    references: list[int] = field(default_factory=list[int])
    rows: list[Row] = field(default_factory=list[Row])
    sections: list[Section] = field(default_factory=list[Section])
    log: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # storage, 1 or -1
    height: int = 0

    def begin(self, phase: Phase, path: str, word: str, unit: int | None = None) -> None:
        """Begin a moment, which ends the one before it, unless both are parts of one operator."""
        if unit is not None and self.rows and (self.rows[-1].unit, self.rows[-1].phase) == (unit, phase):
            return
        self.rows.append(Row(phase, path, word, self.height, len(self.log), self.height, self.height, unit))

    def take(self, size: int, kind: Kind, path: str) -> int:
        """Allocate a storage with one reference, and return its number."""
        number = len(self.bytes)
        self.bytes.append(size)
        self.kinds.append(kind)
        self.paths.append(path)
        self.references.append(1)
        self.log.append((number, 1))
        self.height += size
        row = self.rows[-1]
        row.after = self.height
        if self.height > row.top:
            row.top, row.top_at = self.height, len(self.log)
        row.reached = max(row.reached, self.height)
        return number

    def brush(self, size: int) -> None:
        """Allocate what a kernel frees by itself, beside what is allocated now."""
        row = self.rows[-1]
        row.reached = max(row.reached, self.height + size)

    def hold(self, number: int) -> None:
        """Add a reference."""
        self.references[number] += 1

    def drop(self, number: int) -> None:
        """Remove a reference; a storage without references is freed."""
        self.references[number] -= 1
        if not self.references[number]:
            self.log.append((number, -1))
            self.height -= self.bytes[number]
            self.rows[-1].after = self.height

    @contextmanager
    def repeated(self, times: int) -> Generator[None]:
        """Repeat the allocations and frees within the context this number of times."""
        rows, log, height = len(self.rows), len(self.log), self.height
        yield
        growth = self.height - height
        self.sections.append(Section(times, (rows, len(self.rows)), (log, len(self.log)), growth))
        self.height = height + growth * times

    def peak(self, *, scratch: bool = False) -> int:
        """Return the number of the row with the greatest height, without or with the scratch of kernels."""
        tops = [row.reached if scratch else row.top for row in self.rows]
        for section in self.sections:
            if section.most:
                for at in range(*section.rows):
                    tops[at] += section.most
        return max(range(len(tops)), key=tops.__getitem__)

    def around(self, row: int) -> list[Section]:
        """Return the sections that contain a row."""
        return [section for section in self.sections if section.rows[0] <= row < section.rows[1]]

    def alive(self, row: int) -> Counter[tuple[Kind, str]]:
        """Return the allocated bytes by kind and path when a row is at its highest."""
        here = self.around(row)
        at = self.rows[row].top_at
        end = max([at, *(section.log[1] for section in here)])
        found: Counter[tuple[Kind, str]] = Counter()
        for place, times in enumerate(self._weights(at, end)):
            number, sign = self.log[place]
            found[self.kinds[number], self.paths[number]] += sign * times * self.bytes[number]
        return found

    def _weights(self, at: int, end: int) -> list[int]:
        """Return how often each log entry up to `end` has happened at position `at`, in the highest repetition."""
        weights = [1] * at + [0] * (end - at)
        for section in self.sections:  # inner sections come before those around them
            start, stop = section.log
            if stop <= at:
                weights[start:stop] = [weight * section.times for weight in weights[start:stop]]
            elif start < at:
                before = section.times - 1 if section.growth > 0 else 0
                inner = self._once(start, stop)
                weights[start:stop] = [w + before * one for w, one in zip(weights[start:stop], inner, strict=True)]
        return weights

    def _once(self, start: int, stop: int) -> list[int]:
        """Return how often each entry of a section happens in one repetition; inner sections repeat within it."""
        weights = [1] * (stop - start)
        for section in self.sections:
            first, last = section.log
            if start <= first and last <= stop and (first, last) != (start, stop):
                for place in range(first - start, last - start):
                    weights[place] *= section.times
        return weights
