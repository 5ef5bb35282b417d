"""Event files for TensorBoard: the loss and the learning rate within epochs, the measures after each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from archlang.packages import need
from archlang.train.making import learning_rates
from archlang.train.session import Session

FOLDER = "tensorboard"
EVERY = 10  # steps between two losses that are written; to write one takes as long as a small step


class Events(AbstractContextManager["Events"]):
    """Writes the events of a run to the folder `tensorboard` of its run folder. Raises `Rejected` without the package.

    TensorBoard hides what an interrupted run wrote beyond the step that it then goes on from.
    """

    def __init__(self, folder: Path) -> None:
        need("tensorboard", "events are written by")
        self._folder = folder / FOLDER
        self._writer: Any = None

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        """Write a step, of which `loss` is the loss, or an epoch, of which `row` has the results."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            writer: Any = SummaryWriter  # it has no types
            self._writer = writer(str(self._folder), purge_step=session.step if session.step > 1 else None)
        if loss is not None and session.step % EVERY == 0:
            self._writer.add_scalar("step/loss", loss, session.step)
            self._writer.add_scalar("step/learning rate", max(learning_rates(session.optimizer)), session.step)
        for name, value in (row or {}).items():
            if name not in ("epoch", "step"):
                self._writer.add_scalar(f"epoch/{name}", value, session.step)
