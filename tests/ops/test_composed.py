"""Operators that are composed of others: their answers follow from their parts, and keep the laws."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archlang
from archlang.cli import main
from archlang.facts.memory import Setup, memory
from archlang.laws.cases import examples
from archlang.ops import registered, registry
from archlang.ops.activation import Relu, Tanh
from archlang.ops.answers import Autocast, Expression, Reach, Slide
from archlang.ops.base import Saved, Work
from archlang.ops.composed import Composed, Part
from archlang.ops.layouts import Laid, contiguous
from archlang.ops.linear import Linear
from archlang.ops.linear_units import Gelu
from archlang.ops.norm_pooling import LpPool
from archlang.shapes import input_type
from tests.allocator import images, inference, training

SQUAREPLUS = '''"""Squareplus."""

from archlang.ops.base import Example
from archlang.ops.formula import Formula


class Squareplus(Formula):
    """Half the sum of x and the root of x*x + 4 (Barron 2021, arXiv:2112.11687). No weights, no MACs."""

    word = "squareplus"
    examples = (Example("squareplus", "3x4x4"), Example("squareplus", "7"))
    formula = "0.5 * (x + (x ** 2 + 4).sqrt())"
'''
MORE = '''"""Formulas of fields, of several inputs, of divisions; and a unit of layers."""

from archlang.ops.base import Example, Size
from archlang.ops.composed import Composed, Part
from archlang.ops.convolution import Conv
from archlang.ops.formula import Formula
from archlang.ops.linear import Linear
from archlang.ops.linear_units import Gelu
from archlang.ops.rectifiers import Mish


class Swish(Formula):
    """x*sigmoid(beta*x). No weights, no MACs."""

    word = "swish"
    positional = {"beta": "number"}
    examples = (Example("swish 1.5", "3x4x4"), Example("swish", "7"))
    formula = "x * (beta * x).sigmoid()"

    beta: float = 1.0


class Blend(Formula):
    """1/(1 + |x|) - x/3. No weights, no MACs."""

    word = "blend"
    examples = (Example("blend", "3x4x4"), Example("blend", "7"))
    formula = "1 / (1 + x.abs()) - x / 3"


class Mlp(Composed):
    """A linear layer, gelu, and a linear layer back to the width of the input.

        params = c*width + width + width*c + c
    """

    word = "mlp"
    positional = {"width": "number"}
    examples = (Example("mlp 12", "6x8 n t c"), Example("mlp 5", "7"))

    width: Size

    def parts(self, x):
        return (Part(Linear(out=self.width), (0,), "up"), Part(Gelu(), (1,)), Part(Linear(out=x["c"]), (2,), "down"))


class TwoConvs(Composed):
    """Two convolutions with mish between them."""

    word = "two_convs"
    examples = (Example("two_convs 4", "3x9x8"),)
    positional = {"width": "number"}

    width: Size

    def parts(self, x):
        first, second = Conv(kernel=(3, 3), out=self.width, stride=2), Conv(kernel=(3, 3), out=2, pad=1)
        return (Part(first, (0,), "a"), Part(Mish(), (1,)), Part(second, (2,), "b"))
'''
SPEC = """net n {
  input tokens: [8, 6]
  permute "n t c" -> unit: mlp 12 -> linear 3
  output
}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "squareplus.py").write_text(SQUAREPLUS, encoding="utf-8")
    (tmp_path / "more.py").write_text(MORE, encoding="utf-8")
    (tmp_path / "n.arch").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_squareplus_is_complete_in_twelve_lines() -> None:
    assert len(SQUAREPLUS.splitlines()) <= 12


@pytest.mark.parametrize("file", ["squareplus.py", "more.py"])
def test_they_keep_the_laws(file: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--check", str(own / file), "--format", "json"]) == 0
    for read in json.loads(capsys.readouterr().out):
        verdicts = {one["law"]: one["outcome"] for one in read["verdicts"]}
        unknown = {law for law in verdicts if verdicts[law] == "unknown"}
        # for several layers, only the dtype of the result is known
        several = (
            {"saved bytes under autocast", "temporaries under autocast"}
            if read["word"] in ("mlp", "two_convs")
            else set()
        )
        assert unknown == several
        assert {verdicts[law] for law in verdicts.keys() - unknown} == {"pass"}, (read["word"], read["verdicts"])


def test_the_answers_follow_from_the_parts(own: Path) -> None:
    with registered([own / "squareplus.py", own / "more.py"]):
        x = input_type((3, 9, 8))
        squareplus = registry()["squareplus"]()
        assert squareplus.work(x) == Work(activated=2 * x.values, elementwise=3 * x.values)
        kept = [(one.what, one.shape, one.when) for one in squareplus.saved(x) or ()]
        assert kept == [("input", (), "inputs"), ("own", x.shape, "inputs")]
        assert squareplus.reach(x) == Reach() and squareplus.gradient_places(x) == ("new",)
        assert squareplus.torch(x) == Expression("0.5 * ({0} + ({0} ** 2 + 4).sqrt())")
        convs = registry()["two_convs"].model_validate({"width": 4})
        assert convs.reach(x) == Reach({"h": Slide(7, 2, 2), "w": Slide(7, 2, 2)})
        assert {weight.name for weight in convs.weights(x)} == {"a.weight", "a.bias", "b.weight", "b.bias"}
        tokens = Laid((2, 6, 8), ("n", "t", "c"), "float32", contiguous((2, 6, 8)))
        mlp = registry()["mlp"].model_validate({"width": 12})
        hidden = Saved("own", shape=(2, 6, 12), when="any", name="up")
        assert {hidden, Saved("input", when="weights")} <= set(mlp.saved(tokens) or ())


IN_PARTS = ("lppool", "normalize", "scaled_tanh", "softmin", "softsign", "tanhshrink")


@pytest.mark.parametrize("word", IN_PARTS)
def test_temporaries_of_several_calls_follow_from_the_parts(word: str) -> None:
    for case in examples(registry()[word]):
        assert case.op.temporaries(*case.types)
        assert case.op.temporaries_beside_saved(*case.types) is not None


def test_a_value_that_a_variable_holds_is_alive_to_the_end() -> None:
    """torch's function keeps the means beside their signs and their rectified values."""
    x = input_type((2, 8))
    y = x.resized(t=4)
    temporaries = LpPool(kernel=(2,)).temporaries(x)
    assert temporaries is not None and temporaries[4] == (y, y, y, y)


def test_memory_is_exact_in_both_passes(own: Path) -> None:
    with registered([own / "more.py"]):
        net = archlang.load(str(own / "n.arch"))
        module, given = net.module(seed=0), images(net.graph, 5)
        found = memory(net.graph, Setup(5, mode="inference"))
        assert not found.untold
        assert abs(found.peak_bytes - inference(module, given).peak_bytes) <= 16
        found = memory(net.graph, Setup(5))
        assert not found.untold
        assert abs(found.peak_bytes - training(net.graph, module, given, "momentum").peak_bytes) <= 16


def test_autocast_follows_from_the_parts(own: Path) -> None:
    class Given(Composed):
        """The hyperbolic tangent of what is above 0."""

        def parts(self, *inputs: object, **_: object) -> tuple[Part, ...]:
            return (Part(Relu(), (0,)), Part(Tanh(), (1,)))

    class LinearGelu(Composed):
        """A linear layer, and gelu."""

        def parts(self, *inputs: object, **_: object) -> tuple[Part, ...]:
            return (Part(Linear(out=4), (0,), "up"), Part(Gelu(), (1,)))

    with registered([own / "more.py"]):
        assert Given().autocast(input_type((3, 4))) == Autocast("given")
        assert LinearGelu().autocast(input_type((3,))) == Autocast("lower", (("up.weight", "inputs"),))
        # the copies of the second layer's weights are allocated after the first has run
        mlp = registry()["mlp"].model_validate({"width": 4})
        assert mlp.autocast(input_type((3,))) == Autocast("lower", known="result")


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("x.nosuch()", "the formula of an operator has no `x.nosuch()`"),
        ("x @ x", "the formula of an operator has no `x @ x`"),
        ("2 ** x", "the exponent in the formula of an operator is a number"),
        ("x + other", "the formula of an operator has no `other`"),
    ],
)
def test_an_invalid_formula_is_reported(formula: str, told: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SQUAREPLUS.replace("0.5 * (x + (x ** 2 + 4).sqrt())", formula)
    (own / "squareplus.py").write_text(text, encoding="utf-8")
    assert main(["ops", "--check", str(own / "squareplus.py")]) == 1
    assert told in capsys.readouterr().out
