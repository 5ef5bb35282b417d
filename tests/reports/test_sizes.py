"""Open sizes: valid sizes work in torch with the same module, and invalid ones do not."""

from __future__ import annotations

import json
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import torch

from archlang import CallError, load
from archlang.cli import main
from archlang.compiler import check
from archlang.diagnostics import Diagnostic
from archlang.sizes import OpenSize, Tried, described
from archlang.source import Span

UNET = """
block pair(width) { conv 3x3 width pad=1 -> relu; conv 3x3 width pad=1 -> relu }
net unet(base=4, depth=3) {
  input image: [1, H=32, W=32]
  for i in range(depth) { "enc{i}": pair (base * 2**i) -> maxpool 2x2/2 }
  mid: pair (base * 2**depth)
  for i in range(depth - 1, -1, -1) {
    deconv 2x2/2 (base * 2**i)
    ("enc{i}", it) -> concat -> "dec{i}": pair (base * 2**i)
  }
  head: conv 1x1 2
  output
}
"""
NETS = {
    "unet": UNET,
    "pooled": "net n{ input i: [3, H=32, W=32]; conv 3x3/2 4; maxpool 3x3/2; globalavgpool; flatten; linear 2; output}",
    "flattened": "net n { input i: [3, H=32, W=32]; conv 3x3/2 4; flatten -> linear 2; output }",
    "fitted": "net n { input i: [3, H=32, W=32]; conv 5x5 4; adaptive_avgpool 3x3; flatten -> linear 2; output }",
    "strided": "net n{ input i: [3, H=32, W=32]; residual { relu } shortcut { conv 4x4/4 3; deconv 4x4/4 3 }; output }",
}


def found(tmp_path: Path, text: str, ranges: dict[str, range], **settings: str) -> list[OpenSize]:
    path = tmp_path / "net.arch"
    path.write_text(text, encoding="utf-8")
    return list(load(str(path), **settings).sizes(ranges).values())


@pytest.mark.parametrize("name", NETS)
def test_valid_sizes_are_those_that_torch_accepts(tmp_path: Path, name: str) -> None:
    """At each size up to 40 the module of the default runs exactly if the size is valid."""
    (height, _) = found(tmp_path, NETS[name], {"H": range(1, 41)})
    net = load(str(tmp_path / "net.arch")).module(seed=0).eval()
    channels = 1 if name == "unet" else 3
    for tried in height.tried:
        image = torch.randn(1, channels, tried.size, 32)
        if tried.wrong is None:
            there = load(str(tmp_path / "net.arch"), H=tried.size)
            shape = there.graph.root.types[there.graph.root.outputs[0].value].shape
            assert net(image).shape == shape
            assert torch.equal(net(image), _with_weights_of(net, there.module())(image))
        else:
            with pytest.raises(RuntimeError):
                net(image)


def _with_weights_of(net: torch.nn.Module, other: torch.nn.Module) -> torch.nn.Module:
    other.load_state_dict(net.state_dict())
    return other.eval()


def test_a_size_that_changes_a_layer_is_not_right(tmp_path: Path) -> None:
    text = "net n { input i: [3, H=16, W=16]; if H > 16 { relu } else { tanh }; conv 1x1 (3 + W // 32); output }"
    height, width = found(tmp_path, text, {"H": range(10, 21), "W": range(10, 41)})
    assert height.right == list(range(10, 17))
    assert width.right == list(range(10, 32))
    assert [one.wrong.code for one in (height.telling, width.telling) if one and one.wrong] == [
        "size-changes-layers",
        "size-changes-weights",
    ]


def test_settings_and_ranges(tmp_path: Path) -> None:
    (height, width) = found(tmp_path, UNET, {"H": range(1, 100)}, depth="1", W="20")
    assert height.right == list(range(2, 100, 2))
    assert (width.default, width.tried[-1].size) == (20, 40)


@pytest.mark.parametrize(
    "right, words",
    [
        ([], "none"),
        ([7], "7 alone"),
        (list(range(1, 33)), "every size from 1 to 32"),
        (list(range(5, 33)), "5 to 32"),
        (list(range(8, 33, 8)), "8, 16, 24, 32: multiples of 8"),
        (list(range(4, 33, 4)), "4, 8, 12, ..., 32: multiples of 4"),
        (list(range(9, 33, 8)), "9, 17, 25: 1 more than a multiple of 8, from 9"),
        (list(range(16, 33, 4)), "16, 20, 24, ..., 32: multiples of 4, from 16"),
        (list(range(8, 25, 8)), "8, 16, 24: multiples of 8, up to 24"),
        ([3, 4, 7, 8, 11, 20], "3 to 4, 7 to 8, 11, 20 (6 of 32)"),
        ([8, 24], "8, 24 (2 of 32)"),
    ],
)
def test_described(right: list[int], words: str) -> None:
    wrong = Diagnostic("size-changes-layers", "", Span("x", 1, 1, 1, 2))
    tried = tuple(Tried(size, None if size in right else wrong, None) for size in range(1, 33))
    assert described(OpenSize("H", (), 32, tried)) == words


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("unet.arch").write_text(UNET, encoding="utf-8")
    assert main(["sizes", "unet.arch", "--range", "H=1..40"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("H: 8, 16, 24, ..., 40: multiples of 8\nW: 8, 16, 24, ..., 64: multiples of 8\n")
    assert "H=9 is not valid:\nerror[unequal-sizes]" in printed
    assert main(["sizes", "unet.arch", "--sweep", "--format", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "H,params,macs,output_values,output_bytes"
    assert rows[1].split(",")[1:3] == [str(load("unet.arch").report().totals.params), str(_macs(8))]
    assert main(["sizes", "unet.arch", "--format", "json"]) == 0
    assert [size["right"] for size in json.loads(capsys.readouterr().out)["sizes"]] == [list(range(8, 65, 8))] * 2


def test_from_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(UNET.encode())))
    assert main(["sizes", "-", "--range", "H=1..40"]) == 0
    assert capsys.readouterr().out.startswith("H: 8, 16, 24, ..., 40: multiples of 8\n")


def _macs(height: int) -> int:
    return load("unet.arch", H=height).report().totals.macs


@pytest.mark.parametrize("range", ["H=0..3", "H=5..4", "H", "H=1..1000000", "Q=1..3"])
def test_wrong_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str], range: str) -> None:
    path = tmp_path / "unet.arch"
    path.write_text(UNET, encoding="utf-8")
    assert main(["sizes", str(path), "--range", range]) == 2
    assert ("range of Q" if range.startswith("Q") else "--range") in capsys.readouterr().err


def test_a_net_without_open_sizes(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="leaves no size open"):
        found(tmp_path, "net n { input i: 3x4x4; relu; output }", {})


# ---- what fixes a size that was left open


FIXED = [
    ("resize [H, 8]", "", ()),
    ("resize [(H // 2), 8]", "", ()),
    ("resize [(round(1.5 * H)), 8]", "", ()),
    ("slice 0 H axis=2", "", ()),
    ("slice 0 (H - 2) axis=2 -> slice 1 5 axis=2", "", ()),
    ("scale (1 / it.height)", "at H=16 scale has other arguments", ("H",)),
    ('rearrange "n c (h={H} k) w -> n c h (k w)"', "", ()),
    ("conv 3x3/2 4 pad=same_upper", "at H=9 conv has other arguments", ()),
    ("flatten -> linear 3", "at H=16 linear has other weights", ("H",)),
    ("if H > 10 { relu } else { tanh }", "at H=16 relu replaces tanh", ()),
    ("tanh -> if H > 10 { relu }", "at H=16 relu is in only one of them", ()),
    ("conv 3x3 4", "", ()),
    ("if H > 100 { relu } else { tanh }", "at H=128 relu replaces tanh", ()),
    ("if it.height > 3 { relu } else { tanh }", "at H=2 tanh replaces relu", ()),
    ("if it.height > 200 { relu } else { tanh }", "at H=201 relu replaces tanh", ()),
    ("conv 3x3/2 4 -> if it.height > 200 { relu } else { tanh }", "at H=533 relu replaces tanh", ()),
    ("scale (1 if it.height > 20 else 1)", "at H=32 this is decided otherwise", ()),
    ("globalavgpool -> flatten -> linear 3", "", ()),
]


@pytest.mark.parametrize("step, told, fixed", FIXED)
def test_a_step_that_fixes_an_open_size_is_reported(
    tmp_path: Path, step: str, told: str, fixed: tuple[str, ...]
) -> None:
    path = tmp_path / "net.arch"
    path.write_text(f"net n {{ input i: [4, H=8, 8]\n{step}\noutput }}", encoding="utf-8")
    checked = check(str(path))
    assert checked.diagnostics == []
    assert checked.graphs[0].fixed_sizes == fixed
    head = "H of `i` is fixed at 8: " if fixed else "H of `i` is not open everywhere: "
    assert [(one.code, one.severity, one.message, one.span.line) for one in checked.warnings] == (
        [("fixed-size", "warning", head + told, 2)] if told else []
    )


def test_fixed_sizes_are_those_at_which_no_other_is_right(tmp_path: Path) -> None:
    """The result of `archlang sizes` over a whole range agrees with the warning."""
    for step, _, fixed in FIXED:
        (size,) = found(tmp_path, f"net n {{ input i: [4, H=8, 8]\n{step}\noutput }}", {"H": range(1, 33)})
        assert (size.right == [8]) == bool(fixed), step
