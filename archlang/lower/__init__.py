"""Graph to PyTorch: readable source, and the module that results from executing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.built import execute
from archlang.facts.crashing import crashing
from archlang.facts.work import totals
from archlang.ir import Graph, check_names
from archlang.lower.audit import audit
from archlang.lower.classes import classes_of
from archlang.lower.emit import source
from archlang.packages import need
from archlang.program import Program, program_of
from archlang.program.passes import overwriting

if TYPE_CHECKING:
    from torch import nn


def torch_source(net: Graph | Program) -> str:
    """Return the Python source of a net: `nn.Module` classes that need torch alone, the net's own last.

    Raises ValueError if the Graph has a name that the language does not allow, or if torch would end the process in
    the net's memory format.
    """
    return source_and_class(net)[0]


def source_and_class(net: Graph | Program) -> tuple[str, str]:
    """Return the source of a net, and the name of the net's class in it."""
    program = net if isinstance(net, Program) else program_of(net)
    graph = program.graph
    check_names(graph)
    if program.root.memory_format:
        _refuse_crash(graph)
    counts = totals(graph)
    inputs = ", ".join(f"{port.name} {graph.root.types[port.value]}" for port in graph.root.inputs)
    # this line marks a source as made by archlang (marks.py)
    summary = f"{graph.name}: {inputs}; {counts.params:,} parameters, {counts.macs:,} multiply-accumulates."
    made = classes_of(overwriting(program))
    text = source(made, summary)
    audit(text, made)
    return text, made.classes[-1].name


def _refuse_crash(graph: Graph) -> None:
    """Refuse a net in channels_last whose backward pass would end the process."""
    found = crashing(graph)
    if found:
        where = f"`{found[0].path}` ({found[0].op.word})"
        raise ValueError(
            f"in channels_last the backward pass of {where} ends the process, by a fault of torch 2.13: "
            "its input needs no gradient, and its weights do"
        )


def module(net: Graph | Program, seed: int | None = None) -> nn.Module:
    """Return the module that `torch_source` defines, with torch's own initialisation.

    A `seed` is given to torch before the weights are drawn. A traceback shows the source's lines.
    """
    need("torch", "a module is made by")
    text, name = source_and_class(net)
    graph = net.graph if isinstance(net, Program) else net
    made: type[nn.Module] = vars(execute(text, graph.name))[name]
    if seed is not None:
        import torch

        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    return made()
