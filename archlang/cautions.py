"""Warnings about nets that are valid but probably not what their author meant."""

from __future__ import annotations

from collections.abc import Iterable

from archlang.diagnostics import Diagnostic, Label
from archlang.facts.crashing import crashing
from archlang.facts.untrained import untrained
from archlang.facts.work import totals
from archlang.ir import Block, CallNode, Graph, OpNode
from archlang.shapes import AXIS_WORDS, TensorType
from archlang.source import Span

SHOWN = 3  # places besides the first
LISTED = 4  # layers by name


def cautions(graph: Graph) -> list[Diagnostic]:
    """Return the warnings about a valid net."""
    return [
        *_never_trained(graph),
        *_no_batch_of_one(graph),
        *_crashes(graph),
        *_mask_that_hides(graph),
        *_meets_the_last_axis(graph),
    ]


def _never_trained(graph: Graph) -> list[Diagnostic]:
    """Return one warning for all weights of a net that get no gradient, at the step of the first of them."""
    found = untrained(graph)
    if not found:
        return []
    lost, all = sum(one.values for one in found), totals(graph).trainable_params
    outputs = (graph.root.types[port.value] for port in graph.root.outputs)
    has_floats = any(type.is_float for type in outputs)
    why = "no float output depends on them" if has_floats else "all its outputs are integers, which have no gradient"
    if has_floats and any(layer.op.detached for layer in graph.flat()):
        why += ", or only through `detach`"
    listed = _listed(one.layer.path for one in found)
    message = f"{lost:,} of {all:,} trainable parameters of {graph.name} never train, those of {listed}: {why}"
    spans = list(dict.fromkeys(one.layer.node.span for one in found))
    labels = tuple(Label(span, "") for span in spans[1 : 1 + SHOWN])
    help = "give a float output that depends on them, take the layers out, or `freeze` them"
    return [Diagnostic("never-trained", message, spans[0], labels, help, "warning")]


def _listed(paths: Iterable[str]) -> str:
    """Return the first layers by name, and how many more there are."""
    names = list(dict.fromkeys(f"`{path}`" for path in paths))
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more layers" if len(names) > LISTED else "")


def _refuses_one_image(block: Block, node: OpNode | CallNode) -> bool:
    return isinstance(node, OpNode) and node.op.least_batch(True, *block.types_of(node.inputs)) > 1


def _no_batch_of_one(graph: Graph) -> list[Diagnostic]:
    """Return one note for all steps that torch refuses for a single image, at the first of them."""
    if not any(_refuses_one_image(block, node) for block in graph.blocks for node in block.nodes):
        return []  # each block is asked once, however often it is called
    layers = [layer for layer in graph.flat() if layer.op.least_batch(True, *layer.input_types) > 1]
    if not layers:
        return []  # the step is in a block that nothing calls
    first = layers[0]
    listed = _listed(layer.path for layer in layers)
    runs = all(layer.op.least_batch(False, *layer.input_types) == 1 for layer in layers)
    does = "train" if runs else "run"
    message = f"{graph.name} does not {does} at batch 1: {listed} would normalise over a single value there"
    labels = tuple(Label(span, "") for span in list(dict.fromkeys(one.node.span for one in layers))[1 : 1 + SHOWN])
    label = f"{first.input_types[0]} flows in"
    return [Diagnostic("no-batch-of-one", message, first.node.span, labels, None, "note", label)]


def _crashes(graph: Graph) -> list[Diagnostic]:
    """Return one note for all layers whose backward pass ends the process in channels_last."""
    found = crashing(graph)
    if not found:
        return []
    listed = _listed(layer.path for layer in found)
    message = (
        f"in channels_last the backward pass of {listed} ends the process, by a fault of torch 2.13: its input needs "
        "no gradient, and its weights do"
    )
    help = "train it on contiguous maps, `freeze` it, or put a step with weights before it"
    return [Diagnostic("crashes-in-channels-last", message, found[0].node.span, (), help, "note")]


def _mask_that_hides(graph: Graph) -> list[Diagnostic]:
    """Return a warning for each step that takes a mask of hidden positions as one of visible positions."""
    if not any(isinstance(node, OpNode) and node.op.hides for block in graph.blocks for node in block.nodes):
        return []
    hidden: dict[int, str] = {}
    found: dict[Span, Diagnostic] = {}
    for layer in graph.flat():
        masks = [hidden[value] for value in layer.inputs if value in hidden] if layer.op.shows else []
        if layer.op.hides:
            hidden.update(dict.fromkeys(layer.outputs, layer.op.word))
        elif masks:
            message = f"{layer.op.word} takes a mask of what is seen, but `{masks[0]}` is true for what is hidden"
            help = "write `sequence_mask`, or `logical_not` between the two"
            found[layer.node.span] = Diagnostic("mask-hides", message, layer.node.span, (), help, "warning")
    return list(found.values())


def _meets_the_last_axis(graph: Graph) -> list[Diagnostic]:
    """Return a warning for each join that sets a parameter against the last axis where the channels have that size too.

    A size that differs from one of the two says which is meant.
    """
    found: dict[Span, Diagnostic] = {}
    for block in graph.blocks:
        for node in block.nodes:
            if not isinstance(node, OpNode) or not node.op.join or node.span in found:
                continue
            types = block.types_of(node.inputs)
            x = next((x for x in types if _ends_in_as_many_as_channels(x)), None)
            if x is not None and any(len(y.shape) == 1 and y.shape[0] == x["c"] and "n" not in y.axes for y in types):
                found[node.span] = _either_axis(node, x)
    return list(found.values())


def _ends_in_as_many_as_channels(x: TensorType) -> bool:
    return "n" in x.axes and "c" in x.axes[:-1] and x.shape[-1] == x["c"] > 1


def _either_axis(node: OpNode, x: TensorType) -> Diagnostic:
    size, sides = x["c"], x.shape[x.axes.index("c") + 1 :]
    last = AXIS_WORDS.get(x.axes[-1], x.axes[-1])
    message = (
        f"{node.op.word} sets the {size} numbers of a parameter against the {last} of {x}, not against its channels"
    )
    to_channels, to_last = [size, *(1 for _ in sides)], [*(1 for _ in sides), size]
    help = f"`reshape {to_channels}` sets them against the channels; `reshape {to_last}` says that the {last} is meant"
    return Diagnostic("against-the-last-axis", message, node.span, (), help, "warning")
