"""The column `starts`: how the weights of each layer start."""

from __future__ import annotations

from pathlib import Path

import archlang
from archlang.report import View
from archlang.report.table import plain_table, table, table_json

STARTS = """block pair(start) { conv 3x3 4 pad=1 init=start -> relu }
net n {
  input image: 4x8x8
  param scale: [1] init=constant(2)
  default conv bias_init=zeros
  (image, scale) -> mul
  pair zeros -> pair zeros -> pair he_normal
  again: conv 1x1 4 -> reuse again
  flatten -> linear 3 init=normal(0.1) -> linear 3 init=ones bias_init=ones -> lstm_cells: { linear 2 }
  output
}
"""


def test_starts_of_every_layer(tmp_path: Path) -> None:
    path = tmp_path / "n.arch"
    path.write_text(STARTS, encoding="utf-8")
    report = archlang.load(str(path)).report()
    columns = ("path", "starts")
    assert plain_table(report, View(columns)).rows[:12] == (
        ("scale", "constant(value=2.0)"),
        ("", ""),
        ("0.0", "zeros"),
        ("0.1", ""),
        ("1.0", "zeros"),
        ("1.1", ""),
        ("2.0", "he_normal, bias zeros"),
        ("2.1", ""),
        ("again", "torch_default, bias zeros"),
        ("again", ""),
        ("4", ""),
        ("5", "normal(std=0.1), bias torch_default"),
    )
    assert plain_table(report, View(columns)).rows[12:] == (("6", "ones"), ("lstm_cells.0", "torch_default"))
    folded = table(report, View(("op", "starts"))).rows
    assert ("0 to 1", "pair ×2", "zeros") in folded  # and not the third, which starts differently
    assert report.layers[6].starts == {"weight": "he_normal", "bias": "zeros"}
    assert report.layers[0].starts == {"": "constant(value=2.0)"}


def test_starts_of_tied_weights_and_of_scopes(tmp_path: Path) -> None:
    path = tmp_path / "n.arch"
    path.write_text(
        "net n { input ids: [4] dtype=int64; wte: embedding 9 3; body: { linear 3 init=ones; linear 3 }\n"
        "linear 9 bias=false weight=wte.weight; output }\n",
        encoding="utf-8",
    )
    report = archlang.load(str(path)).report()
    assert [layer.starts for layer in report.layers][-1] == {"weight": "tied to wte.weight"}
    rows = table_json(report, View(("starts",), depth=1))["rows"]
    assert isinstance(rows, list)
    assert [row["starts"] for row in rows] == [
        {"weight": "torch_default"}, None, {"weight": "tied to wte.weight"},
    ]  # fmt: skip
    assert [row[1] for row in table(report, View(("starts",), depth=1)).rows] == [
        "torch_default", "several", "tied to wte.weight",
    ]  # fmt: skip
