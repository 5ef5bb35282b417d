"""What can end a run from outside: signals, and workers that die."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.train.replicas import local

if TYPE_CHECKING:
    from archlang.train.checkpoints import Progress
    from archlang.train.session import Session

_ENDING = (signal.SIGINT, signal.SIGTERM)
_DYING = 1.0  # seconds between a broken pipe and the signal that its process ended


class Interrupted(Exception):
    """A signal ended the run; `progress` is what its checkpoint holds."""

    def __init__(self, progress: Progress) -> None:
        super().__init__("interrupted")
        self.progress = progress


@contextmanager
def signals(caught: list[int]) -> Generator[None]:
    """Collect SIGINT and SIGTERM in a list, so that a run can end at a step of its own. A second one kills."""

    def note(number: int, frame: Any) -> None:
        caught.append(number)
        signal.signal(number, signal.SIG_DFL)

    try:
        before = {name: signal.signal(name, note) for name in _ENDING}
    except ValueError:  # not in the main thread, which alone receives signals
        before = {}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _signal_that_follows() -> RuntimeError | None:
    """Wait until torch's handler of the end of a process has run, which else raises in the midst of what comes next."""
    try:
        time.sleep(_DYING)
    except RuntimeError as error:
        return error
    return None


@contextmanager
def surviving(folder: Path) -> Generator[None]:
    """Say of what ends a run how it goes on: of a worker that died, and of a loss that is not a number."""
    try:
        yield
    except (RuntimeError, ConnectionResetError, EOFError) as error:  # the latter two if it died while it sent a batch
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        cause = error if isinstance(error, RuntimeError) else _signal_that_follows()
        why = str(cause).partition("is killed by signal: ")[2].partition(".")[0]
        message = "a process that reads samples died" + (f": {why}" if why else "")
        help = f"the memory may have been full; go on with fewer workers: `--resume {folder} --workers 0`"
        raise Rejected("dead-worker", message, help=help) from None
    except Rejected as rejected:
        if rejected.code == "training-diverged" and (folder / "last.pt").exists():
            again = f"--resume {folder} --resume-anyway --set optimizer.lr=..."
            rejected.help = f"{rejected.help}; the last checkpoint is good: `{again}` goes on from it"
        raise


def check_weights(session: Session) -> None:
    """Raise `Rejected` if a weight is not a number any more, so that no checkpoint holds it."""
    import torch

    names, values = zip(*session.module.named_parameters(), strict=True)
    found = torch.stack([local(one.detach()).isfinite().all() for one in values])
    finite: list[bool] = cast(Any, found).tolist()
    worst = max(session.world.gathered([-1 if all(finite) else finite.index(False)], session.device))
    if worst >= 0:
        message = f"{names[int(worst)]} is not finite after step {session.step:,}"
        raise Rejected("training-diverged", message, help=session.cure)


def ignore_signals(worker: int) -> None:
    """Let a worker of the loader live on when a signal ends the run: the run ends its workers itself.

    A terminal sends Ctrl-C to all processes at once, and so do batch systems with SIGTERM.
    """
    for name in _ENDING:
        signal.signal(name, signal.SIG_IGN)


@contextmanager
def restored(device: str) -> Generator[None]:
    """Leave the random state as it was, and allow only deterministic algorithms of cuDNN inside."""
    import torch

    cards = [torch.cuda.current_device()] if device.startswith("cuda") else []
    with (
        torch.random.fork_rng(cards),  # pyright: ignore[reportUnknownMemberType]
        torch.backends.cudnn.flags(deterministic=True, benchmark=False),
    ):
        yield
