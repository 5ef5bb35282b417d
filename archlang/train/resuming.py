"""Goes on from a checkpoint: holds it against the recipe and the net, and takes from it what fits."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.train.checkpoints import Progress, State, names_of, read, writing
from archlang.train.replicas import divided
from archlang.train.stamps import changed, differences, listed, stamp
from archlang.weights import tell_lost_values

if TYPE_CHECKING:
    from torch import Tensor, nn

    from archlang.recipes import Recipe
    from archlang.source import Source
    from archlang.train.folder import RunFolder
    from archlang.train.session import Session


def resumed(path: Path, session: Session, anyway: bool) -> tuple[Progress, list[str]]:
    """Put a run where a checkpoint left it; return what it had measured, and what is said about it.

    Raises `Rejected` if the file is no checkpoint, or was made with another recipe or net; with `anyway`, weights and
    the state of the optimiser are kept as far as they fit, and the result says what was kept.
    """
    state = read(path)
    if not anyway:
        _check_statistics(path, session, state)
    with _refusing(path):
        taken = _taken(path, session, state, anyway)
        given, own = state["state_dict"], session.module.state_dict()
        tell_lost_values(str(path), given, _fitting(given, own))
        return taken


def _taken(path: Path, session: Session, state: State, anyway: bool) -> tuple[Progress, list[str]]:
    """Put a run where its checkpoint left it, or with `anyway` take what fits; return what `resumed` does."""
    recipe, graph = session.recipe, session.graph
    names = changed(state["stamp"], stamp(recipe, graph))
    if not names:
        restore(session, state)
        return _progress(state), []
    differ = differences(state["stamp"], recipe, graph)
    if not anyway:
        message = f"{path.name} was made with another {' and '.join(names)}: {listed(differ)}"
        raise Rejected("checkpoint-differs", message, help="start anew, or go on with what fits: `--resume-anyway`")
    kept = _as_far_as_it_fits(session, state)
    return _progress(state), [f"resumed, though it differs: {listed(differ)}", f"kept: {', '.join(kept)}"]


@contextmanager
def _refusing(path: Path) -> Generator[None]:
    """Refuse a checkpoint that says what it was made from, and does not hold that: it was changed."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise Rejected("bad-checkpoint", f"{path.name} does not fit its own net and recipe: {said}") from error


def _check_statistics(path: Path, session: Session, state: State) -> None:
    """Raise `Rejected` if batch norm took its statistics over other samples than it would now."""
    before = state["processes"] if state.get("synchronized") else 0
    now = session.world.size if session.world.syncs else 0
    if before != now:
        made = f"synchronised over {before} processes" if before else "not synchronised"
        told = f"{path.name} was made with batch norm {made}, and this is another run"
        help = "start as it was, with or without `--sync-batchnorm`, or go on all the same: `--resume-anyway`"
        raise Rejected("checkpoint-differs", told, help=help)


def parts_before(folder: RunFolder) -> tuple[int, int] | None:
    """Return the parts of a batch and the processes of the run as its checkpoint has them; None if there is none."""
    if not folder.last.exists():
        return None
    state = read(folder.last)
    return state["parts"], state["processes"]


def prepare(folder: RunFolder, made_from: tuple[Recipe, Mapping[str, Source]] | None) -> None:
    """Write what a run begins with, if it begins, and remove what a kill left half written."""
    with writing(folder.path):
        if made_from is not None:
            folder.begin(*made_from)
        folder.clean()


def _progress(state: State) -> Progress:
    return Progress(tuple(state["rows"]), tuple(state["losses"]), state["best"], state["waited"])


def restore(session: Session, state: State) -> None:
    """Put a run where a checkpoint of the same run left it."""
    load_weights(session.module, state["state_dict"])
    session.optimizer.load_state_dict(_in_shards(session, state["optimizer"]))
    session.step = state["step"]
    if session.schedule is not None:
        session.schedule.load_state_dict(_schedule(state["schedule"]))
    if session.average is not None:
        load_weights(session.average, state["average"])
    if session.scaler is not None:
        session.scaler.load_state_dict(state["scaler"])


def load_weights(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load whole tensors into a module, of which parameters may be in shards."""
    own = module.state_dict()
    module.load_state_dict({name: divided(one, own[name]) if name in own else one for name, one in state.items()})


def _in_shards(session: Session, state: State) -> dict[str, Any]:
    """Return the state of the optimiser with tensors as their parameters are: in shards, if those are."""
    import torch

    parameters = [one for group in session.optimizer.param_groups for one in group["params"]]
    divided_state = {
        number: {
            name: divided(one, parameters[number]) if isinstance(one, torch.Tensor) else one
            for name, one in own.items()
        }
        for number, own in state["state"].items()
    }
    return {**state, "state": divided_state}


def _schedule(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a schedule as torch wants it; the milestones of `multistep` are counted."""
    if isinstance(state.get("milestones"), Mapping):
        return {**state, "milestones": Counter(cast("Mapping[int, int]", state["milestones"]))}
    if "_schedulers" in state:
        return {**state, "_schedulers": [_schedule(one) for one in state["_schedulers"]]}
    return state


# ---- what fits of a checkpoint of another run


def _as_far_as_it_fits(session: Session, state: State) -> list[str]:
    """Take what fits of a checkpoint, and return what that is, in words. Settings are those of the new recipe."""
    kept = [f"step {state['step']:,}", _weights(session.module, state["state_dict"])]
    session.step = state["step"]
    if _optimizer(session, state):
        kept.append("the state of the optimiser")
    if session.average is not None:
        average = state["average"]
        if average is None:
            load_weights(session.average.module, session.module.state_dict())
        else:
            kept.append(f"of the moving average {_weights(session.average, average)}")
    if session.scaler is not None and state["scaler"] is not None:
        session.scaler.load_state_dict(state["scaler"])
        kept.append("the scale of the loss")
    _advance(session)
    return kept


def _weights(module: nn.Module, state: Mapping[str, Tensor]) -> str:
    """Load the weights that have the same name and shape; return how many those are."""
    own = module.state_dict()
    fitting = _fitting(state, own)
    load_weights(module, {**own, **fitting})
    new = [name for name in own if name not in fitting]
    said = f"{len(fitting)} of {len(own)} tensors of weights"
    return said + (f" (new: {listed(new)})" if new else "")


def _fitting(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that have the name and shape of one of the module's own."""
    return {name: one for name, one in state.items() if name in own and own[name].shape == one.shape}


def _optimizer(session: Session, state: State) -> bool:
    """Take the momentum and the like of parameters by their names; return whether there was any that fits."""
    optimizer, own = session.optimizer, session.optimizer.state_dict()
    settings = [set(one["param_groups"][0]) - {"params", "initial_lr"} for one in (own, state["optimizer"])]
    if settings[0] != settings[1]:  # another optimiser
        return False
    before = {name: number for number, name in enumerate(state["names"])}
    shapes = {name: one.shape for name, one in session.module.named_parameters()}
    found = {
        number: state["optimizer"]["state"][before[name]]
        for number, name in enumerate(names_of(session))
        if before.get(name) in state["optimizer"]["state"] and shapes[name] == state["state_dict"][name].shape
    }
    optimizer.load_state_dict(_in_shards(session, {**own, "state": {**own["state"], **found}}))
    return bool(found)


def _advance(session: Session) -> None:
    """Bring the schedule of the new recipe to the step of the run."""
    schedule = session.schedule
    if schedule is None or session.waits_for_result:
        return
    done = session.step if session.recipe.schedule.by == "step" else session.epoch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch expects a step of the optimiser before each
        for _ in range(done):
            schedule.step()
