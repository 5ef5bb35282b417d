"""Writes a module to a file that runs without archlang: ONNX, torch.export's `pt2`, or TorchScript.

Each file is loaded again and compared with the module before it is handed out. All functions import torch when called.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.export.checking import BATCHES, TOLERANCE, Axes, Checked, checked
from archlang.export.inputs import reason_of
from archlang.ir import Graph

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BATCHES", "FORMATS", "SUFFIXES", "TOLERANCE", "Exported", "exported", "format_of"]

FORMATS = ("onnx", "pt2", "torchscript")
SUFFIXES = {".onnx": "onnx", ".pt2": "pt2", ".ts": "torchscript", ".torchscript": "torchscript"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file of an exported net takes and gives, and how it was checked.

    `inputs` and `outputs` hold axes, by name: each is a number, or the name of a size that may differ from call to
    call, such as `batch`. `difference` is the largest one between the file and the module, as a part of the largest
    value of an output, or of 1 if that is greater. `tried` are the sizes at which they were compared.
    """

    net: str
    format: str
    inputs: Axes
    outputs: Axes
    difference: float
    tried: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Exported {self.net} as {self.format}: {_written(self.inputs)} -> {_written(self.outputs)}>"

    def __str__(self) -> str:
        """Return what the command prints of it."""
        by = "onnxruntime" if self.format == "onnx" else "torch"
        return (
            f"{self.net} as {self.format}: {_written(self.inputs)} -> {_written(self.outputs)}\n"
            f"loaded again by {by} and compared at {', '.join(self.tried)}: within {TOLERANCE:g} of the module"
        )


def _written(axes: Axes) -> str:
    return ", ".join(f"{name} [{', '.join(map(str, sizes))}]" for name, sizes in axes.items())


def format_of(path: Path, format: str | None) -> str | None:
    """Return the format that was named, or that of the file's suffix; None if neither is one."""
    return format if format in FORMATS else SUFFIXES.get(path.suffix.lower()) if format is None else None


def exported(module: nn.Module, graph: Graph, format: str) -> tuple[bytes, Exported]:
    """Return the bytes of a file of one of `FORMATS`, and what was checked of it. The module is exported in evaluation.

    Raises `Rejected` with the code `export-failed` if torch cannot write it, or if what was written differs.
    """
    from archlang.export.onnx_file import as_onnx
    from archlang.export.traced import as_pt2, as_torchscript

    writers: dict[str, Callable[[nn.Module, Graph], Checked]] = {
        "onnx": as_onnx, "pt2": as_pt2, "torchscript": as_torchscript
    }  # fmt: skip
    with _evaluating(module):
        try:
            written = writers[format](module, graph)
        except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError, LookupError) as error:
            message = f"torch cannot write {graph.name} as {format}: {reason_of(error)}"
            raise Rejected("export-failed", message) from error
        difference, tried = checked(module, graph, written, format)
    return written.data, Exported(graph.name, format, written.inputs, written.outputs, difference, tried)


@contextmanager
def _evaluating(module: nn.Module) -> Generator[None]:
    """Set a module to evaluation, and afterwards each of its parts to what it was in."""
    before = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in before.items():
            part.training = training
