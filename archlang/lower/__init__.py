"""Graph to PyTorch: source that reads as a person would have written it, and the module that this very source makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.built import execute
from archlang.facts.work import totals
from archlang.ir import Graph, check_names
from archlang.lower.audit import audit
from archlang.lower.classes import classes_of
from archlang.lower.emit import source
from archlang.packages import need
from archlang.program import program_of

if TYPE_CHECKING:
    from torch import nn


def torch_source(graph: Graph) -> str:
    """The Python source of the net: `nn.Module` classes that need torch alone, the net's own last.

    Raises ValueError where a name of the Graph is none that the language could have given it.
    """
    check_names(graph)
    counts = totals(graph)
    inputs = ", ".join(f"{port.name} {graph.root.types[port.value]}" for port in graph.root.inputs)
    # a source is known by this line to be archlang's (marks.py)
    summary = f"{graph.name}: {inputs}; {counts.params:,} parameters, {counts.macs:,} multiply-accumulates."
    made = classes_of(program_of(graph))
    text = source(graph, made, summary)
    audit(text, made)
    return text


def module(graph: Graph, seed: int | None = None) -> nn.Module:
    """The module that `torch_source` makes, with torch's own initialisation. A traceback shows the source's lines.

    A `seed` is given to torch before the weights are drawn.
    """
    need("torch", "a module is made by")
    made: type[nn.Module] = vars(execute(torch_source(graph), graph.name))[
        classes_of(program_of(graph)).classes[-1].name
    ]
    if seed is not None:
        import torch

        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    return made()
