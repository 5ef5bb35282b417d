"""What is saved of a value whose strides are unknown: the report, the promise and the generator say the same."""

from __future__ import annotations

from pathlib import Path

from archlang.compiler import check, load
from archlang.report import report
from tests.generator.promising import promised

# torch's fused kernel and its products lay the result out differently where a head has one channel; which of them runs
# depends on the gradients that are wanted of the mask
NET = """net n {{
  input x: [6, 8]
  param m: [6, 6] init=zeros
  axes "n t c" -> y: linear 8
  (y, y, y, m) -> a: sdpa 8
  (a) -> b: gelu -> linear 4
  output
{}}}
"""


def spec(path: Path, *lines: str) -> str:
    path.write_text(NET.format("".join(f"  expect {line}\n" for line in lines)), encoding="utf-8")
    return str(path)


def test_a_report_a_promise_and_the_generator_say_that_it_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "n.arch"
    graph = load(spec(path)).graph
    totals = report(graph, mode="train").to_json()["totals"]
    assert isinstance(totals, dict) and totals["saved_bytes"] is None and totals["params"] == 8 * 9 + 36 + 4 * 9
    (found,) = check(spec(path, "saved_bytes == 1")).diagnostics
    assert found.code == "unknown-fact" and "`a` (sdpa) does not declare `strides`" in found.message
    facts = [name for name, _ in promised(graph)]
    assert "params" in facts and "saved_bytes" not in facts
