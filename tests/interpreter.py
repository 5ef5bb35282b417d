"""What a Graph computes: each node's torch call, one after the other, with the weights of a state dict.

It knows nothing of the source that is emitted. The weights of a node lie at its path; where they are tied to another's,
at that one's path. All modules are made before the first of them runs, so that no draw of their initial weights comes
between the draws of dropout.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from archlang.formulas import Formula, Made, Rounded, SizeOf
from archlang.ir import Block, CallNode, Graph, Guard, OpNode
from archlang.laws.calling import built
from archlang.ops.base import Expression, Module, Stored


class Interpreter:
    """A Graph and weights by their key: copies of those of a module, which training changes as it would change them."""

    def __init__(self, graph: Graph, weights: Mapping[str, Tensor]) -> None:
        self.graph = graph
        self.blocks = {block.id: block for block in graph.blocks}
        self.weights: dict[str, Tensor] = {}
        frozen = set(_frozen(graph.blocks[-1], "", self.blocks))
        copies: dict[int, Tensor] = {}
        for key, value in weights.items():
            if id(value) not in copies:
                copy = value.detach().clone()
                copies[id(value)] = nn.Parameter(copy) if isinstance(value, nn.Parameter) else copy
            self.weights[key] = copies[id(value)]
        for key in frozen & self.weights.keys():
            self.weights[key].requires_grad_(False)
        # a module that is applied again is made once more where its call differs
        self._modules: dict[tuple[str, Module], nn.Module] = {}
        self._make(graph.blocks[-1], "")

    def run(self, inputs: Sequence[Tensor], training: bool, seed: int) -> list[Tensor]:
        """Return the net's outputs, those of training only in training mode."""
        for module in self._modules.values():
            module.train(training)
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        root = self.graph.blocks[-1]
        values = self._block(root, "", list(inputs), training)
        return [values[port.value] for port in root.outputs if training or not port.training]

    # ---- modules and their weights

    def _make(self, block: Block, path: str) -> None:
        for node in block.nodes:
            at = _joined(path, node.scope, node.name) if node.module is None else _joined(path, node.module)
            if isinstance(node, CallNode):
                self._make(self.blocks[node.block], at)
                continue
            told = node.torch(*[block.types[value] for value in node.inputs])
            if isinstance(told, Module) and (at, told) not in self._modules:
                module = built(told)
                self._fill(module, at, {name: _joined(path, other) for name, other in node.ties.items()})
                self._modules[at, told] = module

    def _fill(self, module: nn.Module, path: str, ties: Mapping[str, str]) -> None:
        """Replace the weights of a module."""
        for name, _ in [*module.named_parameters(), *module.named_buffers()]:
            key = ties.get(name, _joined(path, name))
            if key in self.weights:
                below, _, leaf = name.rpartition(".")
                setattr(module.get_submodule(below), leaf, self.weights[key])

    # ---- values

    def _block(self, block: Block, path: str, inputs: list[Tensor], training: bool) -> dict[int, Tensor]:
        values = dict(zip((port.value for port in block.inputs), inputs, strict=True))
        skipped = set[int]() if training else _of_training_alone(block)
        for at, node in enumerate(block.nodes):
            if at in skipped:
                continue
            _check(node.guards, values)
            given = [values[value] for value in node.inputs]
            where = _joined(path, node.scope, node.name) if node.module is None else _joined(path, node.module)
            if isinstance(node, CallNode):
                callee = self.blocks[node.block]
                inner = self._block(callee, where, given, training)
                results = [inner[port.value] for port in callee.outputs]
            else:
                results = self._node(node, block, where, [values[value] for value in node.reads])
            values.update(zip(node.outputs, results, strict=True))
        _check(block.guards, values)
        return values

    def _node(self, node: OpNode, block: Block, path: str, given: list[Tensor]) -> list[Tensor]:
        told = node.torch(*[block.types[value] for value in node.inputs])
        if isinstance(told, Stored):
            return [self.weights[path]]
        if isinstance(told, Expression):
            result: Any = _function(told.template, len(node.inputs), len(given))(*given)
        else:
            result = self._modules[path, told](*given[: len(node.inputs)])
        return [result] if isinstance(result, Tensor) else list(cast("Sequence[Tensor]", result))


def _joined(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _check(guards: Sequence[Guard], values: Mapping[int, Tensor]) -> None:
    """Refuse sizes for which a condition of the Graph does not hold."""

    def number(formula: Formula) -> float:
        match formula:
            case SizeOf(value, axis):
                return values[value].shape[axis]
            case Made(sign, left, right):
                return _SIGNS[sign](number(left), number(right))
            case Rounded(how, of):
                return _ROUNDED[how](number(of))
            case _:
                return formula

    for guard in guards:
        if not _SIGNS[guard.comparison](number(guard.left), number(guard.right)):
            raise ValueError(f"{guard.comparison} does not hold")


_SIGNS: Mapping[str, Callable[[Any, Any], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "min": min, "max": max, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ROUNDED: Mapping[str, Callable[[float], int]] = {"int": int, "round": round, "floor": math.floor, "ceil": math.ceil}


@cache
def _function(template: str, inputs: int, count: int) -> Callable[..., Any]:
    """Return an expression over the inputs of a node, and the values of which it only uses a size."""
    names = [f"x{at}" for at in range(count)]
    text = template.replace("{all}", ", ".join(names[:inputs]))
    for at, name in enumerate(names):
        text = text.replace(f"{{{at}}}", name)
    function: Callable[..., Any] = eval(f"lambda {', '.join(names)}: {text}", {"torch": torch, "math": math})  # noqa: S307
    return function


def _of_training_alone(block: Block) -> set[int]:
    """Return the nodes, by their places, on which only outputs `when training` depend."""
    if not any(port.training for port in block.outputs):
        return set()
    needed = {port.value for port in block.outputs if not port.training}
    needed |= {size.value for guard in block.guards for size in guard.sizes}
    found: set[int] = set()
    for at in reversed(range(len(block.nodes))):
        node = block.nodes[at]
        if needed & {*node.outputs}:
            needed |= {*node.reads}  # the sizes that its conditions read are needed too
        else:
            found.add(at)
    return found


def _frozen(block: Block, path: str, blocks: Mapping[str, Block]) -> list[str]:
    """Return the keys of the weights at or below a frozen path."""
    keys: list[str] = []
    tops = [_joined(path, frozen) for frozen in block.frozen]
    for key in _keys(block, path, blocks):
        if any(f"{key}.".startswith(f"{top}.") for top in tops):
            keys.append(key)
    for node in block.nodes:
        if isinstance(node, CallNode):
            at = _joined(path, node.scope, node.name) if node.module is None else _joined(path, node.module)
            keys += _frozen(blocks[node.block], at, blocks)
    return keys


def _keys(block: Block, path: str, blocks: Mapping[str, Block]) -> list[str]:
    keys: list[str] = []
    for node in block.nodes:
        at = _joined(path, node.scope, node.name)
        if node.module is not None:
            continue
        if isinstance(node, CallNode):
            keys += _keys(blocks[node.block], at, blocks)
        else:
            weights = node.op.weights(*[block.types[value] for value in node.inputs])
            keys += [_joined(at, weight.name) for weight in weights if not weight.buffer]
    return keys


def keys_of(graph: Graph) -> list[str]:
    """Return the keys of all parameters of a net, as its Graph has them."""
    return _keys(graph.blocks[-1], "", {block.id: block for block in graph.blocks})
