"""`archlang fit`: the largest batch and input that fit in memory, and which blocks to recompute for a larger batch."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, format_option, positive, settings_of
from archlang.cli.memory import amount, described, setup_of, setup_options, where

if TYPE_CHECKING:
    from archlang.compiler import Checked
    from archlang.facts.memory import Setup
    from archlang.fit import Largest, Plan
    from archlang.ir import Graph

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
    parser.add_argument(
        "--memory", type=_bytes, required=True, metavar="BYTES", help="the available memory, such as 24GiB or 512MiB"
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


def _fit(arguments: argparse.Namespace) -> int:
    from archlang.fit import largest_batch, plan

    checked = checked_net(arguments)
    graph, budget = checked.graphs[0], arguments.memory
    setup = setup_of(arguments, arguments.batch or 1)
    unknown = _unknown_temporaries(graph, setup)
    batch = largest_batch(graph, setup, budget)
    sizes = _sizes(arguments, checked, setup)
    wanted = plan(graph, setup, budget) if arguments.batch and setup.training else None
    if arguments.format == "json":
        import json

        told = _as_json(graph.name, arguments, (batch, sizes, wanted))
        print(json.dumps({**told, "unknown_temporaries": unknown}, indent=2))
        return 0
    lines = [
        f"{graph.name}: {described(setup, batch=bool(arguments.batch))}, within {amount(budget)}",
        _batch_line(checked, setup, batch),
    ]
    lines += [f"largest {name} at batch {setup.batch:,}: {_size_words(found)}" for name, found in sizes.items()]
    if arguments.batch:
        lines += _plan_lines(checked, setup, budget, wanted)
    lines += _left_out(unknown)
    print("\n".join(lines))
    return 0


def _unknown_temporaries(graph: Graph, setup: Setup) -> list[str]:
    """Return the words of the operators with unknown temporaries. Raises the error of anything else that is unknown."""
    from dataclasses import replace

    from archlang.facts.memory import memory
    from archlang.facts.untold import UnknownFact
    from archlang.library import CallError

    try:
        untold = memory(graph, replace(setup, batch=1)).untold
    except UnknownFact as error:
        raise CallError(str(error)) from None
    return list(dict.fromkeys(one.word for one in untold))


def _sizes(arguments: argparse.Namespace, checked: Checked, setup: Setup) -> dict[str, Largest]:
    """Of each open size the largest valid one at which the net fits, the others at their defaults."""
    from archlang.cli.sizes import ranges
    from archlang.compiler import refuse_ranges
    from archlang.fit import largest_size
    from archlang.sizes import Spec, default_range, valid_at

    graph = checked.graphs[0]
    spec = Spec(checked.library.main, graph.name, settings_of(arguments), checked.library.files)
    asked = ranges(arguments.ranges)
    refuse_ranges(graph, asked)
    return {
        name: largest_size(
            asked.get(name, default_range(graph, name)),
            valid_at(spec, graph, name),
            setup,
            arguments.memory,
            further=name not in asked,
        )
        for name in graph.open_sizes
    }


def _size_words(found: Largest) -> str:
    """Return the largest size, and whether it is known that no larger one fits."""
    if found.too_large is not None:
        return f"{'none' if found.size is None else found.size}; {found.too_large} does not fit"
    if found.size is None:
        return f"none; no size up to {found.tried_to} is valid"
    invalid = f"no size from {found.size + 1} to {found.tried_to} is valid, and "
    return f"at least {found.size}; {invalid if found.tried_to > found.size else ''}larger ones were not tried"


def _batch_line(checked: Checked, setup: Setup, batch: int) -> str:
    from dataclasses import replace

    from archlang.facts.memory import memory

    found = memory(checked.graphs[0], replace(setup, batch=batch or 1))
    if not batch:
        return f"not even one image fits: it takes {amount(found.peak_bytes)}, {where(found.moment)}"
    most, least = ("at most ", "at least ") if found.untold else ("", "")
    return f"largest batch: {most}{batch:,}, which takes {least}{amount(found.peak_bytes)}, {where(found.moment)}"


def _plan_lines(checked: Checked, setup: Setup, budget: int, found: Plan | None) -> list[str]:
    from archlang.facts.memory import memory

    made = memory(checked.graphs[0], setup)
    whole, least = made.peak_bytes, "at least " if made.untold else ""
    takes = f"batch {setup.batch:,} takes {least}{amount(whole)}"
    if whole <= budget:
        return [f"{takes}, and may fit" if least else f"{takes}, and fits"]
    if found is None:
        return [f"{takes}, and no choice of blocks to recompute that was tried makes it fit"]
    blocks = f"{len(found.recomputed)} block{'s' if len(found.recomputed) > 1 else ''}"
    return [
        f"{takes}; with {blocks} recomputed {least}{amount(found.memory.peak_bytes)}, {where(found.memory.moment)},",
        f"for {100 * found.price:.1f}% more multiply-accumulates in a step:",
        *(f"  {path}" for path in found.recomputed),
    ]


def _as_json(
    name: str, arguments: argparse.Namespace, found: tuple[int, dict[str, Largest], Plan | None]
) -> dict[str, object]:  # fmt: skip
    batch, sizes, wanted = found
    told = wanted and {
        "batch": arguments.batch,
        "recomputed": wanted.recomputed,
        "peak_bytes": wanted.memory.peak_bytes,
        "step_macs": wanted.step_macs,
        "extra_macs": wanted.extra_macs,
    }
    largest = {name: found.size for name, found in sizes.items()}
    too_large = {name: found.too_large for name, found in sizes.items()}
    rows = {"net": name, "memory_bytes": arguments.memory, "largest_batch": batch, "largest_sizes": largest}
    rows |= {"sizes_too_large": too_large}
    return {"version": 1, **rows, "plan": told}


def _left_out(unknown: Sequence[str]) -> list[str]:
    """Return what the figures do not contain."""
    lines = ["left out: what single kernels take and free by themselves, and all else in the process"]
    if unknown:
        several = "which may take several times as much"
        lines.append(f"not known, and left out: the temporaries of {', '.join(unknown)}, {several}")
    return lines


FIT = Command("find the largest batch and input that fit in memory, and what to recompute for more", _fit, _options)
