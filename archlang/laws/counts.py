"""What an operator counts, compared with torch: types, weights, arithmetic, and its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archlang.ir import Block, Graph, OpNode, Port
from archlang.laws.agreeing import Broken, agree
from archlang.laws.calling import BATCH, built, called, inputs_of, results, settings_of, shape_of
from archlang.laws.cases import Case
from archlang.ops.base import Module
from archlang.source import Span

HERE = Span("by hand", 1, 1, 1, 2)


def _products_of_three(
    a: Sequence[int], b: Sequence[int], c: Sequence[int], *axes: Sequence[int], out_shape: object = None
) -> int:
    """Return what `_trilinear` computes: the products of three tensors with added axes of size 1, and their sum."""
    shapes = [list(a), list(b), list(c)]
    for shape, more in zip(shapes, axes, strict=False):
        for axis in more:
            shape.insert(axis, 1)
    products: int = prod(max(sizes) for sizes in zip(*shapes, strict=True))
    return 2 * products


UNKNOWN_TO_THE_COUNTER = {torch.ops.aten._trilinear: _products_of_three}  # noqa: SLF001


def graph_of(case: Case) -> Graph:
    """Return a net of this one operator."""
    outputs = case.op.outputs(*case.types)
    inside, outside = tuple(range(len(case.types))), tuple(range(len(case.types), len(case.types) + len(outputs)))
    node = OpNode(op=case.op, scope="", name=None if case.op.join else "0", inputs=inside, outputs=outside, span=HERE)
    root = Block(
        id="net",
        name="net",
        arguments={},
        inputs=tuple(Port(name=f"x{at}", value=at) for at in inside),
        outputs=tuple(Port(name=f"y{at}", value=at) for at in outside),
        types=(*case.types, *outputs),
        nodes=(node,),
        scopes=(),
        labels={},
    )
    return Graph(name="net", arguments={}, blocks=(root,))


def types_are_torchs(case: Case) -> None:
    given = results(called(case), inputs_of(case))
    told = case.op.outputs(*case.types)
    types = [(shape_of(y), getattr(torch, y.dtype)) for y in told]
    agree("outputs", types, [(tuple(y.shape), y.dtype) for y in given])


def weights_are_torchs(case: Case) -> None:
    module = called(case)
    told = case.op.weights(*case.types)
    if not isinstance(module, torch.nn.Module):
        agree("weights", told, ())
        return
    state = {key: (tuple(value.shape), value.dtype) for key, value in module.state_dict().items()}
    agree("weights", {w.name: (w.shape, getattr(torch, w.dtype)) for w in told}, state)
    agree("parameters", {w.name for w in told if not w.buffer}, {name for name, _ in module.named_parameters()})
    agree("parameter values", case.op.params(*case.types), sum(p.numel() for p in module.parameters()))


def defaults_are_torchs(case: Case) -> None:
    """Check that an option with its default may be left out."""
    told = case.op.torch(*case.types)
    if not isinstance(told, Module):
        return
    without = settings_of(built(replace(told, options=())))
    for name, _, default in told.options:
        option = (name, default, object())  # an object equals no other, so that the option is written
        agree(f"the default of {name}", settings_of(built(replace(told, options=(option,)))), without)


def macs_are_torchs(case: Case) -> None:
    """Check the MACs on the CPU. Operators that torch composes of others take three times as long on the meta device.

    The counter does not see fused attention.
    """
    module = called(case)
    if isinstance(module, torch.nn.Module):
        module.eval()
    inputs = inputs_of(case)  # outside, because the counter looks at each call
    with FlopCounterMode(display=False, custom_mapping=UNKNOWN_TO_THE_COUNTER) as counter, sdpa_kernel(SDPBackend.MATH):
        module(*inputs)
    told = case.op.work(*case.types).over(BATCH, case.op.once(*case.types))
    agree("FLOPs of matrix products and convolutions", told.macs * 2, counter.get_total_flops())


def json_comes_back(case: Case) -> None:
    graph = graph_of(case)
    text = graph.model_dump_json()
    read = Graph.model_validate_json(text)
    if read != graph or read.model_dump_json() != text:
        raise Broken(f"the JSON {text} is read as {read.model_dump_json()}")


def lectures_formula_is_the_weights(case: Case) -> None:
    told = case.op.lecture(*case.types)
    if told is None:
        return
    weights = sum(w.count for w in case.op.weights(*case.types) if not w.buffer and w.name != "bias")
    channels = case.types[0]["c"] if "c" in case.types[0].axes else 1
    formula = told.weights.replace("{input}", str(channels))
    product = prod(map(int, formula.replace("(", "").replace(")", "").split("*"))) if formula else 0
    agree("weights in the lecture's table", product, weights)
    agree("a name in the lecture's table that is one word", told.name.isprintable() and " " not in told.name, True)
