"""Receptive fields against hand arithmetic, figures measured on torchvision's nets, and torch's gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from archlang.facts.receptive import Interval, ReceptiveField, receptive_fields
from archlang.ir import Block, Graph, OpNode, Port
from archlang.ops.activation import Relu
from archlang.ops.base import Module, Operator
from archlang.ops.convolution import Conv
from archlang.ops.layout import Flatten
from archlang.ops.linear import Linear
from archlang.ops.normalization import LocalResponseNorm
from archlang.ops.pooling import AdaptiveAvgPool, AvgPool, MaxPool
from archlang.shapes import TensorType, input_type
from archlang.source import Span

HERE = Span("by hand", 1, 1, 1, 2)
Step = tuple[Operator, tuple[int, ...]]


class Plus(Operator):
    """A join that broadcasts, as the language will have one."""

    word: ClassVar[str] = "plus"
    join: ClassVar[bool] = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        return (max(inputs, key=lambda type: type.values),)


def net(given: Sequence[TensorType], steps: Sequence[Step]) -> Graph:
    """Steps with the values that enter them; step k gives value len(given) + k."""
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
    return ReceptiveField({"h": Interval(size, stride, pad), "w": Interval(size, stride, pad)})


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
    assert seen[2] == ReceptiveField({"h": Interval(3, 1, 1), "w": Interval(5, 2, 0)})


def test_vgg16_before_its_average_pool() -> None:
    """Measured on torchvision's net, over its torch.fx graph: 212, stride 32, padding 90."""
    ops: list[Operator] = []
    for convs in (2, 2, 3, 3, 3):
        ops += [op for _ in range(convs) for op in (conv(3, pad=1), Relu())]
        ops.append(MaxPool(kernel=(2, 2), stride=2))
    assert chain(input_type((3, 224, 224)), *ops)[len(ops)] == both(212, 32, 90)


def test_resnet50_before_its_average_pool() -> None:
    """Measured likewise: 427, stride 32, padding 213; the stride stands on the 3x3, as in torchvision."""
    steps: list[Step] = [(conv(7, 2, 3), (0,)), (MaxPool(kernel=(3, 3), stride=2, pad=1), (1,))]
    for stage, depth in enumerate((3, 4, 6, 3)):
        for unit in range(depth):
            x = len(steps)
            stride = 2 if stage and not unit else 1
            steps += [(conv(1), (x,)), (conv(3, stride, 1), (x + 1,)), (conv(1), (x + 2,))]
            skip = x
            if not unit:
                steps.append((conv(1, stride), (x,)))
                skip = x + 4
            steps.append((Plus(), (x + 3, skip)))
    assert receptive_fields(net([input_type((3, 224, 224))], steps))[len(steps)] == both(427, 32, 213)


def test_a_join_holds_every_path() -> None:
    steps: list[Step] = [(conv(3, pad=1), (0,)), (conv(5, pad=0), (0,)), (MaxPool(kernel=(3, 3), stride=1), (1,))]
    seen = receptive_fields(net([input_type((4, 16, 16))], [*steps, (Plus(), (1, 2))]))
    # -1..1 and 0..4 together are -1..4
    assert seen[4] == both(6, 1, 1)


def test_paths_of_different_strides_have_no_one_interval() -> None:
    steps: list[Step] = [(conv(3, 2, 1), (0,)), (conv(1), (0,)), (Plus(), (1, 2)), (conv(3, pad=1), (3,))]
    seen = receptive_fields(net([input_type((4, 16, 16))], steps))
    assert seen[3] == seen[4] == ReceptiveField({"h": None, "w": None})


def test_a_broadcast_position_is_seen_from_everywhere() -> None:
    steps: list[Step] = [(conv(16), (0,)), (conv(3, pad=1), (0,)), (Plus(), (1, 2))]
    seen = receptive_fields(net([input_type((4, 16, 16))], steps))
    assert seen[1] == both(16, 1, 0)
    assert seen[3] == ReceptiveField({"h": None, "w": None})


@pytest.mark.parametrize("op", [AdaptiveAvgPool(size=(4, 4)), Flatten()])
def test_the_whole_input_stays_whole(op: Operator) -> None:
    seen = chain(input_type((3, 8, 8)), conv(3), op, Relu())
    assert not seen[1].whole
    assert seen[2].whole and seen[3].whole


def test_several_inputs_and_vectors() -> None:
    image = input_type((4, 8, 8))
    seen = receptive_fields(net([image, image], [(conv(3, pad=1), (0,)), (Plus(), (1, 2))]))
    assert sorted(seen) == [0, 1, 2, 3]
    assert seen[2] == both(3, 1, 1)
    assert chain(input_type((9,)), Linear(out=3))[1] == ReceptiveField()


def seen_by_gradient(ops: Sequence[Operator], given: TensorType, position: int) -> tuple[int, int]:
    """The first and last column of the input that has a gradient from one column of the last output."""
    import torch

    x = torch.ones(given.shape, requires_grad=True)
    y, type = x, given
    for op in ops:
        told = op.torch(type)
        assert isinstance(told, Module)
        module = getattr(torch.nn, told.target.rpartition(".")[2])(
            **dict(told.args), **{name: value for name, value, _ in told.options}
        )
        for weight in module.parameters():
            torch.nn.init.ones_(weight)
        y, (type,) = module(y), op.outputs(type)
    y[..., position].sum().backward()
    assert x.grad is not None
    columns = x.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten().tolist()
    return columns[0], columns[-1]


@pytest.mark.parametrize(
    "ops",
    [
        (conv(3, pad=1), AvgPool(kernel=(2, 2)), conv(5, pad=2)),
        (conv(7, 2, 3), conv(3, 1, 2, dilation=2), AvgPool(kernel=(3, 3), stride=2, pad=1)),
        (conv(1), conv(4, 3), conv(3, 1, 1)),
    ],
)
def test_the_positions_are_those_that_torch_gives_a_gradient(ops: Sequence[Operator]) -> None:
    given = input_type((2, 40, 41))
    interval = chain(given, *ops)[len(ops)].axes["w"]
    assert interval is not None
    for position in (0, 3, 4, 5):
        start = position * interval.stride - interval.pad
        end = min(start + interval.size - 1, 40)
        assert seen_by_gradient(ops, given, position) == (max(start, 0), end)
