"""Arithmetic with values of the net is refused, and the step that is proposed instead computes it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import archlang
from tests.specs import net_of, wrong

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def proposed(body: str) -> str:
    """Return the step that the help proposes."""
    (found,) = wrong(net_of(body))
    step = re.search("`(.+)`", found.help or "")
    assert found.code == "wrong-kind" and step is not None, found
    return step[1]


def result(line: str) -> torch.Tensor:
    before = "tanh -> y: it\n" if re.search(r"\by\b|\bit\b", line) else ""
    module = archlang.loads(net_of(before + line)).module()
    output: torch.Tensor = module(image())
    return output


def image() -> torch.Tensor:
    """Small whole numbers, some of which are 3."""
    return torch.arange(3 * 32 * 32, dtype=torch.float32).reshape(1, 3, 32, 32) % 7 + 1


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if sign != "**"])
def test_two_values(sign: str) -> None:
    assert torch.equal(result(proposed(f"tanh -> y: it\n(y {sign} image)")), SIGNS[sign](image().tanh(), image()))


@pytest.mark.parametrize("sign", SIGNS)
def test_a_value_and_a_number(sign: str) -> None:
    line = proposed(f"tanh -> y: it\n(image {sign} 3)")
    torch.testing.assert_close(result(line), SIGNS[sign](image(), 3))


@pytest.mark.parametrize("sign", ["+", "-", "*", "<", "<=", ">", ">=", "==", "!="])
def test_a_number_and_a_value(sign: str) -> None:
    torch.testing.assert_close(result(proposed(f"tanh -> y: it\n(3 {sign} image)")), SIGNS[sign](3, image()))


@pytest.mark.parametrize("line", ["image // 3", "image % y", "3 / image", "2 ** image"])
def test_without_an_operator_nothing_is_proposed(line: str) -> None:
    (found,) = wrong(net_of(f"tanh -> y: it\n({line})"))
    assert found.code == "wrong-kind" and found.help is None


def test_of_one_value() -> None:
    assert torch.equal(result(proposed("tanh -> y: it\n(-image)")), -image())


EXPECTED: list[tuple[str, Callable[[Tensor], Tensor]]] = [
    ("y + image", lambda x: x.tanh() + x),
    ("y + image + it", lambda x: x.tanh() + x + x.tanh()),
    ("y * image", lambda x: x.tanh() * x),
    ("abs - it", lambda x: x.tanh().abs() - x.tanh()),
    ("z: y - image", lambda x: x.tanh() - x),
    ("avgpool 3x3/1 pad=1 - it", lambda x: torch.nn.functional.avg_pool2d(x.tanh(), 3, 1, 1) - x.tanh()),
]


@pytest.mark.parametrize("line, expected", EXPECTED)
def test_a_step_of_arithmetic(line: str, expected: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert torch.equal(result(proposed(f"tanh -> y: it\n{line}")), expected(image()))


@pytest.mark.parametrize(
    "line, words", [("y * 3", "`scale 2`"), ("y - image - it", "`sub`"), ("y + image * it", "`mul`")]
)
def test_a_step_of_several_operators_names_them(line: str, words: str) -> None:
    (found,) = wrong(net_of(f"tanh -> y: it\n{line}"))
    assert found.code == "wrong-kind" and words in (found.help or "")


def test_a_parameter_of_one_axis_is_set_against_the_channels() -> None:
    (found,) = wrong(net_of("param gamma: [3] init=[1, 2, 3]\nmul { | it | gamma }"))
    assert found.code == "unequal-shapes" and found.help is not None
    view = re.findall("`(.+?)`", found.help)[0]
    module = archlang.loads(net_of(f"param gamma: [3] init=[1, 2, 3]\nmul {{ | it | (gamma) -> {view} }}")).module()
    assert torch.equal(module(image()), image() * torch.tensor([1.0, 2, 3])[:, None, None])


def test_a_parameter_that_fits_no_axis_or_two_gets_no_proposal() -> None:
    for size, shape in ((5, "3x32x32"), (6, "6x6x32")):
        (found,) = wrong(net_of(f"param gamma: [{size}] init=ones\nmul {{ | it | gamma }}", shape))
        assert found.code == "unequal-shapes" and found.help is None
