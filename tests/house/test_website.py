"""The documentation site: which files become pages, which links are broken. `.ci/run` builds it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from website.links import broken, uncoloured
from website.pages import navigation, stage, to_shown

ROOT = Path(__file__).parents[2]


def test_every_page_is_in_the_navigation_once(tmp_path: Path) -> None:
    staged = stage(ROOT, tmp_path)
    sections = tomllib.loads(navigation(staged))["nav"]
    listed = [page for section in sections for pages in section.values() for entry in pages for page in entry.values()]
    assert sorted(listed) == [page for page in staged if not page.endswith((".py.md", ".cff.md"))]
    assert listed[0] == "README.md"


def test_a_new_page_has_its_place(tmp_path: Path) -> None:
    """A page without a place of its own is listed too, beside similar ones or at the end."""
    staged = stage(ROOT, tmp_path)
    sections = tomllib.loads(navigation([*staged, "docs/errors/new-code.md", "docs/new.md"]))["nav"]
    listed = {name: [page for entry in pages for page in entry.values()] for s in sections for name, pages in s.items()}
    assert "docs/errors/new-code.md" in listed["Errors"]
    assert "docs/new.md" in listed["Project"]


def test_specs_become_pages() -> None:
    text = "[a](../specs/vgg.arch), [b](x.md#one), [c](../archlang/ops/base.py#L3), [d](https://x.org/y.arch)"
    expected = "[a](../specs/vgg.arch.md), [b](x.md#one), [c](../archlang/ops/base.py.md#L3), [d](https://x.org/y.arch)"
    assert to_shown(text) == expected


HEAD = "<html><body><h1 id='top'>one</h1>"


@pytest.mark.parametrize(
    "element, problem",
    [
        ("<a href='two.html'>", ""),
        ("<a href='two.html#here'>", ""),
        ("<a href='folder/'>", ""),
        ("<a href='#top'>", ""),
        ("<a href='https://example.org/'>", ""),
        ("<img src='data:image/png;base64,AA=='>", ""),
        ("<link rel='canonical' href='https://example.org/'>", ""),
        ("<a href='three.html'>", "one.html: three.html: leads nowhere"),
        ("<a href='two.html#there'>", "one.html: two.html#there: the page has no such heading"),
        ("<img src='gone.svg'>", "one.html: gone.svg: leads nowhere"),
        ("<script src='https://example.org/x.js'>", "one.html: https://example.org/x.js: fetched from elsewhere"),
        ("<link rel='stylesheet' href='//example.org/x'>", "one.html: //example.org/x: fetched from elsewhere"),
    ],
)
def test_a_broken_link_is_found(element: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text(HEAD, encoding="utf-8")
    (tmp_path / "two.html").write_text("<p id='here'>", encoding="utf-8")
    (tmp_path / "one.html").write_text(HEAD + element, encoding="utf-8")
    assert broken(tmp_path) == ([problem] if problem else [])


def test_a_spec_without_colours_is_found(tmp_path: Path) -> None:
    """Where Pygments does not know the lexer, a fence of `arch` is shown as plain text."""
    pages, site = tmp_path / "pages", tmp_path / "site"
    for place in (pages, site):
        place.mkdir()
    (pages / "README.md").write_text("```arch\nnet\n```\n", encoding="utf-8")
    (pages / "other.md").write_text("words\n", encoding="utf-8")
    for name in ("index.html", "other.html"):
        (site / name).write_text("<div class='language-text highlight'>", encoding="utf-8")
    assert uncoloured(["README.md", "other.md"], pages, site) == ["README.md: its specs have no colours"]
    (site / "index.html").write_text("<div class='language-arch highlight'>", encoding="utf-8")
    assert uncoloured(["README.md", "other.md"], pages, site) == []
