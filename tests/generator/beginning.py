"""Initial weights: each as torch's own initialiser fills it, and all others as torch's modules make them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import partial
from math import ceil, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from archlang.ir import Graph, Start
from tests.generator.running import SEED
from tests.starts import LEAST, likeness

SAMPLE = 1500  # values of a tensor that are drawn to compare with


def _normal(w: Tensor, std: float, mean: float) -> object:
    return nn.init.normal_(w, mean, std)


def _trunc_normal(w: Tensor, std: float) -> object:
    return nn.init.trunc_normal_(w, 0.0, std, -2.0, 2.0)


def _he_normal(w: Tensor, mode: str, kind: str, slope: float) -> object:
    return nn.init.normal_(w, 0, _he(w, mode, kind, slope))


def _he_uniform(w: Tensor, mode: str, kind: str, slope: float) -> object:
    return _even(w, sqrt(3) * _he(w, mode, kind, slope))


def _xavier_normal(w: Tensor, gain: float) -> object:
    return nn.init.normal_(w, 0, gain * sqrt(2 / sum(_fans(w))))


def _xavier_uniform(w: Tensor, gain: float) -> object:
    return _even(w, gain * sqrt(6 / sum(_fans(w))))


def _lecun_normal(w: Tensor) -> object:
    return nn.init.normal_(w, 0, 1 / sqrt(_fans(w)[0]))


def _dirac(w: Tensor, groups: float) -> object:
    return nn.init.dirac_(w, int(groups))


DRAWN: Mapping[str, Callable[..., object]] = {
    "normal": _normal, "uniform": nn.init.uniform_, "trunc_normal": _trunc_normal, "he_normal": _he_normal,
    "he_uniform": _he_uniform, "xavier_normal": _xavier_normal, "xavier_uniform": _xavier_uniform,
    "lecun_normal": _lecun_normal,
}  # fmt: skip
FIXED: Mapping[str, Callable[..., object]] = {
    "zeros": nn.init.zeros_, "ones": nn.init.ones_, "constant": nn.init.constant_, "identity": nn.init.eye_,
    "dirac": _dirac,
}  # fmt: skip
GAINS = {"relu": sqrt(2), "tanh": 5 / 3, "linear": 1.0, "sigmoid": 1.0, "selu": 0.75}


def _fans(w: Tensor) -> tuple[int, int]:
    places = w[0, 0].numel()
    return w.shape[1] * places, w.shape[0] * places


def _he(w: Tensor, mode: str, kind: str, slope: float) -> float:
    gain = sqrt(2 / (1 + slope**2)) if kind == "leaky_relu" else GAINS[kind]
    return gain / sqrt(_fans(w)[mode == "fan_out"])


def _even(w: Tensor, bound: float) -> object:
    return nn.init.uniform_(w, -bound, bound)


def without_starts(source: str) -> str:
    """Return the source whose constructor leaves all weights as torch's modules make them."""
    tree = ast.parse(source)
    for part in ast.walk(tree):
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            part.body = [line for line in part.body if not (isinstance(line, ast.For) and "odules()" in _over(line))]
    return ast.unparse(tree)


def _over(loop: ast.For) -> str:
    return ast.unparse(loop.iter)


def begin_alike(graph: Graph, module: nn.Module, plain: nn.Module) -> str:
    """Return the error in the weights of a module that was not run; `plain` has the same seed, and no initialisers."""
    found, own = (dict(one.named_parameters(remove_duplicate=False)) for one in (module, plain))
    told: dict[str, tuple[Start, int]] = {}
    for layer in graph.flat():
        own_kernels = layer.op.word in ("locally_connected", "tiled_conv")
        for name, start in layer.node.starts.items():
            key = f"{layer.path}.{name}"
            positions = found[key].ndim - len(layer.input_types[0].shape) if own_kernels and name == "weight" else 0
            told[key] = start, positions
    owners = {id(found[key]): start for key, start in told.items()}  # weights that are tied to it start in the same way
    for key, value in found.items():
        wanted = owners.get(id(value))
        if wanted is None and not torch.equal(value, own[key]):
            return f"{key} begins in another way than torch's module"
        if wanted is not None and not _follows(value.detach(), *wanted):
            return f"{key} does not begin as {wanted[0]}"
    return ""


def _follows(value: Tensor, start: Start, positions: int) -> bool:
    """Return whether a weight starts in this way, as far as its values show.

    If its first axes are positions, each of which has a kernel of its own, the kernel of one position says how many
    inputs and outputs a unit has.
    """
    word, values = start.word, start.values
    if word == "list":
        return value.flatten().tolist() == list(values)
    if word in FIXED:
        return _equal(FIXED[word], value, *values)
    if word == "orthogonal":
        rows = value.flatten(1) if value.shape[0] <= value.flatten(1).shape[1] else value.flatten(1).T
        return torch.allclose(rows @ rows.T, float(values[0]) ** 2 * torch.eye(len(rows)), atol=1e-5)
    if word == "sparse":
        zeros = ceil(float(values[0]) * value.shape[0])
        rest = value[value != 0] / float(values[1])
        return bool(((value == 0).sum(0) == zeros).all()) and bool((rest.abs() < 6).all())
    if positions and word not in ("normal", "uniform", "trunc_normal"):
        return _likely(partial(_filled_each, DRAWN[word], positions), value, *values)
    return _likely(DRAWN[word], value, *values)


def _filled_each(fill: Callable[..., object], positions: int, w: Tensor, *values: Any) -> None:
    """Fill the kernel of each position by itself."""
    for one in w.flatten(0, positions - 1):
        fill(one, *values)


def _equal(fill: Callable[..., object], value: Tensor, *values: Any) -> bool:
    wanted = torch.empty_like(value)
    fill(wanted, *values)
    return torch.equal(value, wanted)


def _likely(fill: Callable[..., object], value: Tensor, *values: Any) -> bool:
    samples: list[Tensor] = []
    with torch.random.fork_rng():
        torch.manual_seed(SEED + 1)  # pyright: ignore[reportUnknownMemberType]
        for _ in range(ceil(SAMPLE / value.numel())):
            wanted = torch.empty_like(value)
            fill(wanted, *values)
            samples.append(wanted.flatten())
    return likeness(value.flatten(), torch.cat(samples)) >= LEAST
