"""Operators whose temporaries are not known: torch computes them in several calls, and they do not tell what is alive
between these (`Operator.steps`). Memory over time leaves such temporaries out.
"""

from __future__ import annotations

import re

from archlang.ir import Graph, Layer
from archlang.ops.base import Expression, Module, Operator

# one call in Python, several within torch
_SEVERAL = {
    "torch.nn.AdaptiveMaxPool", "torch.nn.EmbeddingBag", "torch.nn.GRUCell", "torch.nn.LPPool", "torch.nn.LSTM",
    "torch.nn.GRU", "torch.nn.RNN", "torch.nn.RNNCell", "torch.nn.MultiheadAttention", "torch.nn.RMSNorm",
    "torch.nn.Softmin", "torch.nn.Softsign", "torch.nn.Tanhshrink", "torch.nn.functional.cosine_similarity",
    "torch.nn.functional.gumbel_softmax", "torch.nn.functional.normalize",
}  # fmt: skip
# calls that give a view, or one that is copied once however many there are
_VIEWS = {"view", "permute", "unsqueeze", "squeeze", "expand", "chunk", "split", "flatten", "unflatten", "reshape"}
_CALL = re.compile(r"([\w.]*)\(")
_BETWEEN = re.compile(r" [-+*/@] ")


def unknown_temporaries(graph: Graph) -> tuple[str, ...]:
    """The words of the net's operators whose temporaries are not known, in the order in which they first stand."""
    return tuple(dict.fromkeys(layer.op.word for layer in graph.flat() if _is_unknown(layer)))


def _is_unknown(layer: Layer) -> bool:
    op = layer.op
    if op.declared or type(op).steps is not Operator.steps:
        return False
    call = op.torch(*layer.input_types)
    if isinstance(call, Module):
        return (bool(call.source) and not op.idle) or _name(call.target) in _SEVERAL
    return isinstance(call, Expression) and _calls(call.template) > 1


def _name(target: str) -> str:
    return re.sub(r"[123]d$", "", target)


def _calls(template: str) -> int:
    """How many tensors an expression computes, views left out; 2 where torch computes it in several calls."""
    called = [name for name in _CALL.findall(template) if name]
    if any(name in _SEVERAL for name in called):
        return 2
    computed = [name for name in called if name.rpartition(".")[2] not in _VIEWS]
    return len(computed) + template.count(".values") + len(_BETWEEN.findall(template))
