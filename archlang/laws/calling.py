"""The torch call of a case, and random inputs for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, cast

import torch

from archlang.ir import Graph
from archlang.laws.cases import Case
from archlang.ops.base import Expression, Module, Slide, Stored
from archlang.ops.layouts import Laid
from archlang.shapes import TensorType

BATCH = 2


def called(case: Case) -> Callable[..., Any]:
    """Return the module of the operator, in training mode, or a function for an expression."""
    told = case.op.torch(*case.types) if case.over is None else case.op.torch_over(case.over, *case.types)
    assert not isinstance(told, Stored), "what a net holds itself is not called"
    if isinstance(told, Expression):
        names = [f"x{at}" for at in range(len(case.types))]
        text = told.template.replace("{all}", ", ".join(names))
        for at, name in enumerate(names):
            text = text.replace(f"{{{at}}}", name)
        return _function(f"lambda {', '.join(names)}: {text}")
    module = built(told)
    if case.weights:
        convert = cast("Callable[..., object]", module.to)  # torch does not annotate this argument
        convert(memory_format=getattr(torch, case.weights))
    if case.op.plain_loop:
        module.register_forward_pre_hook(_without_onednn)
        module.register_forward_hook(_with_onednn, always_call=True)
    return module


@lru_cache(maxsize=256)
def _function(text: str) -> Callable[..., Any]:
    function: Callable[..., Any] = eval(text, {"torch": torch})  # noqa: S307
    return function


def _without_onednn(*_: object) -> None:
    _use_onednn(False)


def _with_onednn(*_: object) -> None:
    _use_onednn(True)


def _use_onednn(wanted: bool) -> None:
    flags: Any = torch.backends.mkldnn  # it has no types
    flags.set_flags(wanted)


@contextmanager
def own_loops(graph: Graph) -> Generator[None]:
    """Turn oneDNN off within, if an operator describes the loop that torch runs without it."""
    if any(layer.op.plain_loop for layer in graph.flat()):
        _without_onednn()
    try:
        yield
    finally:
        _with_onednn()


def results(module: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Return the outputs, one or several, of an operator's module or function."""
    given = module(*inputs)
    return (given,) if isinstance(given, torch.Tensor) else tuple(given)


def built(told: Module) -> torch.nn.Module:
    """Return the module, with its arguments in order, and by name the options that differ from torch's defaults."""
    package, _, name = told.target.rpartition(".")
    assert package == ("" if told.source else "torch.nn")
    kind: Callable[..., torch.nn.Module] = class_of(told.source, name) if told.source else getattr(torch.nn, name)
    options = {option: value for option, value, default in told.options if value != default}
    return kind(*(value for _, value in told.args), **options)


@cache
def class_of(source: str, name: str) -> type[torch.nn.Module]:
    """Return the class that an operator carries because torch has none."""
    names: dict[str, Any] = {"torch": torch, "nn": torch.nn}
    exec(source, names)  # noqa: S102
    return cast("type[torch.nn.Module]", names[name])


def settings_of(module: torch.nn.Module) -> dict[str, object]:
    """Return the attributes of a module: its own that are no tensors, and the shapes of those that are."""
    own: dict[str, object] = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return own | {name: tuple(value.shape) for name, value in module.state_dict().items()}


def inputs_of(case: Case) -> list[torch.Tensor]:
    """Return random inputs of a case."""
    made = tensors(case.types, below=case.below)
    return [made[0], places_of(case)] if case.places and case.is_bounded else made


def places_of(case: Case) -> torch.Tensor:
    """Return indices as a pool returns them, row by row. Each value goes to the first place that may see it."""
    (y,), told = case.op.outputs(*case.types), case.op.reach(*case.types)
    reach: Mapping[str, Slide] = told.slides if told else {}
    found = torch.zeros((), dtype=torch.int64)
    for axis, slide in reach.items():
        firsts = [next((to for to in range(y[axis]) if _sees(slide, to, at)), 0) for at in range(case.types[0][axis])]
        found = found[..., None] * y[axis] + torch.tensor(firsts)
    return found.expand(shape_of(case.types[0])).clone()


def _sees(slide: Slide, position: int, at: int) -> bool:
    return at in slide.seen(position)


def tensors(types: Sequence[TensorType], batch: int = BATCH, below: int = 10) -> list[torch.Tensor]:
    """Return random inputs of these types: floats from 0 to 1, which require a gradient, and integers from 0."""
    made: list[torch.Tensor] = []
    generator = torch.Generator().manual_seed(0)
    for x in types:
        shape = shape_of(x, batch)
        dtype = getattr(torch, x.dtype)
        if x.is_float:
            made.append(torch.rand(shape, generator=generator, dtype=dtype, requires_grad=True))
        else:
            made.append(torch.randint(below, shape, generator=generator).to(dtype))
    return made


def shape_of(x: TensorType, batch: int = BATCH) -> tuple[int, ...]:
    return tuple(size * batch if axis == "n" else size for axis, size in zip(x.axes, x.shape, strict=True))


def laid_as(case: Case, inputs: Sequence[torch.Tensor]) -> list[Laid]:
    return [
        Laid(tuple(x.shape), type.axes, type.dtype, tuple(x.stride()), place, case.weights)
        for place, (type, x) in enumerate(zip(case.types, inputs, strict=True))
    ]
