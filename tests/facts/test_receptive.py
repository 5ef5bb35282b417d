"""Receptive fields compared with hand arithmetic, with figures of torchvision's nets, and with torch's gradients."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from archlang import load
from archlang.facts.receptive import Interval, ReceptiveField, receptive_fields
from archlang.ir import Block, Graph, OpNode, Port
from archlang.ops.activation import Relu
from archlang.ops.base import Operator
from archlang.ops.convolution import Conv
from archlang.ops.layout import Flatten
from archlang.ops.linear import Linear
from archlang.ops.normalization import LocalResponseNorm
from archlang.ops.pooling import MaxPool
from archlang.shapes import TensorType, input_type
from archlang.source import Span
from tests.clock import of_call, ratio
from tests.specs import graph_of, net_of

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "truth.json").read_text(encoding="utf-8"))["models"]

HERE = Span("by hand", 1, 1, 1, 2)
Step = tuple[Operator, tuple[int, ...]]


class Plus(Operator):
    """A join that broadcasts, as the language will have one."""

    word: ClassVar[str] = "plus"
    join: ClassVar[bool] = True
    pointwise: ClassVar[bool] = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        return (max(inputs, key=lambda type: type.values),)


def net(given: Sequence[TensorType], steps: Sequence[Step]) -> Graph:
    """Return steps with the values that enter them; step k gives value len(given) + k."""
    types, nodes = list(given), list[OpNode]()
    for op, values in steps:
        types += op.outputs(*(types[value] for value in values))
        name = None if op.join else str(len(nodes))
        nodes.append(OpNode(op=op, scope="", name=name, inputs=values, outputs=(len(types) - 1,), span=HERE))
    inputs = tuple(Port(name=f"x{k}", value=k) for k in range(len(given)))
    outputs = (Port(name="y", value=len(types) - 1),)
    root = Block(
        id="net", name="net", arguments={}, inputs=inputs, outputs=outputs, types=tuple(types), nodes=tuple(nodes),
        scopes=(), labels={},
    )  # fmt: skip
    return Graph(name="net", arguments={}, blocks=(root,))


def chain(given: TensorType, *ops: Operator) -> dict[int, ReceptiveField]:
    return receptive_fields(net([given], [(op, (k,)) for k, op in enumerate(ops)]))


def conv(kernel: int, stride: int = 1, pad: int = 0, dilation: int = 1) -> Conv:
    return Conv(kernel=(kernel, kernel), out=4, stride=stride, pad=pad, dilation=dilation)


def both(size: int, stride: int, pad: int) -> ReceptiveField:
    return ReceptiveField({"h": (Interval(size, stride, pad),), "w": (Interval(size, stride, pad),)})


def last(text: str, input: str = "2x40") -> ReceptiveField:
    """Return the receptive field of what these lines give."""
    graph = graph_of(net_of(text, input))
    *_, layer = graph.flat()
    return receptive_fields(graph)[layer.outputs[-1]]


def along(text: str, axis: str = "t", input: str = "2x40") -> Interval:
    """Return the same along one axis, where it is even."""
    interval = last(text, input).axes[axis]
    assert interval is not None
    return interval


def test_a_chain_by_hand() -> None:
    seen = chain(
        input_type((3, 32, 32)), conv(3, pad=1), Relu(), conv(3, pad=1), conv(3, stride=2, dilation=2), conv(3)
    )
    assert [seen[k] for k in range(6)] == [
        both(1, 1, 0),
        both(3, 1, 1),
        both(3, 1, 1),
        both(5, 1, 2),
        both(9, 2, 2),
        both(13, 2, 2),
    ]


def test_three_stacked_3x3_see_7x7() -> None:
    assert chain(input_type((3, 32, 32)), conv(3), conv(3), conv(3))[3] == both(7, 1, 0)


def test_axes_differ_and_channels_are_no_positions() -> None:
    window = Conv(kernel=(3, 5), out=8, stride=(1, 2), pad=(1, 0))
    seen = chain(input_type((3, 32, 32)), window, LocalResponseNorm(size=5))
    assert seen[2].axes == {"h": Interval(3, 1, 1), "w": Interval(5, 2, 0)}


@pytest.mark.parametrize(
    ("spec", "arguments", "reference"),
    [
        ("alexnet", {}, "alexnet"),
        ("vgg16", {}, "vgg16"),
        ("resnet50", {}, "resnet50"),
        ("resnext50_32x4d", {}, "resnext50_32x4d"),
        ("densenet121", {}, "densenet121"),
        ("googlenet", {}, "googlenet_noaux"),
        ("resnet50", {"depths": [3, 8, 319, 3]}, "resnet1000"),
    ],
)
def test_the_last_map_of_the_nets(spec: str, arguments: dict[str, Any], reference: str) -> None:
    """Measured on torchvision's nets, over their torch.fx graphs."""
    graph = load(spec, **arguments).graph
    seen = receptive_fields(graph)
    # before the layer that leaves one position, or another map of the same size
    maps = [layer for layer in graph.flat() if layer.output_types[0].shape[2:] and not layer.training_only]
    field = next(seen[layer.outputs[0]] for layer in reversed(maps) if layer.output_types[0].shape[-1] > 1)
    measured = REFERENCE[reference]["receptive_field_last_feature_map"]
    assert field == both(measured["rf"], measured["stride"], measured["pad"])


def test_a_join_holds_every_path() -> None:
    steps: list[Step] = [(conv(3, pad=1), (0,)), (conv(5, pad=0), (0,)), (MaxPool(kernel=(3, 3), stride=1), (1,))]
    seen = receptive_fields(net([input_type((4, 16, 16))], [*steps, (Plus(), (1, 2))]))
    # -1..1 and 0..4 together are -1..4
    assert seen[4] == both(6, 1, 1)


def test_paths_of_different_strides_are_uneven() -> None:
    steps: list[Step] = [(conv(3, 2, 1), (0,)), (conv(1), (0,)), (Plus(), (1, 2)), (conv(3, pad=1), (3,))]
    seen = receptive_fields(net([input_type((4, 16, 16))], steps))
    assert seen[4].axes == {"h": None, "w": None} and seen[4].uneven_axes == ("h", "w") and not seen[4].whole
    assert seen[4].paths["h"] == (Interval(7, 2, 3), Interval(3, 1, 1))


def test_uneven_paths_that_meet_in_one_position_see_the_whole_axis() -> None:
    text = "concat { | conv [3]/2 2 pad=1 | slice 0 20 axis=2 }"
    assert last(text).uneven_axes == ("t",)
    assert along(f"{text}\n globalavgpool").whole


def test_the_gate_of_a_squeeze_sees_everything_from_everywhere() -> None:
    gated = last("conv 3x3 4 pad=1\n mul { | it | globalavgpool -> conv 1x1 4 -> sigmoid }", "3x8x9")
    assert gated.whole and gated.axes == {"h": Interval(8, 0, 0), "w": Interval(9, 0, 0)}


def test_a_broadcast_position_is_seen_from_everywhere() -> None:
    steps: list[Step] = [(conv(15), (0,)), (conv(1), (1,)), (MaxPool(kernel=(2, 2)), (2,)), (Plus(), (3, 0))]
    seen = receptive_fields(net([input_type((4, 16, 16))], steps))
    assert seen[3] == both(16, 2, 0)
    assert seen[4].whole


def test_the_whole_input_stays_whole() -> None:
    seen = chain(input_type((3, 8, 8)), conv(3), Flatten(), Relu())
    assert not seen[1].whole
    assert seen[2].whole and seen[3].whole


def test_several_inputs_and_vectors() -> None:
    image = input_type((4, 8, 8))
    seen = receptive_fields(net([image, image], [(conv(3, pad=1), (0,)), (Plus(), (1, 2))]))
    assert sorted(seen) == [0, 1, 2, 3]
    assert seen[2] == both(3, 1, 1)
    assert chain(input_type((9,)), Linear(out=3)) == {0: ReceptiveField(), 1: ReceptiveField()}


def test_inputs_of_different_sizes_lie_on_grids_of_their_own() -> None:
    seen = receptive_fields(net([input_type((4, 8, 8)), input_type((4, 16, 8))], [(conv(3, pad=1), (1,))]))
    assert seen[2].axes == {"x1.h": Interval(3, 1, 1), "w": Interval(3, 1, 1)}


HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("text", "size", "interval"),
    [
        # position i sees floor(i/2)
        ("upsample 2", 1, Interval(3 * HALF, HALF, HALF)),
        ("upsample 2 -> conv [3] 2 pad=1", 2, Interval(5 * HALF, HALF, 1)),
        ("upsample 2 -> avgpool [2]", 1, Interval(1, 1, 0)),
        # position i is at (i + 1/2)/2 - 1/2, between two
        ("upsample 2 mode=linear", 2, Interval(5 * HALF, HALF, 1)),
        ("upsample 3 mode=linear", 2, Interval(7 * THIRD, THIRD, 1)),
        # after a step of 2, position i sees 2*floor(i/2)
        ("conv [1]/2 2 -> upsample 2", 1, Interval(2, 1, 1)),
        ("deconv [2]/2 2", 1, Interval(3 * HALF, HALF, HALF)),
        ("deconv [4]/2 2 pad=1", 2, Interval(5 * HALF, HALF, 1)),
        ("deconv [3] 2 pad=1", 3, Interval(3, 1, 1)),
        ("resize [20]", 1, Interval(1, 2, 0)),
        ("adaptive_avgpool [16]", 3, Interval(7 * HALF, 5 * HALF, HALF)),
        ("slice 5 axis=2 step=3", 1, Interval(1, 3, -5)),
        ("slice -7 -1 axis=2 -> conv [3] 2", 3, Interval(3, 1, -33)),
        ("pad before=4 -> conv [2] 2 dilation=4", 5, Interval(5, 1, 4)),
        ("conv [3]/2 2 pad=1 -> select 4 axis=2", 3, Interval(3, 0, -7)),
        ("take [1, 4, 7] axis=2", 1, Interval(1, 3, -1)),
        ("take [4, 1, 7] axis=2", 1, Interval(7, 0, -1)),
        ("slice 0 5 axis=2 -> mean axis=2 keep=true", 5, Interval(5, 0, 0)),
        ("mean axis=2", 40, Interval(40, 0, 0)),
        ("softmax axis=2", 40, Interval(40, 0, 0)),
        ("softmax", 1, Interval(1, 1, 0)),
        ("instancenorm", 40, Interval(40, 0, 0)),
        ('permute "n t c" -> linear 5 -> attention 1', 40, Interval(40, 0, 0)),
        ('permute "n t c" -> linear 5 -> attention 1 causal=true', 40, Interval(40, 1, 39)),
        ('rearrange "n c (t k=4) -> n t (k c)"', 4, Interval(4, 4, 0)),
        ('rearrange "n c (k=4 t) -> n t (k c)"', 31, Interval(31, 1, 0)),
        ("split [10, 30] axis=2 -> (a, b): it\n (a) -> mean axis=2 -> x: it\n (b) -> mean axis=2 -> (x, it) -> add", 40,
         Interval(40, 0, 0)),
        ("concat axis=2 { | it | it }", 41, Interval(41, 1, 40)),
        ("concat axis=2 { | slice 0 1 axis=2 | slice 1 axis=2 }", 1, Interval(1, 1, 0)),
    ],
)  # fmt: skip
def test_one_axis_by_hand(text: str, size: int, interval: Interval) -> None:
    assert (along(text), along(text).size) == (interval, size)


def test_an_axis_that_goes_on_under_another_name() -> None:
    """A map of height 1 read as a sequence, as in nets that read lines of text."""
    text = 'conv 8x3 4 pad=[0, 1]\n rearrange "n c h w -> n c (h w)" -> conv [3] 4 pad=1'
    field = last(text, "1x8x30")
    assert field.axes["w"] == Interval(5, 1, 2)
    assert field.whole_axes == ("h",)


def test_each_token_sees_its_patch() -> None:
    """Rows move from one row of tokens to the next: 16 in 4 tokens. Columns come back with each row."""
    field = last('conv 16x16/16 8\n rearrange "n c h w -> n (h w) c"', "3x64x64")
    assert [path and path.size for path in field.axes.values()] == [16, 16]
    assert field.axes == {"h": Interval(28, 4, 12), "w": Interval(64, 0, 0)}


def test_a_product_with_a_transpose() -> None:
    """Scores: rows move with the queries, columns with the keys, so that the two paths move apart."""
    text = 'permute "n t c" -> q: it\n permute "n c t" -> (q, it) -> matmul'
    assert last(text).uneven_axes == ("t",)
    assert {path.along for path in last(text).paths["t"]} == {"t", "s"}


def test_1001_layers_in_milliseconds() -> None:
    graph = load("resnet50", depths=[3, 8, 319, 3]).graph
    assert ratio(of_call(lambda: receptive_fields(graph)), of_call(lambda: walked(graph)), 7) < 6


def walked(graph: Graph) -> int:
    return sum(1 for _ in graph.flat())
