"""What notebooks show: small, escaped HTML with the figures of the commands."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
import sys
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

import archlang
from archlang.cards import Shown, card, table_html

NET = archlang.load("resnet50")
CARDS: dict[str, Any] = {
    "net": NET,
    "report": NET.report(batch=2),
    "memory": NET.memory(batch=8),
    "inference": NET.memory(mode="inference"),
    "diff": archlang.load("resnet18").diff(archlang.load("resnet34")),
    "no difference": NET.diff(NET),
    "unknown": archlang.loads("net n { input x: 3x8x8; relu; output }").report(),
}


def words(html: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html))


class Balance(HTMLParser):
    """Counts the elements that are open at the end, and collects all attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [tag] if tag != "img" else []
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_small_and_balanced(name: str) -> None:
    html = CARDS[name]._repr_html_()
    balance = Balance(html)
    assert balance.open == [] and len(html) < 60_000
    assert not balance.tags & {"script", "link", "iframe", "a"} and "id" not in balance.attributes
    assert "http" not in html and "url(" not in html
    assert re.findall('src="(.{26})', html) == (["data:image/svg+xml;base64,"] if name == "net" else [])


@pytest.mark.parametrize("name", CARDS)
def test_the_bundle_has_text_and_html(name: str) -> None:
    shown = CARDS[name]
    assert shown._repr_mimebundle_() == {"text/plain": repr(shown), "text/html": shown._repr_html_()}
    assert set(shown._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(shown._repr_mimebundle_(exclude={"text/plain"})) == {"text/html"}


def test_the_figures_are_those_of_the_objects() -> None:
    told = words(CARDS["net"]._repr_html_())
    assert "25,557,032 parameters, 4,089,184,256 MACs" in told and "image 3x224x224 → output 1000" in told
    assert "layer4" in told and "14,964,736" in told
    memory = NET.memory(batch=8)
    assert "896.77 MiB" in words(memory._repr_html_()) and repr(memory).count("896.77 MiB") == 1
    assert "+10,108,160" in words(CARDS["diff"]._repr_html_())
    assert "no difference" in words(CARDS["no difference"]._repr_html_())
    assert "8,178,368,512" in words(CARDS["report"]._repr_html_())


def test_the_figure_is_that_of_render_and_needs_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    (data,) = re.findall('base64,([^"]+)"', CARDS["net"]._repr_html_())
    assert b64decode(data) == NET.render("svg")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setitem(sys.modules, "fontpkg_open_sans", None)
    without = CARDS["net"]._repr_html_()
    assert "<img" not in without and "14,964,736" in without


def test_names_are_escaped() -> None:
    html = card("<b>&", ["<i>"], table_html(("<a>", "n"), [("<script>", 1000)], numbers=1))
    assert not re.search("<(b|i|a|script)>", html)
    assert "&lt;script&gt;" in html and "1,000" in html


def test_a_larger_net_has_no_larger_card() -> None:
    nets = [archlang.load("resnet_cifar:" + name) for name in ("resnet20", "resnet1202")]
    small, large = (list[Any]([net, net.report(), net.memory()]) for net in nets)
    for one, other in zip(small, large, strict=True):
        assert len(other._repr_html_()) < 2.5 * len(one._repr_html_())


def test_a_card_is_asked_for() -> None:
    bare: Any = Shown()
    with pytest.raises(NotImplementedError):
        bare._repr_html_()
