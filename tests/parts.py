"""The shipped specs and the fences of the pages, taken apart into what can be exchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Token, Tree

from archlang.parse.layout import lay_out
from archlang.parse.machine import lex
from archlang.parse.parser_table import load
from archlang.paths import GRAMMAR, SPECS, TABLE

DOCS = Path(__file__).parent.parent / "docs"
FENCES = re.MULTILINE | re.DOTALL
ATOMS = {"INT", "FLOAT", "WINDOW", "TRUE", "FALSE"}
LOOSE = {"binary", "unary", "conditional", "minus", "negative"}  # stand in parentheses wherever they are put
VALUES = {*LOOSE, "attribute", "index", "slice", "call", "several", "listed", "group", "string"}
ARGUMENTS = {"positional", "stride", "named"}
WHOLES = {"body", "bars", "branch", "parameter", "named_value", "open_size", "targets"}
PARTS = {"declaration": "declaration", "body": "line", "branch": "line", "chain": "step"}  # what a rule's children are


@dataclass(frozen=True)
class Part:
    """A part of a spec, which others of its role can replace; `before` or `after` tells where its `,` or `->` is."""

    role: str
    text: str
    start: int
    end: int
    before: int = 0
    after: int = 0
    joint: str = " "


@dataclass
class Spec:
    """A spec: its file, its text, its tokens and the parts of its trees."""

    file: str
    text: str
    tokens: list[Token]
    parts: list[Part] = field(default_factory=list[Part])


@cache
def corpus() -> tuple[Spec, ...]:
    """Return the shipped specs and the fences of the pages, taken apart."""
    specs = tuple(taken_apart(file, text) for file, text in _texts())
    assert all(spec.parts for spec in specs)
    return specs


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(SPECS.rglob("*.arch")):
        yield str(path.relative_to(SPECS)), path.read_text(encoding="utf-8")
    for path in sorted(DOCS.glob("*.md")):
        for at, fence in enumerate(re.findall(r"^```arch\n(.*?)^```$", path.read_text(encoding="utf-8"), FENCES)):
            yield f"{path.stem}-{at}.arch", fence


@cache
def pools() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the texts of all parts by their role, and of all tokens by their type."""
    by_role: dict[str, list[str]] = {}
    by_type: dict[str, list[str]] = {}
    for spec in corpus():
        for part in spec.parts:
            by_role.setdefault(part.role, []).append(part.text)
        for token in spec.tokens:
            by_type.setdefault(token.type, []).append(str(token))
    return by_role, by_type


@cache
def _parser() -> Any:
    return load(GRAMMAR, TABLE, None)


def taken_apart(file: str, text: str) -> Spec:
    """Return a spec's tokens, and the parts of its trees."""
    spec = Spec(file, text, list(lex(text)))
    for chunk in lay_out(file, lex, text).chunks:
        machine = _parser().parse_interactive(start="declaration")
        for token in chunk.tokens:
            machine.feed_token(token)
        spec.parts += _parts(machine.feed_token(Token("$END", "")), text)
    return spec


def _parts(tree: Tree[Token], text: str) -> Iterator[Part]:
    for node in cast(Any, tree).iter_subtrees_topdown():
        children = node.children
        for at, child in enumerate(children):
            role = _role(str(node.data), at, child)
            if role is not None:
                start, end = extent(child)
                yield Part(role, text[start:end], start, end, *_joints(children, at, role))
        if node.data == "declaration":
            start, end = extent(node)
            yield Part("declaration", text[start:end], start, end, joint="\n")


def _role(parent: str, at: int, child: Tree[Token] | Token) -> str | None:
    """Return what a child of a rule can be exchanged with; None where it is grammar rather than a part."""
    if isinstance(child, Token):
        if child.type in ATOMS:
            return "value"
        return "name" if child.type == "NAME" else None
    data = str(child.data)
    if data in WHOLES or parent == "declaration":
        return data if parent != "declaration" else None
    if data in ARGUMENTS:
        return "argument"
    if data in VALUES:
        return None if parent in ("labelled", "apply") and at == 0 else "value"
    return PARTS.get(parent)


def extent(node: Tree[Token] | Token) -> tuple[int, int]:
    """Return where a part begins and ends, in characters of the text."""
    if isinstance(node, Token):
        assert node.start_pos is not None and node.end_pos is not None
        return node.start_pos, node.end_pos
    return extent(node.children[0])[0], extent(node.children[-1])[1]


def _joints(children: list[Any], at: int, role: str) -> tuple[int, int, str]:
    """Return the places of the comma or arrow before and after a part (0 for none), and what parts it from others."""
    before, after = (children[i] if 0 <= i < len(children) else None for i in (at - 1, at + 1))
    links = [link for link in (before, after) if isinstance(link, Token) and link.type in ("COMMA", "ARROW")]
    joint = f" {links[0]} " if links else "\n" if role in ("line", "branch", "declaration") else " "
    start = before.start_pos if before in links and isinstance(before, Token) else 0
    return start or 0, (after.end_pos or 0) if after in links and isinstance(after, Token) else 0, joint
