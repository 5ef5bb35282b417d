"""Graph to PyTorch: source that reads as a person would have written it, and the module that this very source makes."""

from __future__ import annotations

import linecache
from itertools import count
from typing import TYPE_CHECKING

from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.lower.audit import audit
from archlang.lower.classes import program
from archlang.lower.emit import source
from archlang.packages import need

if TYPE_CHECKING:
    from torch import nn

_numbers = count(1)


def torch_source(graph: Graph) -> str:
    """The Python source of the net: `nn.Module` classes that need torch alone, the net's own last."""
    counts = totals(graph)
    inputs = ", ".join(f"{port.name} {graph.root.types[port.value]}" for port in graph.root.inputs)
    # a source is known by this line to be archlang's (marks.py)
    summary = f"{graph.name}: {inputs}; {counts.params:,} parameters, {counts.macs:,} multiply-accumulates."
    made = program(graph)
    text = source(graph, made, summary)
    audit(text, made)
    return text


def module(graph: Graph, seed: int | None = None) -> nn.Module:
    """The module that `torch_source` makes, with torch's own initialisation. A traceback shows the source's lines.

    A `seed` is given to torch before the weights are drawn.
    """
    need("torch", "a module is made by")
    text = torch_source(graph)
    filename = f"<archlang {graph.name} {next(_numbers)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    namespace: dict[str, object] = {"__name__": f"archlang.built.{graph.name}"}
    exec(compile(text, filename, "exec"), namespace)  # noqa: S102  our own source, made from checked names and numbers
    made = namespace[program(graph).classes[-1].name]
    assert isinstance(made, type)
    if seed is not None:
        import torch

        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    net: nn.Module = made()
    return net
