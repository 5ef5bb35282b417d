"""A net that runs in another way: in channels_last, or with calls that the backward pass runs again."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import torch
from torch import Tensor, nn

from archlang.facts.crashing import crashing
from archlang.facts.saved import saved
from archlang.ir import Graph
from archlang.lower import torch_source
from archlang.program import Program, program_of
from archlang.program.passes import in_memory_format, recomputing, slimming
from archlang.program.passes.recomputing import called, chained, run_path
from tests.generator.running import BATCH, SEED, Ran, inputs_of, ran, weights_of
from tests.interpreter import Interpreter

Executed = Callable[[str], nn.Module]


def in_channels_last(graph: Graph) -> Program | None:
    """Return the Program in channels_last; None where torch has none for it, or ends the process."""
    if crashing(graph):
        return None
    try:
        return in_memory_format(program_of(graph), "channels_last")
    except ValueError:
        return None


def recomputed(graph: Graph) -> Program | None:
    """Return the Program with some calls and runs recomputed, which their paths choose; every second one is slim too.

    None where nothing is called.
    """
    program = program_of(graph)
    paths = sorted({*called(program)})
    chosen = [path for path in paths if _drawn(path, graph) % 2] or paths[:1]
    for chain in chained(program):
        drawn = _drawn(chain[0], graph) // 2
        if drawn % 2:
            chosen.append(run_path(chain[: 2 + drawn % (len(chain) - 1)]))
    found = recomputing(program, chosen) if paths else None
    return slimming(found) if found and _drawn("slim", graph) % 2 else found


def _drawn(path: str, graph: Graph) -> int:
    return crc32(f"{path} {len(graph.blocks)}".encode())


def slim(graph: Graph) -> Program | None:
    """Return the Program that keeps less for the backward pass; None where there is nothing to leave out."""
    program = slimming(program_of(graph))
    return program if any(call.slim is not None for call in program.walk()) else None


def trained(program: Program, executed: Executed, training: bool) -> tuple[Ran, Ran, list[str]]:
    """Run the Program's module and the interpreter; return what they give, and the keys of weights that differ."""
    graph, is_last = program.graph, program.root.memory_format is not None
    module = executed(torch_source(program)).train(training)
    weights = weights_of(module)
    other = Interpreter(graph, weights)
    inputs = inputs_of(graph)
    given = [_converted(x) if is_last else x for x in inputs]
    torch.manual_seed(SEED)  # pyright: ignore[reportUnknownMemberType]
    found = ran(lambda: module(*inputs), weights, graph)
    wanted = ran(lambda: other.run(given, training, SEED), other.weights, graph)
    changed = [key for key in weights if not _equal(weights[key], other.weights[key])]
    return found, wanted, changed


def told_bytes(graph: Graph, training: bool) -> int | None:
    """Saved bytes in channels_last; None where they are not known."""
    told = saved(graph, BATCH, training=training, memory_format="channels_last")
    return None if told.untold else told.bytes


def _converted(x: Tensor) -> Tensor:
    return x.to(memory_format=torch.channels_last) if x.ndim == 4 else x


def _equal(one: Tensor, two: Tensor) -> bool:
    """Return whether all values are equal. NaN equals infinity: a norm's infinite mean is NaN after a recomputation."""
    return torch.equal(one.nan_to_num(0.0, 0.0, 0.0), two.nan_to_num(0.0, 0.0, 0.0))
