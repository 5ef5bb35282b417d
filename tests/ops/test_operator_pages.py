"""docs/operators: made from the classes, complete, and written anew when an operator comes or changes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import torch

import archlang.pages
from archlang.compiler import check
from archlang.laws.calling import class_of
from archlang.ops import registry
from archlang.ops.base import Module, Operator
from archlang.pages import families
from archlang.pages.markdown import escaped
from archlang.pages.reasons import FUNCTIONS, MODULES
from archlang.pages.torch_names import Unexplained, operators_by_name, torch_page
from archlang.why.example_specs import example_spec
from archlang.why.examples import applied, arguments
from tests.golden import assert_golden

FOLDER = Path(__file__).parents[2] / "docs" / "operators"
WRITTEN = {"your-own.md"}  # by hand
APPLIED = [op for ops in families().values() for op in ops]


@cache
def pages() -> dict[str, str]:
    return archlang.pages.pages()


def torch_modules() -> list[str]:
    values = {name: getattr(torch.nn, name) for name in dir(torch.nn)}
    return [name for name, value in values.items() if isinstance(value, type) and issubclass(value, torch.nn.Module)]


def torch_functions() -> list[str]:
    values = {name: getattr(torch.nn.functional, name) for name in dir(torch.nn.functional)}
    public = {name: value for name, value in values.items() if not name.startswith("_")}
    return [name for name, value in public.items() if callable(value) and not isinstance(value, type)]


def page_of_torch() -> str:
    version = ".".join(torch.__version__.split(".")[:2])
    return torch_page(version, torch_modules(), torch_functions())


def test_the_pages_are_those_of_the_operators(rewrite_golden: bool) -> None:
    made = {**pages(), "torch.md": page_of_torch()}
    for name, text in made.items():
        assert_golden(FOLDER / name, text, rewrite_golden)
    for path in FOLDER.glob("*.md"):
        if rewrite_golden and path.name not in {*made, *WRITTEN}:
            path.unlink()
    assert {path.name for path in FOLDER.iterdir()} == {*made, *WRITTEN}


def test_every_operator_has_its_part() -> None:
    assert {op.word for op in APPLIED} == {op.word for op in registry().values() if not op.declared}
    index = pages()["README.md"]
    for family, ops in families().items():
        page = pages()[f"{family}.md"]
        assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == [op.word for op in ops]
        assert page.count("```arch\n") == len(ops)
        assert all(f"({family}.md#{op.word})" in index for op in ops)


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_an_operators_part_says_what_its_class_does(op: type[Operator]) -> None:
    page = pages()[f"{op.__module__.rpartition('.')[2]}.md"]
    part = re.split(r"^## ", page.partition(f"\n## {op.word}\n")[2], flags=re.MULTILINE)[0]
    assert all(re.search(rf"^\| `{argument.name}` \| `", part, re.MULTILINE) for argument in arguments(op))
    assert all(f"`{name}`" in part for name in op.elsewhere)
    for example in op.examples:
        outputs = ", ".join(map(str, applied(example).output_types))
        assert f"| `{example.step}` | {example.inputs} | {outputs} | ".replace("`|", "`\\|") in part


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_the_call_of_pytorch_has_the_operators_weights(op: type[Operator]) -> None:
    part = pages()[f"{op.__module__.rpartition('.')[2]}.md"].partition(f"\n## {op.word}\n")[2]
    for example in op.examples:
        layer = applied(example)
        call = layer.op.torch(*layer.input_types)
        start = f"| `{example.step}` | {example.inputs} | ".replace("`|", "`\\|")
        row = next(line for line in part.splitlines() if line.startswith(start))
        code = row.removesuffix("` |").rpartition("`")[2]
        if isinstance(call, Module):
            carried = {call.target: class_of(call.source, call.target)} if call.source else {}
            made = eval(code, {"nn": torch.nn, **carried})  # noqa: S307  the page's own text
            shapes = {name: tuple(value.shape) for name, value in made.state_dict().items()}
            assert shapes == {weight.name: weight.shape for weight in layer.op.weights(*layer.input_types)}


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_the_example_net_has_the_example(op: type[Operator], tmp_path: Path) -> None:
    """The other examples too, so that the rule holds for one that moves to the front."""
    for example in op.examples:
        (tmp_path / "example.arch").write_text(example_spec(example))
        checked = check(str(tmp_path / "example.arch"))
        assert not checked.diagnostics, checked.rendered()
        layer, wanted = list(checked.graphs[0].flat())[-1], applied(example)
        assert (layer.op, layer.input_types) == (wanted.op, wanted.input_types)


# ---- torch's names


def test_torch_names_are_found() -> None:
    assert {"Conv2d", "LSTM", "CrossEntropyLoss", "Sequential"} <= {*torch_modules()}
    assert {"conv2d", "interpolate", "relu_", "pad"} <= {*torch_functions()}
    found = {name: [op.word for op in ops] for name, ops in operators_by_name().items()}
    assert (found["conv#d"], found["batchnorm#d"], found["pad"]) == (["conv"], ["batchnorm"], ["pad"])
    assert "`BCELoss` | a loss" in page_of_torch()
    assert "| `Conv3d` | [`conv`](convolution.md#conv) |" in page_of_torch()


def test_a_name_without_a_word_or_a_reason_is_refused() -> None:
    with pytest.raises(Unexplained, match=r"no reason for \['BrandNew'\]; stale reasons for \[\]"):
        torch_page("9", [*torch_modules(), "BrandNew"], torch_functions())


def test_a_stale_reason_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "Conv2d", "not built yet")
    monkeypatch.setitem(MODULES, "Gone", "a loss")
    with pytest.raises(Unexplained, match=r"stale reasons for \['Conv2d', 'Gone'\]"):
        page_of_torch()


def test_reasons_are_of_torchs_names() -> None:
    assert {*MODULES} <= {*torch_modules()} and {*FUNCTIONS} <= {*torch_functions()}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a*b and `c*d`", r"a\*b and `c*d`"),
        ("`a_b` x_y", r"`a_b` x\_y"),
        ("plain", "plain"),
        ("1 < 2 | `a|b`", r"1 \< 2 \| `a\|b`"),
        ("", ""),
    ],
)
def test_signs_that_mean_something_to_markdown(text: str, written: str) -> None:
    assert escaped(text) == written
