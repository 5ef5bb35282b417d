"""Sizes that are only known when a net runs: one module computes at each size what the net of that size computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archlang.compiler import Net, check, load
from archlang.diagnostics import Rejected
from archlang.formulas import SizeOf
from archlang.ir import Graph
from archlang.laws.cases import examples
from archlang.lower import module
from archlang.open_numbers import OpenInt, WrittenInt, numbers_in, with_numbers
from archlang.ops import registry
from archlang.ops.base import Expression
from archlang.shapes import TensorType
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
    "like another value": "a: conv 3x3 4\n conv 3x3/2 4 -> resize like=a mode=bilinear\n (it, a) -> concat",
    "like a value in braces": "b: { a: conv 3x3 4; tanh }\n conv 3x3/2 4 -> resize like=b.a",
    "like a computed label": 'for i in range(2) { "a{i}": conv 3x3 4 }\n conv 3x3/2 4 -> resize like="a{1 - 1}"',
    "like a value of one row, repeated or not": (
        "conv 9x9/16 4 pad=1 -> mul { | globalavgpool | it } -> a: it\n upsample 3 -> resize like=a"
    ),
    "cut to the middle": "a: conv 5x5 4\n (image) -> crop like=a\n (it, a) -> concat",
    "cut from a start": "crop [(H // 2), (W - 3)] start=[2, (W // 40)]",
    "a slice": "slice 1 (it.height - 3) axis=2 -> slice (it.width // 3) axis=3 step=2",
    "a slice from behind": "conv 3x3/2 4 -> slice 2 -1 axis=2 -> resize [it.height, (2 * it.width)]",
    "a position": "select (it.height // 2) axis=2",
    "parts": "split [(H // 3), (H - H // 3)] axis=2 -> (a, b): it\n (b, a) -> concat axis=2",
    "a pattern": 'rearrange "n c h w -> n (h w) c"\n rearrange "n (h={H} w) c -> n c h w" -> tanh',
    "a pattern of two sizes": 'flatten -> rearrange "n (c=3 h={H} w={W}) -> n c h w" -> tanh',
    "a pattern that says a whole size": 'rearrange "n c h={H} w -> n c w h" -> tanh',
    "another shape": "conv 1x1 4 -> reshape [2, (2 * it.height), -1] -> tanh",
    "repeated axes": "a: conv 1x1 3\n globalavgpool -> expand like=a\n (it, a) -> add",
    "repeated parts": "tile (it.width // 8) axis=2",
    "rolled": "roll (it.height // 2) -> roll [1, (W - 5)]",
    "a border": "pad (it.height // 5) -> pad before=[0, (W % 7)] value=2 -> pad after=(H // 9) mode=reflect",
    "a border of an axis": "pad after=(W - W // 2) axis=2",
    "a pool": "conv 3x3/2 4 -> adaptive_avgpool [(H // 4), (W // 5)]",
    "a pool of the largest": "a: conv 3x3/2 4\n conv 3x3 4 -> adaptive_maxpool like=a\n (it, a) -> add",
    "unpooled": "maxpool 2x2/2 ceil=true indices=true -> (y, places): it\n (y, places) -> max_unpool 2x2/2 size=[H, W]",
}
OPEN.update(
    {
        "half of a size": "conv 3x3/2 4 -> resize [(int(it.height * 0.5)), (ceil(it.width / 2))] mode=bilinear",
        "a size by a factor": "let scale = 1.7\n conv 3x3/2 4 -> resize [(floor(scale * H)), (round(W / 3 + 0.4))]",
        "a size by a tenth": "conv 3x3 4 -> resize [(int(it.height * 0.1 * 10)), (ceil(it.width * 0.1 / 0.3))]",
        "the least of decimals": "conv 3x3/2 4 -> resize [(int(min(H * 0.5, 20.5, W / 2))), (int(max([H / 4, 3.5])))]",
        "a sum of decimals": "conv 3x3/2 4 -> resize [(int(sum([H * 0.5, W * 0.25, 1]))), (int(-(-W / 2) // 1.5))]",
        "a rest of a decimal": "conv 3x3/2 4 -> resize [(int(H * 1.5 % 7.5) + 1), (round(abs(2.5) * W) % 9 + 2)]",
        "a part of a slice": "slice 1 (int(it.height * 0.75)) axis=2",
        "a factor within a block": "conv 3x3 3 -> shrunk 0.5 -> shrunk (1 / 3)",
        "a decimal as an argument": "conv 3x3 4 -> fitted (it.height * 0.4)",
        "a decimal through two blocks": "conv 3x3/2 3 -> outer_part (it.width / 4)",
        "an argument of a block": "a: conv 3x3/2 4\n b: conv 3x3/2 4\n (b, a) -> merge (a.height) (a.width)",
        "a sum as an argument": "fit (2 * it.height) (it.width // 2) -> fit (it.height + 1)",
        "a default made of an argument": "conv 3x3/2 3 -> doubled (it.height)",
        "an operator with a size fixed": "conv 3x3/2 3 -> with resize(size=[(it.height // 2), (it.width + 1)])",
        "an argument of an inlined block": "a: conv 3x3 3\n conv 3x3/2 3 -> inline fit (H) (a.width)",
        "arguments through two blocks": "conv 3x3/2 3 -> outer (it.height)",
        "a list of sizes as an argument": "conv 3x3/2 3 -> pyramid [(it.height // 2), (it.width // 3)]",
        "an argument for channels": "flatten -> behind (it.channels // 2)",
    }
)
BLOCKS = """
block fit(h, w=7, more=[1, 2]) { conv 1x1 4 -> resize [h, w] -> tanh }
block merge(h, w) { input deep\n input skip\n (deep) -> resize [h, w]\n (it, skip) -> concat -> conv 3x3 4 pad=1 }
block doubled(h, t=(2 * h)) { resize [t, h] }
block shrunk(factor) { conv 1x1 4 -> resize [(int(it.height * factor)), (int(it.width * factor))] -> tanh }
block fitted(side) { resize [(int(side)), (ceil(side + 0.5))] -> tanh }
block outer_part(n) { fitted (n * 2 + 0.25) }
block with(act) { conv 1x1 4 -> act -> relu }
block outer(n) { fit (n + 2) (it.width) }
block pyramid(sizes) { for s in sizes { relu -> resize [s, s] } }
block behind(n) { slice n }
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


@pytest.mark.parametrize("word", ["int", "math", "round", "max"])
def test_a_variable_does_not_hide_a_function(word: str, tmp_path: Path) -> None:
    body = f"{word}: conv 3x3 4\n resize [(int(max(H, 9) * 0.5)), (ceil(round({word}.height * 0.3) / 2))] -> tanh\n "
    made = built(tmp_path, f"{body}if floor(it.height * 0.5) > 1 {{ relu }}").module()
    assert output(made, torch.zeros(1, 3, 20, 30)).shape == (1, 4, 10, 3)


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
    "a comparison of decimals": ("if it.height * 0.3 < 4.5 { relu }", [(16, 24), (15, 9)], [(14, 24), (2, 24)]),
    "a width made of a decimal": ("conv 1x1 (int(it.height * 0.26))", [(16, 24), (19, 9)], [(20, 24), (15, 24)]),
    "a decimal in an argument": ("dropout (it.height / 64)", [(16, 24)], [(17, 24)]),
    "a power": ("resize [(int(it.height ** 0.5)), 9]", [(16, 24)], [(17, 24)]),
    "a rounded condition": ("if round(W / 10) == 2 { relu }", [(16, 24), (16, 15)], [(16, 26)]),
    "a mixture": ("resize [(int(min(it.height * 0.5, 20))), 9]", [(16, 24)], [(17, 24)]),
    "at the end": ("conv 1x1 3\n if W > 20 { relu } else { it }", [(16, 24), (3, 21)], [(16, 20)]),
    "and nothing behind it": ("conv 1x1 3\n if W > 30 { tanh }", [(16, 24)], [(16, 31)]),
    "an optional shortcut": ("residual if W > 20 { conv 3x3 3 pad=1 }", [(16, 24)], [(16, 20)]),
    "an argument chosen": ("resize [(16 if H < 20 else H), W]", [(16, 24), (19, 30)], [(20, 24)]),
    "a number in a name": ('let n = it.width // 8\n "width{n}": conv 3x3 3', [(16, 24), (16, 31)], [(16, 32)]),
    "a list": ("conv 1x1 ([3, 4, 5][it.height // 16])", [(16, 24), (31, 24)], [(32, 24), (15, 24)]),
    "an argument of a block": ("given (it.height // 10)", [(16, 24), (19, 24)], [(20, 24), (9, 24)]),
    "what torch would cut": ("slice 2 10 axis=2", [(16, 24), (10, 24)], [(9, 24)]),
    "a slice of nothing": ("slice 0 (it.height // 4) axis=2", [(16, 24), (4, 24)], [(3, 24)]),
    "a slice from behind": ("slice -5 (2 - 3) axis=2", [(16, 24), (5, 24)], [(4, 24)]),
    "a sign": ("slice 0 (it.height - 10) axis=2", [(16, 24), (11, 24)], [(10, 24), (9, 24)]),
    "a crop of more than there is": ("crop [12, (W // 2)]", [(16, 24), (12, 24)], [(11, 24)]),
    "a border below 0": ("pad after=[(it.height - 12), 1]", [(16, 24), (12, 24)], [(11, 24)]),
    "a border for odd sizes": ("conv 3x3/2 4 pad=same_upper", [(16, 24), (34, 8)], [(15, 24), (16, 25)]),
    "a border behind a large stride": ("maxpool 2x2/5 pad=same_upper", [(16, 24)], [(17, 24), (20, 24)]),
    "a border for one rest of four": ("conv 5x5/4 4 pad=same_lower", [(16, 24), (12, 8)], [(18, 24), (17, 24)]),
    "a border within a block": ("bordered", [(16, 24), (34, 8)], [(15, 24)]),
    "an argument made elsewhere": ("a: conv 3x3 4\n conv 1x1 3 -> sized (a.height)", [(16, 24)], [(17, 24)]),
    "a comparison in a block": ("conv 1x1 3 -> deepened (it.width)", [(16, 24), (9, 24)], [(16, 23)]),
    "a default that compares": ("conv 1x1 3 -> compared (it.height)", [(16, 24), (11, 9)], [(10, 24)]),
    "in braces": ("b: { relu\n if it.height > 10 { tanh } }", [(16, 24), (11, 3)], [(10, 24)]),
}
CHOSEN = """
block chosen { if it.height > 12 { conv 3x3 4 } else { conv 1x1 4 } }
block bordered { conv 3x3/2 4 pad=same_upper }
block sized(h) { conv 1x1 4 -> resize [h, 5] }
block deepened(n) { conv 1x1 4; if n > 14 { deepened (n - 10) } }
block compared(n, act=(relu if n > 10 else tanh)) { act -> conv 1x1 4 }
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
        with pytest.raises(ValueError, match="and this net is valid"):
            made(image)
        with pytest.raises(ValueError, match="does not hold"):
            interpreter.run([image], training=False, seed=0)


AGREEING = ("a condition", "a comparison of decimals", "a width made of a decimal", "a mixture",
            "a count", "what torch would cut", "a slice of nothing", "a sign", "a border for odd sizes",
            "a crop of more than there is", "within a block")  # fmt: skip


@pytest.mark.parametrize("name", AGREEING)
def test_the_module_takes_what_the_command_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(f"{CHOSEN}\nnet tried {{\n {HEAD}\n {GUARDED[name][0]}\n output\n}}\n")
    net = load(f"{path}:tried")
    height, made = net.sizes({"H": range(1, 34), "W": range(24, 25)})["H"], net.module()
    taken: list[int] = []
    for size in range(1, 34):
        try:
            made(torch.zeros(1, 3, size, 24))
        except (ValueError, RuntimeError):
            continue
        taken.append(size)
    assert taken == height.right


def test_an_operator_whose_sizes_are_open_says_so_of_its_results() -> None:
    """One axis of each example is open: every size that changes with it is open as well."""
    for op in registry().values():
        for case in examples(op):
            for axis in {axis for type in case.types for axis in type.axes if axis not in ("n", "_")}:
                opened = case.op.outputs(*_resized(case.types, axis, OpenInt))
                for more in (1, 2, 3, 4, 6, -1, -2):
                    try:
                        others = case.op.outputs(*_resized(case.types, axis, partial(_more, more)))
                    except Rejected:
                        continue
                    for before, after in zip(opened, others, strict=False):
                        changed = [one for one, two in zip(before.shape, after.shape, strict=False) if one != two]
                        assert all(isinstance(size, OpenInt) for size in changed), (case, axis, more)


def _more(more: int, size: int) -> int:
    return max(size + more, 1)


def _resized(types: tuple[TensorType, ...], axis: str, size: Callable[[int], int]) -> list[TensorType]:
    return [type.resized(**({axis: size(type[axis])} if axis in type.axes else {})) for type in types]


def test_every_argument_that_may_be_open_is_written_as_a_formula() -> None:
    for op in registry().values():
        for name in op.open_arguments:
            default = op.model_fields[name].get_default()
            cases = [case for case in examples(op) if getattr(case.op, name) != default]
            cases = [case for case in cases if numbers_in(getattr(case.op, name))]
            assert cases, f"no example of {op.word} gives {name}"
            for case in cases:
                value = getattr(case.op, name)
                made = with_numbers(value, [WrittenInt(number, SizeOf(5, 7)) for number in numbers_in(value)])
                told = case.op.model_copy(update={name: made}).torch(*case.types)
                assert isinstance(told, Expression), case
                assert "{5}.shape[7]" in told.template or "{5}.shape[7:" in told.template, case


@pytest.mark.parametrize(
    "step, code",
    [
        ("resize like=3", "not-a-value"),
        ("resize like=image size=[3, 4]", "argument-twice"),
        ("conv 3x3 4 like=image", "unknown-argument"),
        ("resize like image", "unknown-name"),
        ("flatten -> resize like=it", "wrong-rank"),
        ('resize like="nothing"', "not-a-value"),
    ],
)
def test_wrong_likes_are_reported(step: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(f"net tried {{\n {HEAD}\n {step}\n output\n}}\n")
    (wrong,) = check(str(path)).diagnostics
    assert (wrong.code, wrong.span.line) == (code, 3)


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


def test_a_graph_of_a_wrong_condition_is_refused(tmp_path: Path) -> None:
    text = built(tmp_path, "if H > 10 { conv 3x3 4 }").graph.model_dump_json()
    for left, comparison, right in (
        ({"value": 0, "axis": 2}, "<", 10),  # it does not hold at the default
        ({"value": 1, "axis": 2}, ">", 10),
        ({"value": 0, "axis": 2}, "or", 10),
        ({"value": 0, "axis": 2}, ">", "exit()"),
        ({"sign": "%", "left": {"value": 0, "axis": 2}, "right": 0}, "==", 0),
    ):
        data = json.loads(text)
        (guard,) = data["blocks"][-1]["nodes"][0]["guards"]
        assert (guard["left"], guard["comparison"], guard["right"]) == ({"value": 0, "axis": 2}, ">", 10)
        guard |= {"left": left, "comparison": comparison, "right": right}
        with pytest.raises(ValueError, match=r"does not hold|does not exist|Input should be|divides by 0"):
            Graph.model_validate_json(json.dumps(data))


def test_a_formula_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(
        f"let f(n, x) = f(n - 1, x + x * x) if n > 0 else x\nnet n {{ {HEAD}\n resize [(f(20, H % 2)), 9]\n output }}"
    )
    (wrong,) = check(str(path)).diagnostics
    assert wrong.code == "number-too-large"


def test_a_condition_that_always_holds_is_not_checked(tmp_path: Path) -> None:
    body = "if H > 0 { relu }\n if H + W - 1 >= H { tanh }\n if H // 2 - H // 2 == 0 { relu }\n if H % 4 < 4 { tanh }"
    assert "raise" not in built(tmp_path, body).source()
    assert "raise" in built(tmp_path, "if H - W < 0 { relu }").source()


def test_a_net_of_open_sizes_is_exported_with_sizes_that_change() -> None:
    """One exported program serves every size, as the module does."""
    made = load(str(Path(__file__).parents[1] / "nets" / "fpn.arch")).module(seed=0).eval()
    image = torch.linspace(-1, 1, 3 * 96 * 130).reshape(1, 3, 96, 130)
    auto = torch.export.Dim.AUTO
    exported = torch.export.export(made, (image,), dynamic_shapes=({2: auto, 3: auto},)).module()
    other = torch.linspace(-1, 1, 3 * 77 * 81).reshape(1, 3, 77, 81)
    for one, two in zip(exported(other), made(other), strict=True):
        assert torch.allclose(one, two, atol=1e-6)


def test_conditions_and_sizes_only_in_training_and_in_a_block_that_is_applied_again(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(DEEP)
    net = load(f"{path}:deep")
    for made in (net.module(seed=0), net.module(seed=0, recomputed=["s"])):
        interpreter = Interpreter(net.graph, dict(made.named_parameters()))
        for training in (True, False):
            for sides in ((32, 40), (44, 38), (33, 64)):
                image = torch.linspace(-1, 1, 3 * sides[0] * sides[1]).reshape(1, 3, *sides)
                found: Any = made.train(training)(image)
                wanted = interpreter.run([image], training, seed=0)
                assert all(map(torch.equal, found if training else [found], wanted))
        made.train(False)(torch.zeros(1, 3, 18, 40))  # the auxiliary output is not computed
        with pytest.raises(ValueError, match=r"valid where x.shape\[2\] > 10"):
            made.train(True)(torch.zeros(1, 3, 18, 40))
        with pytest.raises(ValueError, match=r"valid where x1.shape\[3\] % 2 == 0"):
            made(torch.zeros(1, 3, 32, 39))


DEEP = """
block cell(width) {
  input x
  input y
  if x.height > 3 { (x) -> conv 3x3 width pad=1 } else { (x) -> conv 1x1 width }
  resize like=y
  (it, y) -> concat -> conv 1x1 width -> relu
}
net deep(classes=3) {
  input image: [3, H=32, W=40]
  c1: conv 3x3/2 8 pad=1
  c2: { conv 3x3/2 8 pad=1 -> relu }
  (c2, c1) -> s: cell 8
  (it, c1) -> reuse s
  repeat 3 { residual { conv 3x3 8 pad=1 } }
  main: it
  aux: { conv 1x1 classes; if it.height > 10 { relu }; resize [H, W] mode=bilinear }
  (main) -> dense 2 { conv 3x3 4 pad=1 -> resize like=main }
  up: { resize like=image; if W % 2 == 0 { tanh } }
  out: conv 1x1 classes
  output
  output aux when training
}
"""


def test_a_block_is_not_applied_again_where_its_argument_would_be_made_in_another_way(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    block = "block fit(h) { conv 1x1 3 -> resize [h, 7] }"
    path.write_text(f"{block}\nnet tried {{\n {HEAD}\n f: fit (2 * it.height)\n reuse f\n output\n}}\n")
    (wrong,) = check(f"{path}:tried").diagnostics
    assert (wrong.code, wrong.span.line) == ("weights-differ", 5)
    path.write_text(f"{block}\nnet tried {{\n {HEAD}\n f: fit (it.height)\n reuse f\n output\n}}\n")
    assert load(f"{path}:tried").module()(torch.zeros(1, 3, 20, 9)).shape == (1, 3, 20, 7)
