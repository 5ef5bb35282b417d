"""Checkpoints: all that a run needs to go on as if it had never stopped. They load with `weights_only`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from archlang.diagnostics import Rejected
from archlang.files import write_whole
from archlang.train.session import Session

VERSION = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run has measured: the rows of its table so far, the best of them, epochs without a better one."""

    rows: tuple[Mapping[str, float], ...] = ()
    losses: tuple[float, ...] = ()  # of the steps of the epoch that is under way
    best: float | None = None
    waited: int = 0


def save(path: Path, session: Session, progress: Progress, stamp: Mapping[str, str]) -> None:
    """Write a checkpoint whole, and to the disk, or not at all. `stamp` says what the run was made from."""
    import torch

    state: dict[str, Any] = {
        "version": VERSION,
        "stamp": dict(stamp),
        "step": session.step,
        "state_dict": session.module.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "schedule": None if session.schedule is None else _plain(session.schedule.state_dict()),
        "average": None if session.average is None else session.average.state_dict(),
        "scaler": None if session.scaler is None else session.scaler.state_dict(),
        "rows": [dict(row) for row in progress.rows],
        "losses": list(progress.losses),
        "best": progress.best,
        "waited": progress.waited,
    }
    written = BytesIO()
    torch.save(state, written)
    write_whole(path, written.getvalue())
    _flush(path.parent)


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a schedule without functions and with plain containers, as `weights_only` wants them."""
    made: dict[str, Any] = {}
    for name, value in state.items():
        if name == "_schedulers":
            made[name] = [_plain(one) for one in value]
        elif name == "milestones" and isinstance(value, Mapping):
            made[name] = {int(step): int(count) for step, count in cast("Mapping[int, int]", value).items()}
        elif not callable(value) and name not in ("lr_lambdas", "_anneal_func_type_callable"):
            made[name] = value
    return made


def _flush(folder: Path) -> None:
    """Have the name of a renamed file written to the disk, where the system can do that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(path: Path, session: Session, stamp: Mapping[str, str], anyway: bool) -> Progress:
    """Put a run where a checkpoint left it, and return what it had measured.

    Raises `Rejected` if the file is no checkpoint, or was made from another recipe or net; with `anyway`, weights are
    kept as far as they fit.
    """
    from collections import Counter

    state = read(path)
    differ = [name for name, value in stamp.items() if state["stamp"].get(name) != value]
    if differ and not anyway:
        help = "start anew, or go on with what fits: `--resume-anyway`"
        raise Rejected("checkpoint-differs", f"{path.name} was made with another {' and '.join(differ)}", help=help)
    session.module.load_state_dict(state["state_dict"])
    session.optimizer.load_state_dict(state["optimizer"])
    if session.schedule is not None and state["schedule"] is not None:
        found = state["schedule"]
        if isinstance(found.get("milestones"), Mapping):
            found["milestones"] = Counter(found["milestones"])
        session.schedule.load_state_dict(found)
    if session.average is not None and state["average"] is not None:
        session.average.load_state_dict(state["average"])
    if session.scaler is not None and state["scaler"] is not None:
        session.scaler.load_state_dict(state["scaler"])
    session.step = state["step"]
    return Progress(tuple(state["rows"]), tuple(state["losses"]), state["best"], state["waited"])


def read(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds. Raises `Rejected` if it is none, or is damaged."""
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError, ValueError, KeyError) as error:
        raise Rejected("bad-checkpoint", f"{path.name} cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(state, dict) or state.get("version") != VERSION:  # pyright: ignore[reportUnknownMemberType]
        raise Rejected("bad-checkpoint", f"{path.name} is no checkpoint of `archlang train`")
    return cast("dict[str, Any]", state)
