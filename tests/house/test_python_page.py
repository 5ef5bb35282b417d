"""docs/python.md: made from the docstrings of the public names, which all have one."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import archlang
from archlang.pages.python_face import RESULTS, python_page
from tests.golden import assert_golden

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_page_is_that_of_the_docstrings(rewrite_golden: bool) -> None:
    assert_golden(PAGE, python_page(), rewrite_golden)


def test_every_public_name_and_method_is_on_the_page() -> None:
    page = python_page()
    for name in archlang.__all__:
        assert f"\n## archlang.{name}\n" in page
    methods = [name for name in vars(archlang.Net) if not name.startswith("_") and callable(vars(archlang.Net)[name])]
    assert {"report", "why", "memory", "fit", "sizes", "diff", "render", "source", "module", "export", "verify"} == set(
        methods
    )
    for name in methods:
        assert f"\n### net.{name}\n" in page


@pytest.mark.parametrize("kind", [archlang.Net, *RESULTS], ids=lambda kind: kind.__name__)
def test_what_is_public_has_a_docstring(kind: type[Any]) -> None:
    for name, member in vars(kind).items():
        if not name.startswith("_") and (callable(member) or isinstance(member, property)):
            assert inspect.getdoc(member), f"{kind.__name__}.{name}"


class TestScreens:
    """What the prompt shows of a net and of each result fits a line or two, however large the net is."""

    NET = archlang.load("densenet201")

    @pytest.mark.parametrize("make", ["report", "why", "memory", "fit", "diff"])
    def test_result(self, make: str) -> None:
        arguments: dict[str, tuple[Any, ...]] = {"fit": ("2GiB",), "diff": (archlang.load("densenet121"),)}
        assert len(repr(getattr(self.NET, make)(*arguments.get(make, ())))) < 160

    def test_sizes(self) -> None:
        sizes = archlang.loads("net n { input x: [3, H=512, W=64]; conv 3x3/2 8 pad=1; output }").sizes()
        assert len(repr(sizes)) < 160
