"""Finds the weights that a file or the folder of a run holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.train.folder import BEST
from archlang.train.record import RECORD, Record, read_record
from archlang.weights import tensors

if TYPE_CHECKING:
    from torch import Tensor


def located(weights: Path) -> tuple[Path, Record | None]:
    """Return a file of weights, best.pt of a run folder, and the record of its run if it is in the folder of one."""
    if weights.is_dir():
        record = read_record(weights)
        if not (weights / BEST).is_file():
            raise Rejected("bad-checkpoint", f"{weights} has no {BEST}: its run has not come to the end of an epoch")
        return weights / BEST, record
    if not weights.is_file():
        raise Rejected("bad-checkpoint", f"there is no file or folder {weights}")
    return weights, read_record(weights.parent) if (weights.parent / RECORD).is_file() else None


def measured_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name. Of a run's checkpoint with a moving average, those of the average."""
    return tensors(path, preferred="average")
