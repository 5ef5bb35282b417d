"""The commands, in the order in which `archlang --help` lists them."""

from __future__ import annotations

from archlang.cli.check import CHECK
from archlang.cli.command import Command
from archlang.cli.explain import EXPLAIN
from archlang.cli.fmt import FMT
from archlang.cli.making import BUILD, RENDER
from archlang.cli.ops import OPS
from archlang.cli.report import REPORT
from archlang.cli.sizes import SIZES
from archlang.cli.training import DEMO, TRAIN
from archlang.cli.why import WHY

COMMANDS: dict[str, Command] = {
    "check": CHECK,
    "report": REPORT,
    "why": WHY,
    "sizes": SIZES,
    "render": RENDER,
    "build": BUILD,
    "train": TRAIN,
    "demo": DEMO,
    "ops": OPS,
    "explain": EXPLAIN,
    "fmt": FMT,
}
