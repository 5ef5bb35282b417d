"""Checks of every net: torch agrees with archlang, and the interpreter computes what the source computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archlang.elaborate import check_declarations, elaborate, nets
from archlang.facts.passes import passes
from archlang.facts.saved import saved
from archlang.facts.untrained import untrained
from archlang.facts.work import totals
from archlang.format import formatted
from archlang.ir import Graph
from archlang.laws.calling import shape_of
from archlang.lower import torch_source
from archlang.ops.base import Module
from archlang.parse import parse
from archlang.program import Program
from archlang.source import Source
from archlang.syntax import File
from tests.generator.beginning import begin_alike, without_starts
from tests.generator.changing import answered, changed
from tests.generator.elsewhere import at_other_sizes, graph_of_two, in_two_files
from tests.generator.passes import in_channels_last, recomputed, slim, told_bytes, trained
from tests.generator.programs import Program as Drawn
from tests.generator.promising import promised, verdicts, with_promises
from tests.generator.running import BATCH, SEED, Ran, inputs_of, macs, ran, weights_of
from tests.generator.tracing import differing
from tests.interpreter import Interpreter, keys_of

SPAN = re.compile(r'"span":\{[^{}]*\},?')


class Difference(AssertionError):
    """archlang is wrong about a net. `kind` is the same for failures that probably have one cause."""

    def __init__(self, kind: str, told: object = "", found: object = "") -> None:
        super().__init__(f"{kind}: {told} told, {found} found" if told != "" or found != "" else kind)
        self.kind = kind


@dataclass
class Built:
    """A checked net, its source and its module."""

    text: str
    file: File
    graph: Graph
    source: str
    module: nn.Module


def same(kind: str, told: object, found: object) -> None:
    if told != found:
        raise Difference(kind, told, found)


def hold(net: str | Drawn) -> None:
    """Hold the last net of a text against torch, the interpreter, the formatter and its own JSON.

    Of a program that was drawn, the Graph must compute what the generator reads in it.
    """
    text = net if isinstance(net, str) else net.text()
    file, graph = checked(text)
    if not isinstance(net, str) and (found := differing(graph, *net.traced())):
        raise Difference("the Graph computes something else", *found)
    for of_text in TEXTS:
        of_text(text, graph)
    built = build(text, file, graph)
    for law in LAWS:
        law(built)


def graph_of(text: str) -> Graph:
    """Return the Graph of the text's last net; the text must be valid."""
    return checked(text)[1]


def checked(text: str) -> tuple[File, Graph]:
    """Return the tree of a text and the Graph of its last net; the text must be valid."""
    file, wrong = parse(Source("spec.arch", text))
    wrong += check_declarations(file)
    graph, more = elaborate(file, nets(file)[-1].name)
    if wrong or more or graph is None:
        told = [*wrong, *more][0]
        raise Difference(f"check: {told.code}", told.message, f"line {told.span.line}")
    return file, graph


def build(text: str, file: File, graph: Graph) -> Built:
    source = torch_source(graph)
    try:
        module = executed(source)
    except Exception as error:
        raise Difference(f"compile: {type(error).__name__}", "", error) from error
    return Built(text, file, graph, source, module)


def executed(source: str) -> nn.Module:
    """Return the net's module, made with the seed."""
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "<generated>", "exec"), names)  # noqa: S102
    kinds = [made for made in names.values() if isinstance(made, type) and made.__module__ == "generated"]
    torch.manual_seed(SEED)  # pyright: ignore[reportUnknownMemberType]
    module: nn.Module = kinds[-1]()
    return module


# ---- the text and the Graph


def placeless(graph: Graph) -> str:
    """Return the JSON of a Graph without the places in the text."""
    return SPAN.sub("", graph.model_dump_json())


def fmt_keeps_the_graph(text: str, graph: Graph) -> None:
    if len(text) % 3 == 0:
        return
    laid, wrong = formatted(Source("spec.arch", text))
    if laid is None:
        raise Difference("fmt", "", wrong)
    if laid != text:
        same("fmt changes the Graph", placeless(graph), placeless(graph_of(laid)))
        same("fmt is not settled", formatted(Source("spec.arch", laid))[0], laid)


def json_comes_back(net: Built) -> None:
    dumped = net.graph.model_dump_json()
    loaded = Graph.model_validate_json(dumped)
    if loaded != net.graph:
        raise Difference("JSON is another Graph")
    same("JSON is another text", dumped, loaded.model_dump_json())
    if len(net.text) % 3 == 0:  # the Graphs are equal, so this rarely tells more
        same("JSON gives another source", net.source, torch_source(loaded))


def promises_are_kept(text: str, graph: Graph) -> None:
    if len(text) % 2:
        return
    facts = promised(graph)
    told = verdicts(graph_of(with_promises(text, facts)), len(facts))
    same("promises", [], [one for one in told[0::2] if one])
    same("promises that are off", ["broken-promise"] * len(facts), [one.partition(":")[0] for one in told[1::2]])


def changes_are_answered(text: str, graph: Graph) -> None:
    if len(text) % 8 == 0:  # it takes longer than all the rest
        answered(changed(text))


def blocks_may_stand_elsewhere(text: str, graph: Graph) -> None:
    if len(text) % 3:
        return
    blocks, net = in_two_files(text)
    if blocks:
        found = graph_of_two(blocks, net)
        same("blocks of another file", placeless(graph), found if isinstance(found, str) else placeless(found))


def open_sizes_are_open(net: Built) -> None:
    same("a valid size computes", "", at_other_sizes(net.file, net.graph, net.module))


def axes_have_their_own_names(net: Built) -> None:
    """Check that no two axes of a value have one name. The axes of a parameter have none: each is `_`."""
    for block in net.graph.blocks:
        named = [[axis for axis in type.axes if axis != "_"] for type in block.types]
        same("axes of one name", [], [axes for axes in named if len(set(axes)) < len(axes)])


# ---- weights


def weights_are_torchs(net: Built) -> None:
    state = net.module.state_dict(keep_vars=True)
    told: dict[str, tuple[tuple[int, ...], str, bool]] = {}
    for layer in net.graph.flat():
        for weight in layer.op.weights(*layer.input_types):
            key = ".".join(part for part in (layer.path, weight.name) if part)
            if weight.persistent:
                told[key] = weight.shape, f"torch.{weight.dtype}", not weight.buffer
    found = {key: (tuple(x.shape), str(x.dtype), isinstance(x, nn.Parameter)) for key, x in state.items()}
    same("state dict", told, found)
    counts, parameters = totals(net.graph), list(net.module.parameters())
    same("params", counts.params, sum(x.numel() for x in parameters))
    same("trainable params", counts.trainable_params, sum(x.numel() for x in parameters if x.requires_grad))
    same("buffers", counts.buffers, sum(x.numel() for x in net.module.buffers()))
    same("parameters' keys", sorted(keys_of(net.graph)), sorted(key for key in state if told[key][2]))


def weights_begin_so(net: Built) -> None:
    """Check the initial value of each weight: as its initialiser says, else as torch's module has it."""
    if any(layer.node.starts for layer in net.graph.flat()):
        same("weights begin", "", begin_alike(net.graph, net.module, executed(without_starts(net.source))))


def labels_are_modules(net: Built) -> None:
    """Check that a step with a label is reached by it, whether it has weights or not."""
    for layer in net.graph.flat():
        told = layer.node.torch(*layer.input_types)
        if isinstance(told, Module) and layer.node.name and not layer.node.name.isdecimal():
            found = dict(net.module.named_modules(remove_duplicate=False)).get(layer.path)
            same("module of a label", told.target.rpartition(".")[2], type(found).__name__)


# ---- both modes


def eval_is_torchs(net: Built) -> None:
    _mode(net, training=False)


def training_is_torchs(net: Built) -> None:
    _mode(net, training=True)


def _mode(net: Built, training: bool) -> None:
    """Check values, gradients, statistics, saved bytes and MACs of one mode."""
    mode = "training" if training else "eval"
    inputs = inputs_of(net.graph)
    weights = weights_of(net.module)
    other = Interpreter(net.graph, weights)
    net.module.train(training)
    torch.manual_seed(SEED)  # pyright: ignore[reportUnknownMemberType]
    try:
        found = ran(lambda: net.module(*inputs), weights, net.graph)
    except Exception as error:
        raise Difference(f"{mode} fails: {type(error).__name__}", "", error) from error
    wanted = ran(lambda: other.run(inputs, training, SEED), other.weights, net.graph)
    _types(net, mode, found.outputs, training)
    _values(mode, found, wanted)
    if training and not any(one.reused for one in net.graph.flat()):
        never = {id(x): x.numel() for x in net.module.parameters() if x.requires_grad and x.grad is None}
        same("weights that never train", sum(one.values for one in untrained(net.graph)), sum(never.values()))
    changed = {key: other.weights[key] for key in weights if not equal(weights[key], other.weights[key])}
    same(f"statistics in {mode}", [], sorted(changed))
    same(f"saved bytes in {mode}", saved(net.graph, BATCH, training=training).bytes, found.kept_bytes)
    told = passes(net.graph, BATCH, training)
    forward, behind = macs(net.module, inputs)
    same(f"MACs in {mode}", told.forward.macs, forward)
    same(f"backward MACs in {mode}", told.backward.macs, behind)
    if not training:
        same("MACs", totals(net.graph, BATCH).macs, forward)


def channels_last_is_torchs(net: Built) -> None:
    program = in_channels_last(net.graph) if len(net.text) % 6 == 1 else None
    if program is not None:
        _passed(program, "channels_last", training=len(net.text) % 12 == 1)


def a_slim_module_is_the_same(net: Built) -> None:
    program = slim(net.graph) if len(net.text) % 3 == 0 else None
    if program is not None:
        _passed(program, "slim", training=True)


def recomputed_calls_are_the_same(net: Built) -> None:
    program = recomputed(net.graph) if len(net.text) % 6 == 2 else None
    if program is not None:
        _passed(program, "recomputed", training=True)


def _passed(program: Program, way: str, training: bool) -> None:
    """Compare values, gradients, statistics and saved bytes of a net that runs in another way."""
    found, wanted, changed = trained(program, executed, training)
    _values(way, found, wanted)
    same(f"statistics in {way}", [], changed)
    told = told_bytes(program.graph, training) if way == "channels_last" else None
    if told is not None:
        same(f"saved bytes in {way}", told, found.kept_bytes)


def _types(net: Built, mode: str, outputs: list[Tensor], training: bool) -> None:
    root = net.graph.blocks[-1]
    types = [root.types[port.value] for port in root.outputs if training or not port.training]
    told = [(shape_of(type, BATCH), f"torch.{type.dtype}") for type in types]
    same(f"types in {mode}", told, [(tuple(y.shape), str(y.dtype)) for y in outputs])


def _values(mode: str, found: Ran, wanted: Ran) -> None:
    for at, (one, two) in enumerate(zip(found.outputs, wanted.outputs, strict=True)):
        if not equal(one, two):
            raise Difference(f"values in {mode}", f"output {at} of the interpreter", _distance(one, two))
    same(f"gradients in {mode}", sorted(wanted.gradients), sorted(found.gradients))
    for key, gradient in wanted.gradients.items():
        if not equal(gradient, found.gradients[key]):
            raise Difference(f"gradients in {mode}", key, _distance(gradient, found.gradients[key]))


def equal(one: Tensor, two: Tensor) -> bool:
    """Return whether two tensors are equal, value by value; NaN equals NaN."""
    return one.shape == two.shape and bool(torch.equal(one.nan_to_num(), two.nan_to_num()))


def _distance(one: Tensor, two: Tensor) -> str:
    if one.shape != two.shape:
        return f"{tuple(one.shape)} beside {tuple(two.shape)}"
    return f"a distance of {(one.double() - two.double()).abs().max().item():.3g}"


TEXTS: list[Callable[[str, Graph], None]] = [
    fmt_keeps_the_graph,
    promises_are_kept,
    changes_are_answered,
    blocks_may_stand_elsewhere,
]
LAWS: list[Callable[[Built], None]] = [
    json_comes_back,
    axes_have_their_own_names,
    weights_are_torchs,
    weights_begin_so,
    labels_are_modules,
    eval_is_torchs,
    training_is_torchs,
    channels_last_is_torchs,
    recomputed_calls_are_the_same,
    a_slim_module_is_the_same,
    open_sizes_are_open,
]
