"""ONNX: one file with the spec's own paths as names of its nodes and weights, run by onnxruntime to be checked."""

from __future__ import annotations

from ast import literal_eval
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.export.checking import Checked
from archlang.export.traced import axes_of, program_of, quiet, renamed, symbols_of
from archlang.ir import Graph
from archlang.marks import PRODUCER
from archlang.packages import need

if TYPE_CHECKING:
    from torch import Tensor, nn

_SCOPES = "pkg.torch.onnx.name_scopes"  # torch's own notes on each node
_LIMIT = 2**31  # bytes of a file in the format of protocol buffers


def as_onnx(module: nn.Module, graph: Graph) -> Checked:
    """Return the ONNX file of a module. Raises `Rejected` if a package is missing or the file would exceed 2 GiB."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        need(package, "an ONNX file is written and checked by")
    import torch

    size = sum(value.numel() * value.element_size() for value in module.state_dict().values())
    if size >= _LIMIT:
        message = f"{graph.name} has {size:,} bytes of weights, and an ONNX file holds less than {_LIMIT:,}"
        raise Rejected("export-failed", message, help="write it as pt2: `--format pt2`")
    program = program_of(module, graph)
    inputs, outputs = axes_of(program, graph)
    with quiet():
        made: Any = cast(Any, torch.onnx).export(
            program, dynamo=True, verbose=False, input_names=[*inputs], output_names=[*outputs]
        )  # fmt: skip
    assert made is not None
    _name_nodes(made.model, frozenset(module.state_dict()))
    proto = made.model_proto
    _name_sizes(proto, symbols_of(program, graph))
    proto.producer_name = PRODUCER
    data = proto.SerializeToString()
    return Checked(data, inputs, outputs, _Session(data).run)


def _name_nodes(model: Any, keys: frozenset[str]) -> None:
    """Call each node by the path of its layer and its operator: `layer1.0.conv1/Conv`. A number follows a name in use.

    The layer is that of the node's weight; torch names a convolution after the batch norm that was folded into it.
    """
    times: Counter[str] = Counter()
    for node in model.graph:
        owned = [value.name for value in node.inputs if value is not None and value.name in keys]
        scopes = literal_eval(node.metadata_props.get(_SCOPES, "['', '']"))
        path = owned[0].rpartition(".")[0] if owned else scopes[-2] if len(scopes) > 1 else ""
        name = f"{path}/{node.op_type}" if path else node.op_type
        times[name] += 1
        node.name = name if times[name] == 1 else f"{name}_{times[name]}"


def _name_sizes(proto: Any, symbols: dict[str, str]) -> None:
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = renamed(size.dim_param, symbols)


class _Session:
    """An ONNX file as onnxruntime runs it on the CPU."""

    def __init__(self, data: bytes) -> None:
        onnxruntime: Any = import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(self, inputs: tuple[Tensor, ...]) -> list[Tensor]:
        """Return the outputs as tensors."""
        import torch

        names = [one.name for one in self._session.get_inputs()]
        given = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return [cast(Any, torch).from_numpy(value) for value in self._session.run(None, given)]
