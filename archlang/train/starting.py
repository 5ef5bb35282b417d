"""Starts a run from weights of another net, or of another run: all that fit are taken, and the others are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archlang.files import write_whole
from archlang.train.located import located, measured_tensors
from archlang.train.resuming import load_weights
from archlang.train.session import Session
from archlang.weights import WeightsFile, check_input, held
from archlang.weights.partial import partly_fitting, told

WEIGHTS = "weights.txt"  # in the run folder: what was taken from the file


def start_from(
    session: Session, weights: Path, folder: Path, tell: Callable[[str], None], *, scaled_input: bool = False
) -> None:
    """Give a session the weights of a file, or of a run's folder, as far as they fit, and tell what was not taken.

    The lines also go to a file of the run folder. A moving average starts from the same weights. Raises `Rejected` if
    the file cannot be read or nothing fits.
    """
    file, _ = located(weights)
    check_input(session.graph, WeightsFile(file, scaled_input=scaled_input))
    given = measured_tensors(file)
    state, found = partly_fitting(session.graph, given, held(given))
    for module in (session.module, session.measured):
        load_weights(module, module.state_dict() | state)
    lines = list(told(found, str(file)))
    for line in lines:
        tell(line)
    if session.world.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, "\n".join(lines) + "\n")
