"""`archlang ops --check FILE`: a user's own operator is checked against the laws, each with its verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archlang.cli import main
from archlang.laws import draws
from archlang.laws.cases import examples
from archlang.laws.draws import varied
from archlang.ops import registry

DOUBLED = '''"""Doubled values."""

from archlang.ops.base import ELEMENTWISE, Example, Expression, Operator, Work
from archlang.ops.checks import check_dtype


class Doubled(Operator):
    """Twice the value. No weights, no MACs."""

    word = "doubled"
    pointwise = True
    runs = ELEMENTWISE
    examples = (Example("doubled", "3x4x4"), Example("doubled times=3", "7"))

    times: float = 2.0

    def outputs(self, x):
        check_dtype(x, self.word)
        return (x,)

    def work(self, x):
        return Work(elementwise=x.values)

    def saved(self, x):
        return ()

    def torch(self, x):
        return Expression(f"{{0}} * {self.times}")
'''
SAVED = """    def saved(self, x):
        return ()

"""


def checked(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, tuple[str, str]]]:
    (tmp_path / "own.py").write_text(text, encoding="utf-8")
    status = main(["ops", "--check", str(tmp_path / "own.py"), "--format", "json"])
    (read,) = json.loads(capsys.readouterr().out)
    assert "doubled" not in registry()
    return status, {one["law"]: (one["outcome"], one["why"]) for one in read["verdicts"]}


def test_an_operator_that_keeps_the_laws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, verdicts = checked(tmp_path, DOUBLED, capsys)
    assert status == 0 and {outcome for outcome, _ in verdicts.values()} == {"pass"}, verdicts


@pytest.mark.parametrize(
    ("old", "new", "law", "why"),
    [
        ("elementwise=x.values", "macs=1", "MACs", "the operator says 4, torch 0"),
        ("return (x,)", "return (x.resized(c=1),)", "outputs", "outputs: the operator says"),
        ("* {self.times}", "* {self.times} + 1", "temporaries", "bytes alive during a forward pass in evaluation"),
        ("{{0}} * {self.times}", "{{0}}.roll(1, -1)", "reach", "position 0 along w is said to see 0 of input 0"),
        ("{{0}} * {self.times}", "{{0}}.exp()", "saved bytes", "saved bytes: the operator says 0"),
        (
            "{{0}} * {self.times}",
            "{{0}} + {self.times}",
            "gradient places",
            "torch ['whole']",
        ),
        ("{{0}} * {self.times}", "{{0}}.nosuch()", "outputs", "AttributeError"),
    ],
)
def test_an_operator_that_breaks_one(
    old: str, new: str, law: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in DOUBLED
    status, verdicts = checked(tmp_path, DOUBLED.replace(old, new), capsys)
    assert status == 1 and verdicts[law][0] == "fail" and why in verdicts[law][1], verdicts


def test_an_undeclared_answer_is_unknown_and_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DOUBLED.replace("    pointwise = True\n    runs = ELEMENTWISE\n", "").replace(SAVED, "")
    status, verdicts = checked(tmp_path, text, capsys)
    unknown = {law: why for law, (outcome, why) in verdicts.items() if outcome == "unknown"}
    assert status == 0 and unknown["reach"] == "`reach` is not declared"
    assert unknown["saved bytes"] == "`saved` is not declared"
    of_saved = {"saved bytes", "saved bytes by mode"}
    of_torch = {"view", "layouts", "temporaries", "gradient places", "backward in one call"}
    of_autocast = {"autocast", "saved bytes under autocast", "temporaries under autocast"}
    assert set(unknown) == {"reach"} | of_saved | of_torch | of_autocast


LIES = {
    "view": 'runs = replace(ELEMENTWISE, view=True, saved="nothing")',
    "storages": "def spare_values(self, x):\n        return (1,)",
    "layouts": 'runs = replace(ELEMENTWISE, layout="contiguous", saved="nothing")',
    "saved bytes": 'runs = replace(ELEMENTWISE, saved="output")',
    "temporaries": "def temporaries(self, x):\n        return ((x,), (x, x))",
    "gradient places": 'runs = replace(ELEMENTWISE, gradients="whole", saved="nothing")',
    "viewed gradients": "def viewed_gradients(self, x):\n        return (0,)",
    "autocast": 'runs = replace(ELEMENTWISE, autocast="lower", saved="nothing")',
    "weights": 'def weights(self, x):\n        return (Weight("gain", (1,)),)',
    "reach": "def reach(self, x):\n        return Reach({x.axes[-1]: Slide(3, 1, 1)} if len(x.axes) > 2 else {})",
}


@pytest.mark.parametrize(("law", "lie"), LIES.items())
def test_each_answer_that_is_wrong_is_named(
    law: str, lie: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = DOUBLED.replace("import ELEMENTWISE, Example", "import ELEMENTWISE, Reach, Slide, Weight, Example")
    told = told.replace("from archlang.ops.base", "from dataclasses import replace\nfrom archlang.ops.base", 1)
    status, verdicts = checked(tmp_path, f"{told}\n    {lie}\n".replace(SAVED, ""), capsys)
    what = "depends on" if law == "reach" else "torch"
    assert status == 1 and verdicts[law][0] == "fail" and what in verdicts[law][1], verdicts


def test_a_backward_pass_of_several_calls_is_not_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DOUBLED.replace("{{0}} * {self.times}", "(({{0}} * {self.times}) + 1) * {self.times}")
    temporaries = "def temporaries(self, x):\n        return ((x,), (x,))"
    _, verdicts = checked(tmp_path, f"{text}\n    {temporaries}\n", capsys)
    failing = {law for law, (outcome, _) in verdicts.items() if outcome == "fail"}
    assert failing == {"backward in one call"}, verdicts


def test_without_hypothesis_the_examples_are_varied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "find_spec", dict[str, object]().get)
    for word in ("conv", "softmax", "concat", "linear"):
        op = registry()[word]
        cases = draws.draws(op)
        assert 5 < len(cases) <= draws.MOST and cases == draws.draws(op)
        assert not set(cases) & set(examples(op)) and all(case.rejection() is None for case in cases)
    assert any(case.op.model_dump()["bias"] is False for case in varied(registry()["linear"]))


def test_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.py").write_text(DOUBLED.replace("elementwise=x.values", "macs=1"), encoding="utf-8")
    assert main(["ops", "--check", str(tmp_path / "own.py")]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("doubled: 2 examples and ") and "  pass     outputs" in rest
    assert any(line.startswith("  fail     MACs: Doubled(times=2.0) of 3x4x4") for line in rest)
    assert main(["ops", "--check", str(tmp_path / "nosuch.py")]) == 2
