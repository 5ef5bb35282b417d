"""Checkpoints: all that a run needs to go on as if it had never stopped. They load with `weights_only`."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.files import write_fresh, write_whole
from archlang.marks import marked
from archlang.train.replicas import gathered
from archlang.train.session import Session
from archlang.weights import refuse_odd_tensors, unpickled

if TYPE_CHECKING:
    from torch import Tensor

State = Mapping[str, Any]
VERSION = 2
_NONE = type(None)
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "stamp": dict, "step": int, "parts": int, "processes": int, "state_dict": dict, "optimizer": dict, "names": list,
    "schedule": (dict, _NONE), "average": (dict, _NONE), "scaler": (dict, _NONE), "rows": list, "losses": list,
    "best": (float, int, _NONE), "waited": int,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run has measured: the rows of its table so far, the best of them, epochs without a better one."""

    rows: tuple[Mapping[str, float], ...] = ()
    losses: tuple[float, ...] = ()  # of the steps of the epoch that is under way
    best: float | None = None
    waited: int = 0


def save(path: Path, session: Session, progress: Progress, stamp: Mapping[str, str]) -> None:
    """Write a checkpoint whole, and to the disk, or not at all. `stamp` says what the run was made from.

    Raises `Rejected` if it cannot be written; the checkpoint before it is then still there.
    """
    import torch

    state: dict[str, Any] = {
        "version": VERSION,
        "stamp": dict(stamp),
        "step": session.step,
        "parts": session.recipe.accumulate,
        "processes": session.world.size,
        "synchronized": session.world.syncs,
        "state_dict": session.module.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "names": names_of(session),
        "schedule": None if session.schedule is None else _plain(session.schedule.state_dict()),
        "average": None if session.average is None else session.average.state_dict(),
        "scaler": None if session.scaler is None else session.scaler.state_dict(),
        "rows": [dict(row) for row in progress.rows],
        "losses": list(progress.losses),
        "best": progress.best,
        "waited": progress.waited,
    }
    if session.world.shards:
        state = gathered(state)  # all processes take part
    if not session.world.is_first:
        return
    written = BytesIO()
    torch.save(state, written)
    with writing(path.parent):
        write_whole(path, written.getvalue())
        _flush(path.parent)


def save_weights(path: Path, state: Mapping[str, Tensor], meta: Mapping[str, object], *, replace: bool = True) -> Path:
    """Write weights alone for `torch.load(..., weights_only=True)`: a dict of `state_dict` and the entries of `meta`.

    `meta` holds plain values: numbers, strings, and lists and dicts of them. Without `replace`, the next free name is
    used if the file exists. Returns the path of the file.
    """
    import torch

    written = BytesIO()
    torch.save({**meta, "state_dict": {name: tensor.detach().cpu() for name, tensor in state.items()}}, written)
    content = marked(written.getvalue(), "pt")
    if not replace:
        return write_fresh(path, content)
    write_whole(path, content)
    return path


def names_of(session: Session) -> list[str]:
    """Return the names of the parameters in the order in which the optimiser numbers them."""
    names = {id(one): name for name, one in session.module.named_parameters()}
    return [names[id(one)] for group in session.optimizer.param_groups for one in group["params"]]


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Turn a failure to write a file of a run, as on a full disk, into a `Rejected` that says how to go on."""
    try:
        yield
    except OSError as error:
        last = folder / "last.pt"
        help = f"make room, then go on with `--resume {folder}`: {last.name} is whole" if last.exists() else None
        raise Rejected("cannot-save", f"{error.filename or folder}: {error.strerror}", help=help) from error


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a schedule without functions and with plain containers, as `weights_only` wants them."""
    made: dict[str, Any] = {}
    for name, value in state.items():
        if name == "_schedulers":
            made[name] = [_plain(one) for one in value]
        elif name == "milestones" and isinstance(value, Mapping):
            made[name] = {int(step): int(count) for step, count in cast("Mapping[int, int]", value).items()}
        elif not callable(value):
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


def read(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, read as weights are. Raises `Rejected` if it is none, or is damaged.

    Nothing of it is mapped, since a run replaces the file.
    """
    try:
        state = unpickled(path, is_mapped=False)
        refuse_odd_tensors(path, dict(_tensors(state)))
    except Rejected as error:
        raise Rejected("bad-checkpoint", error.message, help=error.help) from None
    except OSError as error:
        raise Rejected("bad-checkpoint", f"{path} cannot be read: {error.strerror}") from None
    if not isinstance(state, dict) or cast("State", state).get("version") != VERSION:
        raise Rejected("bad-checkpoint", f"{path.name} is no checkpoint of `archlang train`")
    held = cast("dict[str, Any]", state)
    for name, kinds in _KINDS.items():
        if not isinstance(held.get(name), kinds):
            raise Rejected(
                "bad-checkpoint", f"{path.name} is no checkpoint of `archlang train`: its {name} is not right"
            )
    return held


def _tensors(content: object) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a checkpoint with where they are: `optimizer.state.0.momentum_buffer`."""
    import torch

    found = [("", content)]
    while found:
        place, one = found.pop()
        if isinstance(one, torch.Tensor):
            yield place, one
        elif isinstance(one, Mapping | list | tuple):
            held = cast("Mapping[object, object] | Sequence[object]", one)
            items = held.items() if isinstance(held, Mapping) else enumerate(held)
            found += [(f"{place}.{key}" if place else str(key), part) for key, part in items]
