"""Sizes that are only known when a net runs: one module computes at each size what the net of that size computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archlang.compiler import Net, check, load
from archlang.ir import Graph
from archlang.lower import module
from tests.interpreter import Interpreter

HEAD = "input image: [3, H=16, W=24]"
SIZES = [(16, 24), (20, 24), (16, 30), (33, 17), (48, 64)]

# nets that are open at every size; each stands for a way in which a size reaches an argument
OPEN = {
    "of what flows": "conv 3x3/2 4 pad=1 -> resize [(it.height * 2), (it.width + 3)] mode=bilinear",
    "by its name": "conv 3x3/2 4 pad=1 -> resize [H, W]",
    "of a value further up": "a: conv 3x3 4\n conv 3x3/2 4 -> relu -> resize [a.height, a.width]\n (it, a) -> concat",
    "of a value in braces": "b: { a: conv 3x3 4; tanh }\n conv 3x3/2 4 -> resize [b.a.height, b.a.width]",
    "within braces": "a: conv 3x3 4\n conv 3x3/2 4\n b: { relu -> resize [a.height, W]; tanh }",
    "in a block": "conv 3x3/2 4 -> twice -> twice",
    "in an inlined block": "conv 3x3/2 4 -> inline twice -> relu",
    "in a net that is called": "conv 3x3 3 -> whole -> tanh",
    "of the least and largest": "conv 3x3/2 4 -> resize [(max(it.height, it.width)), (min(H, 20, W))]",
    "of a sum": "let sides = [it.height, it.width]\n conv 3x3/2 4 -> resize [(sum(sides) // 2), 5]",
    "of a function": "let half(n) = -(-n // 2)\n conv 3x3/2 4 -> resize [(half(H)), (half(half(W)) % 7 + 1)]",
    "of the list of sizes": "a: conv 3x3 4\n conv 3x3/2 4 -> resize a.shape[2:4]",
    "in a loop": "for i, side in enumerate([it.height, it.width]) { conv 3x3 4 pad=1 -> resize [(side + i), 9] }",
    "applied again": "up: resize [H, 9]\n conv 3x3/2 3\n reuse up",
}
BLOCKS = """
block twice { conv 1x1 4 -> resize [(2 * it.height), (it.width + 1)] }
net whole { input part: [3, S=8, T=8]\n conv 3x3/2 4 -> resize [S, T]\n output }
"""


def built(tmp_path: Path, body: str, **sizes: int) -> Net:
    path = tmp_path / "net.arch"
    path.write_text(f"{BLOCKS}\nnet tried {{\n {HEAD}\n {body}\n output\n}}\n")
    return load(f"{path}:tried", **sizes)


def output(made: nn.Module, image: Tensor) -> Tensor:
    result: Any = made.eval()(image)
    assert isinstance(result, Tensor)
    return result


@pytest.mark.parametrize("name", OPEN)
def test_one_module_serves_every_size(name: str, tmp_path: Path) -> None:
    net = built(tmp_path, OPEN[name])
    made = net.module(seed=0)
    interpreter = Interpreter(net.graph, dict(made.named_parameters()))
    read = Graph.model_validate_json(net.graph.model_dump_json())
    assert read == net.graph
    from_json = module(read, seed=0)
    for sides in SIZES:
        image = torch.linspace(-1, 1, 2 * 3 * sides[0] * sides[1]).reshape(2, 3, *sides)
        there = built(tmp_path, OPEN[name], H=sides[0], W=sides[1])
        other = there.module()
        other.load_state_dict(made.state_dict())
        wanted = output(other, image)
        assert wanted.shape[1:] == there.graph.root.types[there.graph.root.outputs[0].value].shape[1:]
        assert torch.equal(output(made, image), wanted)
        assert torch.equal(interpreter.run([image], training=False, seed=0)[0], wanted)
        assert torch.equal(output(from_json, image), wanted)
    assert not check(f"{tmp_path / 'net.arch'}:tried").warnings


def test_the_source_reads_the_size_of_the_tensor(tmp_path: Path) -> None:
    net = built(tmp_path, "a: conv 3x3/2 4 -> conv 3x3/2 4 -> resize [a.height, a.width] mode=bilinear")
    line = 'x = torch.nn.functional.interpolate(x, size=a.shape[2:4], mode="bilinear")'
    assert line in net.source()
    net = built(tmp_path, "conv 3x3/2 4 -> resize [(it.height * 2), 9]")
    assert "size=(x.shape[2] * 2, 9))" in net.source()


# steps chosen under a condition, and sizes at which the module is valid and at which it is not
GUARDED = {
    "a condition": ("if it.height > 18 { conv 3x3 4 } else { conv 1x1 4 }", [(16, 24), (18, 3)], [(19, 24)]),
    "its other side": ("if it.height < 10 { conv 3x3 4 } else { conv 1x1 4 }", [(10, 24), (40, 3)], [(9, 24)]),
    "two sizes": ("if H == W { conv 3x3 4 } else { conv 1x1 4 }", [(16, 24), (9, 8)], [(24, 24)]),
    "a count": ("repeat (it.height // 8) { conv 3x3 3 pad=1 }", [(16, 24), (23, 9)], [(24, 24), (15, 24)]),
    "within a block": ("conv 1x1 3 -> chosen", [(16, 24), (13, 9)], [(12, 24)]),
    "at the end": ("conv 1x1 3\n if W > 20 { relu } else { it }", [(16, 24), (3, 21)], [(16, 20)]),
    "and nothing behind it": ("conv 1x1 3\n if W > 30 { tanh }", [(16, 24)], [(16, 31)]),
    "an optional shortcut": ("residual if W > 20 { conv 3x3 3 pad=1 }", [(16, 24)], [(16, 20)]),
    "an argument chosen": ("resize [(16 if H < 20 else H), W]", [(16, 24), (19, 30)], [(20, 24)]),
    "a number in a name": ('let n = it.width // 8\n "width{n}": conv 3x3 3', [(16, 24), (16, 31)], [(16, 32)]),
    "a list": ("conv 1x1 ([3, 4, 5][it.height // 16])", [(16, 24), (31, 24)], [(32, 24), (15, 24)]),
    "an argument of a block": ("given (it.height // 10)", [(16, 24), (19, 24)], [(20, 24), (9, 24)]),
    "in braces": ("b: { relu\n if it.height > 10 { tanh } }", [(16, 24), (11, 3)], [(10, 24)]),
}
CHOSEN = """
block chosen { if it.height > 12 { conv 3x3 4 } else { conv 1x1 4 } }
block given(n) { repeat n { conv 3x3 3 pad=1 } }
"""


@pytest.mark.parametrize("name", GUARDED)
def test_a_size_at_which_other_steps_are_meant_is_refused(name: str, tmp_path: Path) -> None:
    body, valid, refused = GUARDED[name]
    path = tmp_path / "net.arch"
    path.write_text(f"{CHOSEN}\nnet tried {{\n {HEAD}\n {body}\n output\n}}\n")
    net = load(f"{path}:tried")
    made = net.module(seed=0)
    interpreter = Interpreter(net.graph, dict(made.named_parameters()))
    for sides in valid:
        image = torch.linspace(-1, 1, 3 * sides[0] * sides[1]).reshape(1, 3, *sides)
        other = load(f"{path}:tried", H=sides[0], W=sides[1]).module()
        other.load_state_dict(made.state_dict())
        assert torch.equal(output(made, image), output(other, image))
        assert torch.equal(interpreter.run([image], training=False, seed=0)[0], output(other, image))
    for sides in refused:
        image = torch.zeros(1, 3, *sides)
        with pytest.raises(ValueError, match="and this net is valid where"):
            made(image)
        with pytest.raises(ValueError, match="does not hold"):
            interpreter.run([image], training=False, seed=0)


def test_sizes_of_one_name_are_equal_where_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    inputs = "input image: [3, S=16, S]\n input mask: [1, S, W=8]"
    path.write_text(
        f"net tried {{ {inputs}\n (image) -> conv 3x3/2 4 -> resize [S, W]\n (it, mask) -> concat\n output }}"
    )
    made = load(str(path)).module()
    assert made(torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 5)).shape == (1, 5, 20, 5)
    for image, mask in (((20, 24), (20, 5)), ((20, 20), (24, 5))):
        with pytest.raises(ValueError, match="valid where"):
            made(torch.zeros(1, 3, *image), torch.zeros(1, 1, *mask))


@pytest.mark.parametrize(
    "changed",
    [
        {"size": [{"value": 7, "axis": 2}, 9]},  # a value that is not there yet
        {"size": [{"value": 0, "axis": 4}, 9]},
        {"size": [{"value": 0, "axis": 0}, 9]},  # the batch
        {"size": [{"value": -1, "axis": 2}, 9]},
        {"size": [{"value": 0, "axis": 3}, 9]},  # another number than the operator's
        {"size": [{"value": 0, "axis": 2}]},
        {"mode": [{"value": 0, "axis": 2}]},
        {"size": [{"sign": "//", "left": {"value": 0, "axis": 2}, "right": 0}, 9]},
        {"size": [{"sign": "__import__('os')", "left": 1, "right": 2}, 9]},
        {"size": ["__import__('os')", 9]},
    ],
)
def test_a_graph_of_wrong_formulas_is_refused(changed: Any, tmp_path: Path) -> None:
    text = built(tmp_path, "conv 3x3/2 4 -> resize [H, 9]").graph.model_dump_json()
    data = json.loads(text)
    node = data["blocks"][-1]["nodes"][-1]
    assert node["sizes"] == {"size": [{"value": 0, "axis": 2}, 9]}
    node["sizes"] = changed
    with pytest.raises(ValueError, match=r"size|formula|Input should be"):
        Graph.model_validate_json(json.dumps(data))
