"""Trains on handwritten digits. The functions import torch when they are called, so that importing this is cheap."""

from __future__ import annotations

from archlang.train.digits import Digits, check_fits, digits, shifted
from archlang.train.loop import Result, checkpoint, held_out_correct, save_checkpoint, train

__all__ = [
    "Digits",
    "Result",
    "check_fits",
    "checkpoint",
    "digits",
    "held_out_correct",
    "save_checkpoint",
    "shifted",
    "train",
]
