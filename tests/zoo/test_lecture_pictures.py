"""The pictures of docs/lectures.md are what the specs on that page draw."""

from __future__ import annotations

from pathlib import Path

import pytest

import archlang
from tests.golden import assert_golden
from tests.house.test_docs import fences

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("spec", "name"), [("inception.arch", "inception"), ("residual.arch", "bottleneck")])
def test_a_picture_is_of_the_spec_beside_it(spec: str, name: str, tmp_path: Path, rewrite_golden: bool) -> None:
    page = DOCS / "lectures.md"
    (text,) = (fence.text for fence in fences(page) if fence.text.startswith(f"# {spec}\n"))
    (tmp_path / spec).write_text(text, encoding="utf-8")
    net = archlang.load(f"{tmp_path / spec}:{name}")
    written = net.render("svg").decode()
    assert_golden(DOCS / f"{name}.svg", written, rewrite_golden)
    assert f"{name}.svg" in page.read_text(encoding="utf-8") and len(written) < 60_000
