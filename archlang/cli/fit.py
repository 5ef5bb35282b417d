"""`archlang fit`: the largest batch and input within a memory, and what to recompute for a batch that does not fit."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, positive, settings_of
from archlang.cli.memory import amount, described, setup_of, setup_options, where

if TYPE_CHECKING:
    from archlang.compiler import Checked
    from archlang.facts.memory import Setup
    from archlang.fit import Plan

_UNITS = {
    unit + end: base**power
    for power, unit in enumerate(("", "K", "M", "G", "T"))
    for end, base in (("", 1000), ("B", 1000), ("iB", 1024))
}


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?(?:B|iB)?)", text)
    if match is None or match[2] not in _UNITS or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text} is no amount of memory; write it as 24GiB or 512MiB")
    return int(float(match[1]) * _UNITS[match[2]])


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--memory", type=_bytes, required=True, metavar="BYTES", help="what there is: 24GiB, 512MiB")
    parser.add_argument("--batch", type=positive, metavar="N", help="a batch that is wanted: what to do that it fits")
    setup_options(parser)
    parser.add_argument(
        "--range", action="append", default=[], dest="ranges", metavar="NAME=FROM..TO",
        help="the sizes to try of an open size (from 1 to twice the default)",
    )  # fmt: skip
    parser.add_argument("--format", choices=["text", "json"], default="text", help="how it is printed")


def _fit(arguments: argparse.Namespace) -> int:
    from archlang.fit import largest_batch, plan

    checked = checked_net(arguments)
    graph, budget = checked.graphs[0], arguments.memory
    setup = setup_of(arguments, arguments.batch or 1)
    batch = largest_batch(graph, setup, budget)
    sizes = _sizes(arguments, checked, setup) if graph.open_sizes else {}
    wanted = plan(graph, setup, budget) if arguments.batch and setup.training else None
    if arguments.format == "json":
        print(_as_json(graph.name, arguments, (batch, sizes, wanted)))
        return 0
    lines = [
        f"{graph.name}: {described(setup, batch=bool(arguments.batch))}, within {amount(budget)}",
        _batch_line(checked, setup, batch),
    ]
    for name, size in sizes.items():
        lines.append(f"largest {name} at batch {setup.batch}: {'none' if size is None else size}")
    if arguments.batch:
        lines += _plan_lines(checked, setup, budget, wanted)
    print("\n".join(lines))
    return 0


def _sizes(arguments: argparse.Namespace, checked: Checked, setup: Setup) -> dict[str, int | None]:
    """Of each open size the largest right one at which the net fits, the others at their defaults."""
    from functools import partial

    from archlang.cli.sizes import ranges
    from archlang.compiler import sizes_of
    from archlang.fit import largest_size
    from archlang.ir import Graph
    from archlang.sizes import Spec

    graph, settings = checked.graphs[0], settings_of(arguments)
    spec = Spec(checked.library.main, graph.name, settings, checked.library.files)

    def at(name: str, size: int) -> Graph:
        made, _ = spec.at(name, size)
        assert made is not None  # the size is right
        return made

    _, found = sizes_of(arguments.spec, settings, ranges(arguments.ranges), root=arguments.root)
    return {one.name: largest_size(one.right, partial(at, one.name), setup, arguments.memory) for one in found}


def _batch_line(checked: Checked, setup: Setup, batch: int) -> str:
    from dataclasses import replace

    from archlang.facts.memory import memory

    found = memory(checked.graphs[0], replace(setup, batch=batch or 1))
    if not batch:
        return f"not even one image fits: it takes {amount(found.peak_bytes)}, {where(found.moment)}"
    return f"largest batch: {batch:,}, which takes {amount(found.peak_bytes)}, {where(found.moment)}"


def _plan_lines(checked: Checked, setup: Setup, budget: int, found: Plan | None) -> list[str]:
    from archlang.facts.memory import memory

    whole = memory(checked.graphs[0], setup).peak_bytes
    takes = f"batch {setup.batch:,} takes {amount(whole)}"
    if whole <= budget:
        return [f"{takes}, and fits"]
    if found is None:
        return [f"{takes}, and no choice of blocks to recompute that was tried makes it fit"]
    blocks = f"{len(found.recomputed)} block{'s' if len(found.recomputed) > 1 else ''}"
    return [
        f"{takes}; with {blocks} recomputed {amount(found.memory.peak_bytes)}, {where(found.memory.moment)},",
        f"for {100 * found.price:.1f}% more multiply-accumulates in a step:",
        *(f"  {path}" for path in found.recomputed),
    ]


def _as_json(
    name: str, arguments: argparse.Namespace, found: tuple[int, dict[str, int | None], Plan | None]
) -> str:  # fmt: skip
    import json

    batch, sizes, wanted = found
    told = wanted and {
        "batch": arguments.batch,
        "recomputed": wanted.recomputed,
        "peak_bytes": wanted.memory.peak_bytes,
        "step_macs": wanted.step_macs,
        "extra_macs": wanted.extra_macs,
    }
    rows = {"net": name, "memory_bytes": arguments.memory, "largest_batch": batch, "largest_sizes": sizes}
    return json.dumps({"version": 1, **rows, "plan": told}, indent=2)


FIT = Command("tell the largest batch and input within a memory, and what to recompute for more", _fit, _options)
