"""The doors of PyTorch: each takes a module through a part of torch, and fails where the result is not the module's.

A door is a function of a `Subject`. It raises what torch raises, or AssertionError where something differs.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils import _pytree as trees

from archlang.export import exported
from archlang.export.inputs import drawn
from archlang.ir import Graph

CLOSE = 1e-4  # of the largest value, where kernels or the order of sums differ
COARSE = 0.1  # of the largest value, in 8 bits


@dataclass(frozen=True)
class Subject:
    """A net: its Graph for inputs and names, and a function that makes a module with random weights."""

    graph: Graph
    make: Callable[[], nn.Module]

    def made(self) -> nn.Module:
        """Return the module in evaluation, of seed 0, with drawn statistics: a fresh batch norm has none."""
        torch.manual_seed(0)
        module = self.make().eval()
        generator = torch.Generator().manual_seed(1)
        for part in module.modules():
            mean, variance = getattr(part, "running_mean", None), getattr(part, "running_var", None)
            if isinstance(mean, Tensor) and isinstance(variance, Tensor):
                mean.normal_(0, 0.1, generator=generator)
                variance.uniform_(0.5, 1.5, generator=generator)
        return module

    def inputs(self, batch: int = 2) -> tuple[Tensor, ...]:
        """Return inputs of a fixed seed."""
        return drawn(self.graph, batch)


def outputs(module: Callable[..., object], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the outputs of a module without gradients."""
    with torch.no_grad():
        return [value for value in trees.tree_leaves(module(*inputs)) if isinstance(value, Tensor)]


def assert_same(ours: Sequence[Tensor], theirs: Sequence[Tensor], tolerance: float = 0.0) -> None:
    """Compare tensors; a tolerance of 0 means bit for bit."""
    assert len(ours) == len(theirs), f"{len(ours)} results for {len(theirs)}"
    for value, other in zip(ours, theirs, strict=True):
        assert value.shape == other.shape, f"{tuple(value.shape)} for {tuple(other.shape)}"
        apart = (value.double() - other.double()).abs().max() / other.double().abs().max().clamp(min=1)
        equal = torch.equal(value, other) or (tolerance and float(apart) <= tolerance)
        assert equal, f"differs by {float(apart):.2g} of the largest value"


def _written(format: str, subject: Subject) -> None:
    exported(subject.made(), subject.graph, format)


def _compiled(backend: str, subject: Subject) -> None:
    torch.compiler.reset()
    module, inputs = subject.made(), subject.inputs()
    assert_same(outputs(torch.compile(module, fullgraph=True, backend=backend), inputs), outputs(module, inputs), CLOSE)


def _again(copied: Callable[[nn.Module], nn.Module], subject: Subject) -> None:
    module, inputs = subject.made(), subject.inputs()
    again = copied(module)
    assert again is not module and type(again) is type(module)
    assert again.state_dict().keys() == module.state_dict().keys()
    assert_same(outputs(again, inputs), outputs(module, inputs))


def _pickled(module: nn.Module) -> nn.Module:
    again: nn.Module = pickle.loads(pickle.dumps(module))  # noqa: S301  what was pickled here
    return again


def _saved(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    again: nn.Module = torch.load(file, weights_only=False)
    return again


def _safetensors(subject: Subject) -> None:
    from safetensors.torch import load_model, save_model

    module, inputs = subject.made(), subject.inputs()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "net.safetensors"))
        save_model(module, path)
        torch.manual_seed(5)
        again = subject.make().eval()
        load_model(again, path)
    assert_same(outputs(again, inputs), outputs(module, inputs))


def _assigned(subject: Subject) -> None:
    module, inputs = subject.made(), subject.inputs()
    again = subject.make().eval()
    again.load_state_dict(module.state_dict(), assign=True)
    assert_same(outputs(again, inputs), outputs(module, inputs))


def _meta(subject: Subject) -> None:
    module, inputs = subject.made(), subject.inputs()
    with torch.device("meta"):
        again = subject.make().eval()
    assert all(value.is_meta for value in again.state_dict().values())
    again.load_state_dict(module.state_dict(), assign=True)
    assert_same(outputs(again, inputs), outputs(module, inputs))


def _data_parallel(subject: Subject) -> None:
    module, inputs = subject.made(), subject.inputs()
    assert_same(outputs(nn.DataParallel(module), inputs), outputs(module, inputs))


def _step(module: nn.Module, inputs: Sequence[Tensor]) -> None:
    """Run a forward and a backward pass."""
    found = [value for value in trees.tree_leaves(module(*inputs)) if value.is_floating_point()]
    sum((value.float().square().mean() for value in found), torch.zeros(())).backward()


def _gradients(module: nn.Module) -> list[Tensor]:
    found = (value.grad for value in module.parameters())
    return [getattr(grad, "full_tensor", lambda grad=grad: grad)() for grad in found if grad is not None]


@contextmanager
def _group() -> Generator[None]:
    """Form a group of this process alone, with gloo."""
    with tempfile.TemporaryDirectory() as folder:
        dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
        try:
            yield
        finally:
            dist.destroy_process_group()


def _stepped(wrapped: Callable[[nn.Module], nn.Module], subject: Subject) -> None:
    """Compare outputs and gradients of a step with those of the module alone. Both are in evaluation: no dropout."""
    module, inputs = subject.made(), subject.inputs()
    again = copy.deepcopy(module)
    with _group():
        spread = wrapped(again)
        assert_same(outputs(spread, inputs), outputs(module, inputs))
        _step(spread, inputs)
        _step(module, inputs)
        assert_same(_gradients(spread), _gradients(module), CLOSE)


def _ddp(module: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(module)


def _fsdp(module: nn.Module) -> nn.Module:
    """Shard each block that holds layers, innermost first, and what is left as a whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (1,))
    for part in reversed([*module.modules()]):
        if part is not module and next(part.children(), None) and next(part.parameters(), None) is not None:
            fully_shard(part, mesh=mesh)
    fully_shard(module, mesh=mesh)
    return module


def _autocast(subject: Subject) -> None:
    module, inputs = subject.made(), subject.inputs()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_same(outputs(module, inputs), outputs(module, inputs))
        _step(module, inputs)
    assert all(grad.dtype == torch.float32 for grad in _gradients(module))


def _channels_last(subject: Subject) -> None:
    module, inputs = subject.made(), subject.inputs()
    expected = outputs(module, inputs)
    module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    laid = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs]
    assert_same(outputs(module, laid), expected, CLOSE)


def _pt2e(subject: Subject) -> None:
    """Quantise to 8 bits by the graph of torch.export: torchao's PT2E with its x86 quantiser."""
    pt2e: Any = import_module("torchao.quantization.pt2e.quantize_pt2e")
    x86: Any = import_module("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")
    module, inputs = subject.made(), subject.inputs()
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = pt2e.prepare_pt2e(torch.export.export(module, inputs).module(), quantizer)
    prepared(*inputs)
    assert_same(outputs(pt2e.convert_pt2e(prepared), inputs), outputs(module, inputs), COARSE)


def _torchao(subject: Subject) -> None:
    """Quantise the weights of linear layers to 8 bits: torchao's `quantize_`."""
    torchao: Any = import_module("torchao.quantization")
    module, inputs = subject.made(), subject.inputs()
    expected = outputs(module, inputs)
    torchao.quantize_(module, torchao.Int8WeightOnlyConfig())
    assert_same(outputs(module, inputs), expected, COARSE)


DOORS: dict[str, Callable[[Subject], None]] = {
    "torch.export, dynamic batch": partial(_written, "pt2"),
    "ONNX": partial(_written, "onnx"),
    "torch.jit.trace": partial(_written, "torchscript"),
    "torch.compile(fullgraph=True), eager": partial(_compiled, "eager"),
    "torch.compile(fullgraph=True), aot_eager": partial(_compiled, "aot_eager"),
    "torch.compile(fullgraph=True), inductor": partial(_compiled, "inductor"),
    "copy.deepcopy": partial(_again, copy.deepcopy),
    "pickle": partial(_again, _pickled),
    "torch.save of the module": partial(_again, _saved),
    "safetensors": _safetensors,
    "load_state_dict(assign=True)": _assigned,
    "meta device": _meta,
    "DataParallel": _data_parallel,
    "DDP, gloo": partial(_stepped, _ddp),
    "FSDP2 by block": partial(_stepped, _fsdp),
    "autocast": _autocast,
    "channels_last": _channels_last,
    "torchao, int8 weights": _torchao,
    "PT2E, int8": _pt2e,
}
NEEDED = {
    "ONNX": "onnxruntime",
    "torchao, int8 weights": "torchao",
    "PT2E, int8": "torchao",
    "safetensors": "safetensors",
}
SLOW = ("torch.compile(fullgraph=True), inductor",)


def tried(door: str, subject: Subject) -> str:
    """Return why a door does not take a net: the first line of the error; empty if it does."""
    try:
        with catch_warnings():
            simplefilter("ignore")
            DOORS[door](subject)
    except Exception as error:  # noqa: BLE001  whatever torch raises is the answer
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
    return ""
