"""The report against VGG-16's table (CS231n) and its published counts, and in all its forms."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import pytest

from archlang.facts.work import count, totals, work
from archlang.ir import Block, CallNode, Graph, OpNode, Port
from archlang.ops.activation import Relu
from archlang.ops.adaptive_pooling import AdaptiveAvgPool
from archlang.ops.base import Expression, Operator, Work
from archlang.ops.convolution import Conv
from archlang.ops.layout import Flatten
from archlang.ops.linear import Linear
from archlang.ops.normalization import BatchNorm
from archlang.ops.pooling import MaxPool
from archlang.ops.regularization import Dropout
from archlang.report import Report, View, render_report, report
from archlang.report.lecture import bytes_text, rounded
from archlang.shapes import TensorType, input_type
from archlang.source import Span
from tests.specs import graph_of, net_of

HERE = Span("by hand", 1, 1, 1, 2)
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Plus(Operator):
    """A join, as the language will have one."""

    word: ClassVar[str] = "plus"
    join: ClassVar[bool] = True
    asked: ClassVar[list[str]] = []

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        return (inputs[0],)

    def work(self, *inputs: TensorType) -> Work:
        self.asked.append(str(inputs[0]))
        return Work(elementwise=inputs[0].values * (len(inputs) - 1))

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" + ".join(f"{{{at}}}" for at in range(len(inputs))))


def chain(block: str, given: TensorType, steps: Sequence[tuple[str, Operator]], scope: str = "") -> Block:
    """Return a block of named steps, one after the other."""
    types, nodes = [given], list[OpNode | CallNode]()
    for name, op in steps:
        types += op.outputs(types[-1])
        at = len(types) - 1
        inner, _, last = name.rpartition(".")
        nodes.append(OpNode(op=op, scope=inner or scope, name=last, inputs=(at - 1,), outputs=(at,), span=HERE))
    return block_of(block, (given,), types, nodes)


def block_of(
    block: str, given: Sequence[TensorType], types: Sequence[TensorType], nodes: Sequence[OpNode | CallNode]
) -> Block:
    """Return a block whose last value is its output."""
    return Block(
        id=block,
        name=block,
        arguments={},
        inputs=tuple(Port(name=f"image{k or ''}", value=k) for k in range(len(given))),
        outputs=(Port(name="out", value=len(types) - 1),),
        types=tuple(types),
        nodes=tuple(nodes),
        scopes=(),
        labels={},
    )


def net(*blocks: Block) -> Graph:
    return Graph(name=blocks[-1].name, arguments={}, blocks=blocks)


def vgg16(norm: bool = False) -> Graph:
    """Return VGG-16 as torchvision builds it: features, average pool, flatten, classifier."""
    features: list[Operator] = []
    for widths in VGG16:
        for width in widths:
            features += [Conv(kernel=(3, 3), out=width, pad=1), *([BatchNorm()] if norm else []), Relu()]
        features.append(MaxPool(kernel=(2, 2), stride=2))
    classifier: list[Operator] = []
    for width in (4096, 4096):
        classifier += [Linear(out=width), Relu(), Dropout()]
    steps = [(f"features.{k}", op) for k, op in enumerate(features)]
    steps += [("avgpool", AdaptiveAvgPool(size=(7, 7))), ("flatten", Flatten())]
    steps += [(f"classifier.{k}", op) for k, op in enumerate([*classifier, Linear(out=1000)])]
    return net(chain("vgg16", input_type((3, 224, 224)), steps))


def expected_rows() -> list[tuple[str, str, int, int]]:
    """Return VGG-16's rows as the lecture lists them: name, activation, values, weights."""
    convs = (1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648, *(2_359_296,) * 5)
    rows = [("INPUT", "224x224x3", 150_528, 0)]
    weights = iter(convs)
    values = ((3_211_264, 802_816), (1_605_632, 401_408), (802_816, 200_704), (401_408, 100_352), (100_352, 25_088))
    for stage, (widths, (inside, pooled)) in enumerate(zip(VGG16, values, strict=True)):
        size, half = 224 // 2**stage, 112 // 2**stage
        rows += [(f"CONV3-{width}", f"{size}x{size}x{width}", inside, next(weights)) for width in widths]
        rows.append(("POOL2", f"{half}x{half}x{widths[0]}", pooled, 0))
    rows += [("FC", "1x1x4096", 4096, 102_760_448), ("FC", "1x1x4096", 4096, 16_777_216)]
    return [*rows, ("FC", "1x1x1000", 1000, 4_096_000)]


def product(formula: str) -> int:
    """Return the value of `(3*3*64)*128`."""
    return prod(int(factor) for factor in formula.replace("(", "").replace(")", "").split("*"))


def by_csv(made: Report, style: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_report(made, style, "csv"))))


@pytest.fixture(scope="module")
def vgg() -> Report:
    return report(vgg16())


def test_vgg16_totals(vgg: Report) -> None:
    assert vgg.totals.params == vgg.totals.trainable_params == 138_357_544
    assert vgg.totals.macs == 15_470_264_320
    assert vgg.totals.buffers == 0
    assert vgg.totals.output_bytes == 4 * vgg.totals.output_values
    assert vgg.totals.output_values == sum(layer.output_values for layer in vgg.layers)
    assert vgg.totals.macs == sum(layer.macs for layer in vgg.layers)


def test_every_row_of_the_lecture(vgg: Report) -> None:
    *rows, total = by_csv(vgg, "cs231n")
    read = [(r["layer"], r["activation"].strip("[]"), int(r["output_values"]), int(r["weights"])) for r in rows]
    assert read == expected_rows()
    assert int(total["output_values"]) == 15_237_608
    assert int(total["output_bytes"]) == 60_950_432
    assert int(total["weights"]) == 138_344_128
    for row in rows:
        assert product(row["formula"] or "0") == int(row["weights"])


def test_the_lecture_line_for_line(vgg: Report) -> None:
    lines = render_report(vgg, "cs231n").splitlines()
    squeezed = [" ".join(line.split()) for line in lines]
    assert squeezed[0] == "INPUT: [224x224x3] memory: 224*224*3=150K params: 0"
    assert squeezed[1] == "CONV3-64: [224x224x64] memory: 224*224*64=3.2M params: (3*3*3)*64 = 1,728"
    assert squeezed[3] == "POOL2: [112x112x64] memory: 112*112*64=800K params: 0"
    assert squeezed[19] == "FC: [1x1x4096] memory: 4096 params: 7*7*512*4096 = 102,760,448"
    assert squeezed[20] == "FC: [1x1x4096] memory: 4096 params: 4096*4096 = 16,777,216"
    assert squeezed[21] == "FC: [1x1x1000] memory: 1000 params: 4096*1000 = 4,096,000"
    assert squeezed[22].startswith("TOTAL memory: 15,237,608 values * 4 bytes = 61.0 MB for an image (")
    assert squeezed[23] == "TOTAL params: 138,344,128 without biases + 13,416 biases = 138,357,544"
    assert len(lines) == 24
    for word in ("[", "memory:", "params:"):
        assert len({line.index(word) for line in lines[:22]}) == 1


def test_normalisation_has_no_row_and_is_in_the_total() -> None:
    lines = render_report(report(vgg16(norm=True)), "cs231n").splitlines()
    assert len(lines) == 24
    assert lines[-1] == (
        "TOTAL params: 138,344,128 without biases + 13,416 biases + 8,448 in layers without a row = 138,365,992"
    )
    assert totals(vgg16(norm=True)).buffers == 8_448 + 13


def test_width_of_a_linear_that_no_map_entered_is_plain() -> None:
    steps = [("pool", AdaptiveAvgPool(size=(1, 1))), ("flat", Flatten()), ("fc", Linear(out=10))]
    text = render_report(report(net(chain("n", input_type((64, 8, 8)), steps))), "cs231n")
    assert "params: 64*10 = 640" in text
    steps = [("pool", MaxPool(kernel=(2, 2))), ("flat", Flatten()), ("drop", Dropout()), ("fc", Linear(out=10))]
    text = render_report(report(net(chain("n", input_type((64, 8, 8)), steps))), "cs231n")
    assert "params: 4*4*64*10 = 10,240" in text
    steps = [("flat", Flatten()), ("fc1", Linear(out=1024)), ("fc2", Linear(out=10))]
    text = render_report(report(net(chain("n", input_type((64, 4, 4)), steps))), "cs231n")
    assert "params: 4*4*64*1024 = 1,048,576" in text
    assert "params: 1024*10 = 10,240" in text
    tokens = TensorType((1, 5, 4), ("n", "t", "c"))
    assert "params: 4*3 = 12" in render_report(report(net(chain("n", tokens, [("fc", Linear(out=3))]))), "cs231n")


def test_rounding() -> None:
    shown = {784: "784", 9_999: "9,999", 25_088: "25K", 99_999: "100K", 999_999: "1.0M", 3_211_264: "3.2M"}
    shown |= {9_960_000: "10M", 12_500_000_000: "12G", 5 * 10**15: "5000T"}
    assert {number: rounded(number) for number in shown} == shown
    assert [bytes_text(n) for n in (999, 33_900, 60_950_432)] == ["999 bytes", "33.9 KB", "61.0 MB"]


@pytest.mark.parametrize(
    ("dtype", "size"), [("float16", 2), ("bfloat16", 2), ("float32", 4), ("float64", 8), (None, 4)]
)
def test_batch_and_dtype(vgg: Report, dtype: str | None, size: int) -> None:
    made = report(vgg16(), batch=32, dtype=dtype)
    assert made.totals.params == vgg.totals.params
    assert made.totals.macs == 32 * vgg.totals.macs
    assert made.totals.output_values == 32 * vgg.totals.output_values
    assert made.totals.output_bytes == 32 * size * vgg.totals.output_values
    assert made.layers[0].output == (64, 224, 224)
    assert {port.type.dtype for port in made.inputs} == {dtype or "float32"}
    text = render_report(made, "cs231n")
    assert "memory:  32*224*224*64=100M" in text
    assert f"TOTAL memory: {32 * 15_237_608:,} values * {size} bytes = " in text
    assert " for 32 images (" in text


def test_integers_keep_their_dtype_and_mixed_widths_have_no_factor() -> None:
    graph = net(chain("n", input_type((3, 4, 4), "uint8"), [("pool", MaxPool(kernel=(2, 2)))]))
    assert report(graph, dtype="float64").totals.output_bytes == 12
    halves = (input_type((3, 4, 4)), input_type((3, 4, 4), "uint8"))
    pool = MaxPool(kernel=(2, 2))
    nodes = [OpNode(op=pool, scope="", name="p", inputs=(0,), outputs=(2,), span=HERE)]
    text = render_report(report(net(block_of("n", halves, [*halves, *pool.outputs(halves[0])], nodes))), "cs231n")
    assert "INPUT image:" in text and "INPUT image1:" in text
    assert "TOTAL memory: 108 values, 288 bytes for an image" in text


def test_tensors_without_a_batch_axis_do_not_grow_with_it() -> None:
    fixed = TensorType((5, 4), ("t", "c"))
    one, many = (totals(net(chain("n", fixed, [("a", Relu())])), batch=batch) for batch in (1, 64))
    assert one == many
    assert one.output_values == 20


def called_thrice() -> Graph:
    """Return x -> three calls of one residual block, whose join stands at its root."""
    x = input_type((4, 6, 6))
    conv = Conv(kernel=(3, 3), out=4, pad=1)
    unit = block_of(
        "unit_1",
        (x,),
        (x, x, x),
        (
            OpNode(op=conv, scope="", name="conv", inputs=(0,), outputs=(1,), span=HERE),
            OpNode(op=Plus(), scope="", name=None, inputs=(0, 1), outputs=(2,), span=HERE),
        ),
    )
    calls = [
        CallNode(block="unit_1", scope="body", name=str(k), inputs=(k,), outputs=(k + 1,), span=HERE) for k in range(3)
    ]
    last = OpNode(op=Plus(), scope="", name=None, inputs=(0, 3), outputs=(4,), span=HERE)
    return net(unit, block_of("net", (x,), (x,) * 5, (*calls, last)))


def test_a_block_counts_as_often_as_it_is_called_and_is_asked_once() -> None:
    Plus.asked.clear()
    graph = called_thrice()
    counts = count(graph)
    assert len(Plus.asked) == 2
    assert counts.blocks["unit_1"].params == 4 * 4 * 9 + 4
    assert counts.net.params == 3 * (4 * 4 * 9 + 4)
    assert counts.net.macs == 3 * 144 * 36
    assert work(graph, batch=2) == Work(macs=2 * 3 * 144 * 36, bias_adds=2 * 3 * 144, elementwise=2 * 4 * 144)
    Plus.asked.clear()
    made = report(graph)
    assert len(Plus.asked) == 2
    assert sum(layer.params for layer in made.layers) == made.totals.params == counts.net.params


def test_a_join_is_shown_by_its_scope_and_its_word() -> None:
    made = report(called_thrice())
    assert [layer.path for layer in made.layers][:3] == ["body.0.conv", "body.0", "body.1.conv"]
    text = render_report(made, view=View(full=True))
    assert "body.0 (plus)  plus" in text
    assert "\n(plus) " in text
    assert by_csv(made, "table")[1]["path"] == "body.0"


def test_alike_calls_are_folded() -> None:
    made = report(called_thrice())
    lines = [" ".join(line.split()) for line in render_report(made).splitlines()]
    (sum_of_all,) = [line for line in lines if "×" in line]
    assert sum_of_all.startswith("body.0 to body.2 unit_1 ×3 4x6x6 444 ")
    assert lines[lines.index(sum_of_all) + 1].startswith("conv conv")
    assert "(plus) plus" in lines[lines.index(sum_of_all) + 2]
    assert len(render_report(made, view=View(full=True)).splitlines()) > len(lines)


def test_table_is_aligned_and_complete(vgg: Report) -> None:
    lines = render_report(vgg).splitlines()
    assert lines[:2] == ["vgg16, batch 1", "input image: 3x224x224 float32"]
    assert lines[-1] == "138,357,544 parameters, 138,357,544 of them trainable; 0 values in buffers"
    rows = lines[5:-4]
    assert len(rows) == len(vgg.layers)
    assert len({len(line) for line in (lines[3], *rows, lines[-3])}) == 1
    assert lines[-3].split()[:3] == ["total", "138,357,544", "15,470,264,320"]
    assert rows[0].split() == ["features.0", "conv", "64x224x224", "1,792", "86,704,128", "3,211,264", "12,845,056"]


def test_csv_has_plain_numbers(vgg: Report) -> None:
    *rows, total = by_csv(vgg, "table")
    assert list(total) == ["path", "op", "output", "params", "macs", "output_values", "output_bytes"]
    assert sum(int(row["macs"]) for row in rows) == int(total["macs"]) == 15_470_264_320
    assert (total["path"], total["op"]) == ("total", "")


def test_markdown_cells_are_escaped() -> None:
    made = report(net(chain("n", input_type((3, 4, 4)), [("a_b_c", MaxPool(kernel=(2, 2)))])))
    lines = render_report(made, "table", "md").splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[2].startswith(r"| a\_b\_c | maxpool | 3x2x2 | 0 | 0 | 12 | 48 |")
    assert {len(line.replace(r"\|", "").split("|")) for line in table} == {9}
    assert r"| INPUT | \[4x4x3\] | 48 | 192 |  | 0 |" in render_report(made, "cs231n", "md")


def test_json_is_what_the_docs_say(vgg: Report) -> None:
    read = json.loads(render_report(vgg, "table", "json"))
    assert list(read) == ["version", "name", "batch", "mode", "inputs", "totals", "layers", "blocks"]
    assert read["inputs"] == [{"name": "image", "shape": [3, 224, 224], "dtype": "float32"}]
    assert {name: total for name, total in read["totals"].items() if total and "ward" not in name} == {
        "params": 138_357_544,
        "trainable_params": 138_357_544,
        "macs": 15_470_264_320,
        "flops": 2 * 15_470_264_320,
        "bias_adds": 13_556_712,
        "activated": 13_555_712,
        "elementwise": 25_088,
        "comparisons": 4_591_104,
        "output_values": vgg.totals.output_values,
        "output_bytes": vgg.totals.output_bytes,
        "saved_bytes": read["totals"]["saved_bytes"],
    }
    assert read["totals"]["backward_macs"] == 2 * 15_470_264_320 - 86_704_128  # no gradient of the image
    assert read["layers"][0] == {
        "path": "features.0",
        "op": "conv",
        "block": "vgg16",
        "named": True,
        "runs": True,
        "inputs": [{"shape": [3, 224, 224], "dtype": "float32"}],
        "output": [64, 224, 224],
        "outputs": [{"shape": [64, 224, 224], "dtype": "float32"}],
        "params": 1_792,
        "trainable_params": 1_792,
        "buffers": 0,
        "macs": 86_704_128,
        "flops": 173_408_256,
        "bias_adds": 3_211_264,
        **dict.fromkeys(("normalised", "activated", "elementwise", "comparisons", "moved"), 0),
        "backward_macs": 86_704_128,
        "backward_bias_adds": 3_211_264,
        **{f"backward_{name}": 0 for name in ("normalised", "activated", "elementwise", "comparisons", "moved")},
        "output_values": 3_211_264,
        "output_bytes": 12_845_056,
        "saved_bytes": 4 * 150_528,
        "receptive_field": {"h": 3, "w": 3},
        "stride": {"h": 1, "w": 1},
        "offset": {"h": -1, "w": -1},
        "starts": {"weight": "torch_default", "bias": "torch_default"},
        "lecture": {"name": "CONV3-64", "formula": "(3*3*3)*64", "weights": 1_728, "biases": 64},
    }
    assert read["layers"][1]["lecture"] is None
    assert render_report(vgg, "cs231n", "json") == render_report(vgg, "table", "json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"batch": 0}, "at least 1 image"), ({"dtype": "int8"}, "dtype is one of"), ({"mode": "fast"}, "eval or train")],
)
def test_wrong_calls_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        report(vgg16(), **arguments)
    with pytest.raises(ValueError, match="no style"):
        render_report(report(called_thrice()), "fancy", "text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_every_field_of_the_json_is_documented(vgg: Report) -> None:
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    read: dict[str, Any] = vgg.to_json()
    layer: dict[str, Any] = vgg.layers[0].to_json()
    block: dict[str, Any] = report(called_thrice()).blocks[0].to_json()
    fields = {*read, *read["totals"], *layer, *layer["lecture"], *layer["outputs"][0], *block}
    assert {field for field in fields if f"`{field}`" not in page} == set()
    shown = {" ".join(line.split()) for line in page.splitlines()}
    for line in render_report(vgg, "cs231n").splitlines()[-5:]:
        assert " ".join(line.split()) in shown


def test_the_totals_have_what_their_json_has() -> None:
    made = report(graph_of(net_of("conv 3x3 4 -> relu -> batchnorm\n flatten -> linear 3", "3x8x8")), batch=2)
    totals, told = made.totals, made.to_json()["totals"]
    assert isinstance(told, dict)
    for name, value in told.items():
        of = totals.backward if name.startswith("backward_") else totals if hasattr(totals, name) else totals.forward
        assert getattr(of, name.removeprefix("backward_")) == value
