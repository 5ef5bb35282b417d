"""`archlang fit`: the largest batch and input that fit in memory, and which blocks to recompute for a larger batch."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, format_option, positive
from archlang.cli.memory import memory_bytes, print_unknown, setup_of, setup_options
from archlang.cli.tables import room_of, show_texts, wide_option
from archlang.facts.memory.words import amount, described, where

if TYPE_CHECKING:
    from archlang.facts.memory import Setup
    from archlang.fit import Largest, Plan
    from archlang.ir import Graph
    from archlang.net.fitting import Fit


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--memory",
        type=memory_bytes,
        required=True,
        metavar="BYTES",
        help="the available memory, such as 24GiB or 512MiB",
    )
    parser.add_argument(
        "--batch", type=positive, metavar="N", help="a batch size that should fit: says which blocks to recompute"
    )
    setup_options(parser)
    parser.add_argument(
        "--range", action="append", default=[], dest="ranges", metavar="NAME=FROM..TO",
        help="the sizes to try of an open size (from 1 on, until the net does not fit)",
    )  # fmt: skip
    format_option(parser)
    wide_option(parser)


def _fit(arguments: argparse.Namespace) -> int:
    from archlang.cli.sizes import ranges
    from archlang.facts.memory import AutocastUnknown

    checked = checked_net(arguments)
    setup = setup_of(arguments, checked.graphs[0], arguments.batch or 1)
    run = setup.dtype, setup.mode, setup.optimizer, setup.memory_format
    tried = ranges(arguments.ranges)
    try:
        found = checked.net.fit(arguments.memory, arguments.batch, *run, autocast=arguments.autocast, ranges=tried)
    except AutocastUnknown as unknown:
        return print_unknown(checked, unknown)
    if arguments.format == "json":
        import json

        print(json.dumps(found.to_json(), indent=2))
        return 0
    show_texts(list(_lines(checked.graphs[0], found)), room_of(arguments))
    return 0


def _lines(graph: Graph, found: Fit) -> Iterator[str]:
    setup, budget = found.setup, found.memory_bytes
    yield f"{found.name}: {described(setup, batch=found.asked)}, within {amount(budget)}"
    yield _batch_line(graph, setup, found.largest_batch)
    for name, largest in found.largest_sizes.items():
        yield f"largest {name} at batch {setup.batch:,}: {_size_words(largest)}"
    if found.asked:
        yield from plan_lines(graph, setup, budget, found.plan)
    yield from _left_out(found.unknown_scratch)


def _size_words(found: Largest) -> str:
    """Return the largest size, and whether it is known that no larger one fits."""
    if found.too_large is not None:
        return f"{'none' if found.size is None else found.size}; {found.too_large} does not fit"
    if found.size is None:
        return f"none; no size up to {found.tried_to} is valid"
    invalid = f"no size from {found.size + 1} to {found.tried_to} is valid, and "
    return f"at least {found.size}; {invalid if found.tried_to > found.size else ''}larger ones were not tried"


def _batch_line(graph: Graph, setup: Setup, batch: int) -> str:
    from dataclasses import replace

    from archlang.facts.memory import memory

    found = memory(graph, replace(setup, batch=batch or 1))
    if not batch:
        return f"not even one image fits: it takes {amount(found.needed_bytes)}, {where(found.highest)}"
    most, least = ("at most ", "at least ") if found.unscratched else ("", "")
    return f"largest batch: {most}{batch:,}, which takes {least}{amount(found.needed_bytes)}, {where(found.highest)}"


def plan_lines(graph: Graph, setup: Setup, budget: int, found: Plan | None) -> list[str]:
    """Return what a batch takes, and by which means it fits at which price: a slim module, blocks to recompute."""
    from archlang.facts.memory import memory

    made = memory(graph, setup)
    whole, least = made.needed_bytes, "at least " if made.unscratched else ""
    takes = f"batch {setup.batch:,} takes {least}{amount(whole)}"
    if whole <= budget:
        return [f"{takes}, and may fit" if least else f"{takes}, and fits"]
    if setup.autocast:
        return [f"{takes}, and does not fit; what to recompute is not simulated under autocast"]
    if found is None:
        return [f"{takes}, and no choice of blocks to recompute that was tried makes it fit"]
    line = f"{takes}; with {found.means} {least}{amount(found.memory.needed_bytes)}, {where(found.memory.highest)}"
    if not found.recomputed:
        return [line]
    return [
        f"{line},",
        f"for {100 * found.price:.1f}% more multiply-accumulates in a step:",
        *(f"  {path}" for path in found.recomputed),
    ]


def _left_out(unknown: Sequence[str]) -> list[str]:
    """Return lines that say what the figures include, and what they leave out."""
    from archlang.facts.memory import MARGIN

    lines = [
        f"included: what kernels take and free by themselves, and a margin of {MARGIN}%; left out: the process itself"
    ]
    if unknown:
        several = "which may be several times as much"
        lines.append(f"not known, and left out: what the kernels of {', '.join(unknown)} take, {several}")
    return lines


FIT = Command("find the largest batch and input that fit in memory, and what to recompute for more", _fit, _options)
