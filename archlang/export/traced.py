"""The formats that torch itself reads: `pt2` of torch.export, and TorchScript."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from archlang.export.checking import BATCHES, Axes, Checked
from archlang.export.inputs import axis_names, drawn, results
from archlang.ir import Graph
from archlang.marks import RECORDED

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram


@contextmanager
def quiet() -> Generator[None]:
    """Silence the warnings of torch's exporters: of their own deprecated code, and of sizes compared in a trace."""
    with catch_warnings():
        simplefilter("ignore")
        yield


def program_of(module: nn.Module, graph: Graph) -> ExportedProgram:
    """Return the module as torch.export sees it: with an open batch, and open sizes as far as torch follows them.

    Raises the errors of torch.export.
    """
    import torch
    from torch.export import Dim, export

    shapes = tuple(
        {
            place: Dim.DYNAMIC if name == "batch" and size == 1 else Dim.AUTO
            for place, (name, size) in enumerate(
                zip(_axes(graph, port.name), graph.root.types[port.value].shape, strict=True)
            )
            if name is not None
        }
        for port in graph.root.inputs
    )
    with quiet(), torch.no_grad():
        return export(module, drawn(graph, BATCHES[0]), dynamic_shapes=shapes)


def _axes(graph: Graph, port: str) -> list[str | None]:
    type = next(graph.root.types[one.value] for one in graph.root.inputs if one.name == port)
    return axis_names(graph, port, type)


def symbols_of(program: ExportedProgram, graph: Graph) -> dict[str, str]:
    """Return the net's name of each size that torch.export left open, by torch's: `{"s77": "batch"}`."""
    found: dict[str, str] = {}
    for port, sizes in zip(graph.root.inputs, _shapes(program, program.graph_signature.user_inputs), strict=True):
        for name, size in zip(_axes(graph, port.name), sizes, strict=True):
            if name is not None and re.fullmatch(r"s\d+", str(size)):
                found.setdefault(str(size), name)
    return found


def _shapes(program: ExportedProgram, names: Iterable[object]) -> list[tuple[object, ...]]:
    held = {node.name: node.meta["val"] for node in program.graph.nodes if "val" in node.meta}
    return [tuple(held[name].shape) for name in map(str, names)]


def renamed(text: str, symbols: dict[str, str]) -> str:
    """Return an expression of sizes with the net's names in place of torch's."""
    return re.sub(r"\bs\d+\b", lambda match: symbols.get(match[0], match[0]), text)


def axes_of(program: ExportedProgram, graph: Graph) -> tuple[Axes, Axes]:
    """Return the axes of each input and output, by the names of the spec."""
    symbols = symbols_of(program, graph)

    def told(size: object) -> int | str:
        return size if isinstance(size, int) else renamed(str(size), symbols)

    signature = program.graph_signature
    ports = (graph.root.inputs, signature.user_inputs), (results(graph), signature.user_outputs)
    inputs, outputs = (
        {
            port.name: tuple(map(told, sizes))
            for port, sizes in zip(named, _shapes(program, names), strict=True)
        }
        for named, names in ports
    )  # fmt: skip
    return inputs, outputs


def as_pt2(module: nn.Module, graph: Graph) -> Checked:
    """Return the file of torch.export, which `torch.export.load` reads."""
    from torch.export import load, save

    program, data = program_of(module, graph), BytesIO()
    with quiet():
        save(program, data, extra_files={**RECORDED})
        again = load(BytesIO(data.getvalue())).module()
    return Checked(data.getvalue(), *axes_of(program, graph), lambda inputs: leaves(again, inputs))


def as_torchscript(module: nn.Module, graph: Graph) -> Checked:
    """Return the file of torch.jit.trace, which `torch.jit.load` reads. A trace keeps no check of sizes."""
    import torch

    jit: Any = torch.jit
    inputs, data = drawn(graph, BATCHES[0]), BytesIO()
    with quiet(), torch.no_grad():
        traced = jit.trace(module, inputs, check_trace=False)
        jit.save(traced, data, _extra_files={**RECORDED})
        again = jit.load(BytesIO(data.getvalue()))
        made = leaves(module, inputs)
    return Checked(data.getvalue(), *_traced_axes(graph, made), lambda given: leaves(again, given))


def _traced_axes(graph: Graph, made: Sequence[Tensor]) -> tuple[Axes, Axes]:
    inputs: dict[str, tuple[int | str, ...]] = {}
    for port in graph.root.inputs:
        names = _axes(graph, port.name)
        shape = graph.root.types[port.value].shape
        inputs[port.name] = tuple("batch" if name == "batch" else size for name, size in zip(names, shape, strict=True))
    outputs: dict[str, tuple[int | str, ...]] = {}
    for port, result in zip(results(graph), made, strict=True):
        axes = graph.root.types[port.value].axes
        outputs[port.name] = tuple(
            "batch" if axis == "n" else size for axis, size in zip(axes, result.shape, strict=True)
        )
    return inputs, outputs


def leaves(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Return the outputs of a module in one list."""
    import torch
    from torch.utils import _pytree as trees

    with quiet(), torch.no_grad():
        return [*trees.tree_leaves(module(*inputs))]
