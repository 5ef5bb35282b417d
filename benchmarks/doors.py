"""Which ways out of PyTorch take which nets: `python -m benchmarks.doors --all`, or with the names of nets.

Each door of `doors_cases.py` is tried on each net, in one process. Where one fails, it is tried on torchvision's module
of that name too, with the same inputs: what fails there is a limit of torch. `--most` leaves out nets with more
parameters, `--slow` adds inductor. Prints Markdown; docs/benchmarks/doors.md is its output with a date.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec

import torch

from archlang.compiler import Net, load
from archlang.facts.work import totals
from archlang.shipped import shipped_nets
from benchmarks.doors_cases import DOORS, NEEDED, SLOW, Subject, tried
from tests import torchvision_models

Reasons = Mapping[str, Mapping[str, str]]  # by door and net, why it fails; empty where it passes


def subject_of(net: Net) -> Subject:
    """Return a net as the doors take it."""
    return Subject(net.graph, net.module)


def reason(door: str, net: Net) -> str:
    """Return why a door does not take a net, and whether it takes torchvision's of that name; empty if it does."""
    why = tried(door, subject_of(net))
    by_hand = getattr(torchvision_models, net.graph.name, None) if why else None
    if by_hand is None:
        return why
    other = tried(door, Subject(net.graph, partial(by_hand, weights=None)))
    return f"{why} (torchvision's module: {other or 'passes'})"


def chosen(named: Sequence[str], most: int) -> list[Net]:
    """Return the nets that are named, or all that are shipped and have at most so many parameters."""
    names = named or [f"{path}:{name}" for path, nets in shipped_nets() for name in nets]
    nets = [load(name) for name in names]
    return [net for net in nets if named or totals(net.graph).params <= most]


def measured(nets: Iterable[Net], doors: Sequence[str]) -> dict[str, dict[str, str]]:
    """Try every door on every net."""
    found: dict[str, dict[str, str]] = {door: {} for door in doors}
    for net in nets:
        sys.stderr.write(f"{net.graph.name}\n")
        for door in doors:
            found[door][net.graph.name] = reason(door, net)
    return found


def table(found: Reasons, absent: Iterable[str]) -> str:
    """Return the Markdown: how many nets pass each door, and each reason with the nets that it holds for."""
    lines = ["| door | passes |", "|---|---:|"]
    for door, by_net in found.items():
        lines.append(f"| {door} | {sum(not why for why in by_net.values())} of {len(by_net)} |")
    for door in absent:
        why = "takes long: `--slow`" if door in SLOW else f"needs {NEEDED[door]}"
        lines.append(f"| {door} | not tried ({why}) |")
    for door, by_net in found.items():
        nets_of: dict[str, list[str]] = {}
        for net, why in by_net.items():
            if why:
                nets_of.setdefault(why, []).append(net)
        for why, nets in nets_of.items():
            lines += ["", f"{door}, {', '.join(nets)}: {why}"]
    return "\n".join(lines)


def main() -> None:
    """Try the doors and print the table."""
    parser = ArgumentParser(description="Which ways out of PyTorch take which nets.")
    parser.add_argument("nets", nargs="*", metavar="NET")
    parser.add_argument("--all", action="store_true", help="every shipped net")
    parser.add_argument("--most", type=float, default=2e8, metavar="N", help="parameters of the largest net (2e8)")
    parser.add_argument("--slow", action="store_true", help="also inductor, with a minute or more for a large net")
    given = parser.parse_args()
    if bool(given.nets) == given.all:
        parser.error("name nets, or --all")
    doors = [
        door for door in DOORS
        if (given.slow or door not in SLOW) and (door not in NEEDED or find_spec(NEEDED[door]) is not None)
    ]  # fmt: skip
    found = measured(chosen(given.nets, int(given.most)), doors)
    count = len(next(iter(found.values())))
    text = table(found, [door for door in DOORS if door not in doors])
    sys.stdout.write(f"torch {torch.__version__}, {count} nets, on a CPU.\n\n{text}\n")


if __name__ == "__main__":
    main()
