"""Nets written from their papers: checked, built, run and trained for one step, in agreement with the Graph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from archlang.compiler import Net, check
from archlang.facts.work import count
from archlang.ir import Graph
from archlang.laws.calling import own_loops
from archlang.shapes import TensorType

NETS = Path(__file__).parents[1] / "nets"
FILES = {path.stem: path.read_text("utf-8") for path in sorted(NETS.glob("*.arch"))}
# the net of a file that runs instead of a large one, which runs in the sweep
SMALL = {name: "small" for name, text in FILES.items() if "\nnet small" in text} | {"vit": "vit_tiny"}
TOO_LARGE = {"gpt2", "unet", "nasnet"}  # minutes, or gigabytes


@cache
def checked(name: str, net: str | None = None) -> Graph:
    path = NETS / f"{name}.arch"
    found = check(f"{path}:{net}" if net else str(path))
    told = [one for one in found.warnings if one.code != "no-batch-of-one"]  # a batch norm after a global pool
    assert not found.diagnostics and not told, found.rendered()
    return found.graphs[0]


def image_of(type: TensorType, batch: int) -> torch.Tensor:
    shape = batch, *type.shape[1:]
    return torch.randn(shape) if type.is_float else torch.randint(10, shape)


def runs() -> Iterator[Any]:
    """Yield each file with the net that runs, and in the sweep the file's own if it is larger."""
    for name, text in FILES.items():
        yield pytest.param(name, SMALL.get(name, name), id=name)
        if name in SMALL.keys() - TOO_LARGE and f"\nnet {name}" in text:
            yield pytest.param(name, name, id=f"{name}, as large as published", marks=pytest.mark.sweep)


@pytest.mark.parametrize("name, which", list(runs()))
def test_written_checked_run_with_gradients(name: str, which: str) -> None:
    graph = checked(name, which)
    net = Net(graph)
    module = net.module(seed=0)
    counts = count(graph).net
    assert sum(value.numel() for value in module.parameters()) == counts.params
    types = [graph.root.types[port.value] for port in graph.root.inputs]
    outputs: tuple[torch.Tensor, ...] = ()
    for batch in (2, 3):
        given = module(*[image_of(type, batch) for type in types])
        outputs = given if isinstance(given, tuple) else (given,)
        promised = [graph.root.types[port.value] for port in graph.root.outputs]
        assert [tuple(output.shape) for output in outputs] == [(batch, *type.shape[1:]) for type in promised]
    torch.stack([output.square().sum() for output in outputs]).sum().backward()
    assert [path for path, value in module.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("name, which", list(runs()))
def test_work_is_what_torch_counts(name: str, which: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    graph = checked(name, which)
    module = Net(graph).module()
    # the counter sees no attention that is fused
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), own_loops(graph):
        module(*[image_of(graph.root.types[port.value], 2) for port in graph.root.inputs])
    assert count(graph, 2).net.macs * 2 == counter.get_total_flops()


def test_vit_is_as_large_as_published() -> None:
    """torchvision's vit_b_16: its parameters are promised in the spec, its keys differ."""
    graph = checked("vit", "vit_b_16")
    assert count(graph).net.params == 86_567_656
