"""Why the counters differ: what each adds to the exact MACs of a net or misses of them, as sums of things measured.

`features` runs a net of torchvision on the meta device and counts what passes through it; `LAWS` says of each counter
which of these it adds, how often, and why. Law and counter must agree to the last digit (`benchmarks/counters.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

# a reason, and how often the counter adds each feature
Law = tuple[tuple[str, Mapping[str, int]], ...]
Count = Callable[[Any, Any, Any], dict[str, int]]

LAWS: Mapping[str, Law] = {
    "torchinfo": (
        ("the bias adds of convolutions", {"convolution biases": 1}),
        ("a norm's weight and bias count as one MAC a parameter", {"norm parameters": 1}),
        (
            "a linear layer counts its parameters, bias too, once, at however many positions it works",
            {"linear, less positions": 1},
        ),
        ("attention is a module of its own that is not looked into", {"attention products": -1, "projections": -1}),
    ),
    "fvcore": (
        ("batch norm in evaluation: 2 a value", {"batch norm values": 2}),
        ("layer norm: 5 a value", {"layer norm values": 5}),
        ("adaptive average pools: 1 a value that enters", {"values into called adaptive pools": 1}),
        ("fused attention is no operator that it knows", {"attention products": -1}),
    ),
    "ptflops": (
        ("bias adds, those of attention too", {"convolution biases": 1, "linear biases": 1, "attention biases": 1}),
        ("batch norm: 2 a value", {"batch norm values": 2}),
        ("layer norm: 1 a value, in `LayerNorm` itself and no class derived from it", {"LayerNorm values": 1}),
        ("ReLU, ReLU6, GELU modules: 1 a value", {"activation module values": 1}),
        ("the functions that they call, and `silu`: 1 a value once more", {"activation function values": 1}),
        ("pooling modules: 1 a value that enters", {"values into pooling modules": 1}),
        ("the pooling functions that they call: 1 a value once more", {"values into called pools": 1}),
        ("attention scales its queries and takes a softmax", {"queries": 1, "attention scores": 1}),
    ),
    "thop": (
        ("batch norm: 4 a value, its own 2 doubled for weight and bias", {"batch norm values": 4}),
        ("layer norm: 4 a value, in `LayerNorm` itself", {"LayerNorm values": 4}),
        ("average pools that are modules", {"values of average pools": 1, "values through adaptive pools": 1}),
        ("attention is a module that it does not know", {"attention products": -1, "projections": -1}),
    ),
    "calflops": (("fused attention is not a function that it knows", {"attention products": -1}),),
    "torch, meta": (),
    "torch, CPU": (("attention's fast path on CPU is not registered", {"attention products": -1, "projections": -1}),),
    "torch, forward and backward": (
        ("the gradient of a grouped convolution's weights is counted as if it had no groups", {"grouped weights": 1}),
    ),
}

_POOLS = ("MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d")
_ACTIVATIONS = ("ReLU", "ReLU6", "GELU")
_CALLS: Mapping[str, tuple[str, ...]] = {
    "aten.native_batch_norm.default": ("batch norm values",),
    "aten.native_layer_norm.default": ("layer norm values",),
    "aten.relu.default": ("activation function values",),
    "aten.relu_.default": ("activation function values",),
    "aten.gelu.default": ("activation function values",),
    "aten.silu_.default": ("activation function values",),
    "aten.max_pool2d_with_indices.default": ("values into called pools",),
    "aten.avg_pool2d.default": ("values into called pools",),
    "aten._adaptive_avg_pool2d.default": ("values into called pools", "values into called adaptive pools"),
    # torch computes an adaptive pool to one position as a mean
    "aten.mean.dim": ("values into called pools", "values into called adaptive pools"),
}


def features(module: Any, image: Any) -> Counter[str]:
    """Return what passes through a module on the meta device, by the names that `LAWS` use: values, biases, MACs."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    found: Counter[str] = Counter()

    class Calls(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            for name in _CALLS.get(str(func), ()):
                found[name] += args[0].numel()
            return func(*args, **(kwargs or {}))

    for part in module.modules():
        count = _COUNTS.get(type(part).__name__)
        if count:
            part.register_forward_hook(_counting(count, found))
    calls: Any = Calls
    with calls(), torch.no_grad():
        module(image)
    return found


def _counting(count: Count, found: Counter[str]) -> Callable[[Any, Any, Any], None]:
    """Return a forward hook that adds what `count` says of a module, its first input and its output."""

    def hook(part: Any, given: Any, made: Any) -> None:
        found.update(count(part, given[0], made))

    return hook


def excess(law: Law, found: Mapping[str, int]) -> list[int]:
    """Return what each reason of a law adds, in MACs."""
    return [sum(times * found.get(name, 0) for name, times in parts.items()) for _, parts in law]


def _convolution(part: Any, x: Any, y: Any) -> dict[str, int]:
    macs = y.numel() * part.weight[0].numel()
    return {
        "convolution biases": y.numel() * (part.bias is not None),
        "grouped weights": macs * (part.groups - 1),
    }


def _linear(part: Any, x: Any, y: Any) -> dict[str, int]:
    macs = y.numel() * part.in_features
    params = sum(parameter.numel() for parameter in part.parameters())
    return {"linear biases": y.numel(), "linear, less positions": params - macs}


def _norm(part: Any, x: Any, y: Any) -> dict[str, int]:
    own = {"LayerNorm values": x.numel()} if type(part).__name__ == "LayerNorm" else {}
    return {"norm parameters": sum(parameter.numel() for parameter in part.parameters()), **own}


def _attention(part: Any, x: Any, y: Any) -> dict[str, int]:
    """Return self-attention over n t c: four projections with biases, Q·Kᵀ and A·V."""
    n, t, c = x.shape
    return {
        "attention products": 2 * n * t * t * c,
        "projections": 4 * n * t * c * c,
        "attention biases": 4 * n * t * c,
        "queries": n * t * c,
        "attention scores": n * part.num_heads * t * t,
    }


def _pool(part: Any, x: Any, y: Any) -> dict[str, int]:
    own = {
        "AvgPool2d": {"values of average pools": y.numel()},
        "AdaptiveAvgPool2d": {"values through adaptive pools": x.numel() + y.numel()},
    }
    return {"values into pooling modules": x.numel(), **own.get(type(part).__name__, {})}


def _activation(part: Any, x: Any, y: Any) -> dict[str, int]:
    return {"activation module values": x.numel()}


_COUNTS: Mapping[str, Count] = {
    "Conv2d": _convolution,
    "Linear": _linear,
    "MultiheadAttention": _attention,
    **dict.fromkeys(("BatchNorm2d", "LayerNorm", "LayerNorm2d"), _norm),
    **dict.fromkeys(_POOLS, _pool),
    **dict.fromkeys(_ACTIVATIONS, _activation),
}
