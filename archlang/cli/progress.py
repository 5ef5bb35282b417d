"""Shows a run while it goes on: a bar on a terminal, else a line now and then; and a line for each epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import monotonic
from typing import TYPE_CHECKING, Any

from archlang.cli.streams import is_terminal
from archlang.facts.memory.words import amount
from archlang.packages import need

if TYPE_CHECKING:
    from archlang.train.session import Session

EVERY = 30.0  # seconds between two lines where there is no terminal
REDRAWN = 0.5  # seconds between two states of the bar


class Progress(AbstractContextManager["Progress"]):
    """What is printed of a run: to standard output the results of each epoch, to standard error how it goes on.

    With `aside`, all goes to standard error.
    """

    def __init__(self, *, aside: bool = False) -> None:
        self.aside = aside
        tqdm: Any = need("tqdm", "the progress of training is shown by")
        self.is_terminal = is_terminal(sys.stderr)
        self.bar: Any = tqdm.tqdm(unit="step", mininterval=REDRAWN, disable=not self.is_terminal)
        self.began = self.shown = monotonic()
        self.first: int | None = None  # the first step of this process, from whose end on time is taken
        self.last: Session | None = None
        self.measure = ""

    def __call__(self, session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        """Show a step, of which `loss` is the loss, or an epoch, of which `row` has the results."""
        if self.first is None:
            self.first, self.began = session.step, monotonic()
            self.bar.total, self.bar.initial, self.bar.n = session.steps, self.first, self.first
        self.last = session
        if loss is not None and monotonic() - self.shown >= (REDRAWN if self.is_terminal else EVERY):
            self._show(session, loss)
        if row is not None:
            told = [one for name, one in results(row).items() if name.startswith("held-out")]
            self.measure = f", {told[min(1, len(told) - 1)]}"  # the first measure, or else the loss
            self.bar.clear()
            print(line(row), file=sys.stderr if self.aside else sys.stdout, flush=True)

    def _show(self, session: Session, loss: float) -> None:
        self.shown = monotonic()
        state = f"epoch {session.epoch + 1}, loss {loss:.4f}{self.measure}, {self._speed(session)}"
        if self.is_terminal:
            self.bar.n = session.step
            self.bar.set_postfix_str(state, refresh=False)
            self.bar.refresh()
            return
        done = session.step - (self.first or 0)
        left = (self.shown - self.began) / max(done, 1) * (session.steps - session.step)
        told = f"step {session.step:,} of {session.steps:,}, {duration(left)} left: {state}"
        print(told, file=sys.stderr, flush=True)

    def _speed(self, session: Session) -> str:
        """Return how many samples a second were trained on, and the memory in use."""
        from archlang.train.memory import used_bytes

        samples = (session.step - (self.first or 0)) * session.recipe.batch / max(monotonic() - self.began, 1e-9)
        used = used_bytes(session.device)
        what = "images" if "image" in session.sources.values() else "samples"
        return f"{samples:,.0f} {what}/s" + (f", {amount(used)} in use" if used is not None else "")

    def __exit__(self, *_: object) -> None:
        """Remove the bar, and say how fast the run was."""
        self.bar.leave = False
        self.bar.close()
        if self.last is not None and self.first is not None and self.last.step > self.first:
            took = duration(monotonic() - self.began)
            print(f"step {self.last.step:,} after {took}, {self._speed(self.last)}", file=sys.stderr)


def line(row: Mapping[str, float]) -> str:
    """Return a row of the table of results as a line to print."""
    return f"epoch {row['epoch']:g}: {', '.join(results(row).values())}"


def results(row: Mapping[str, float]) -> dict[str, str]:
    """Return the results of an epoch in words, by name."""
    from archlang.train.figures import figure

    return {name: f"{name} {figure(name, value)}" for name, value in row.items() if name not in ("epoch", "step", "lr")}


def duration(seconds: float) -> str:
    """Return a time in its two largest units: `45 s`, `12 min 5 s`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
