"""TikZ: a document whose braces balance, with the boxes, lines and words of the SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from archlang import Net, load
from archlang.render import Look
from archlang.render.pictures import picture

SVG = "{http://www.w3.org/2000/svg}"
# what LaTeX shows for each command that stands for a letter
LETTERS = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">",
    "textbar": "|", "textquotedbl": '"', "textquotesingle": "'", "texttimes": "×",
    "textperiodcentered": "·", "textendash": "–", "textellipsis": "…",
}  # fmt: skip
STATEMENT = re.compile(r"\\(draw|fill|node)\[.*\] .*;")


def document(net: Net, look: Look | None = None) -> str:
    return net.render("tex", look).decode()


def shown(words: str) -> str:
    """Return what LaTeX shows of the text of a node."""
    words = words.replace(r"\ensuremath{\rightarrow}", "→").replace(r"\ensuremath{-}", "−").replace(r"\`{}", "`")
    words = re.sub(r"\\(text[a-z]+)\{\}", lambda found: LETTERS[found[1]], words)
    return re.sub(r"\\([{}$&#%_])|\{(-)\}", lambda found: found[1] or found[2], words)


def texts(document: str) -> list[str]:
    return [shown(found) for found in re.findall(r"^\\node\[.*?\}\] at \([^)]*\) \{(.*)\};$", document, re.MULTILINE)]


def balanced(text: str) -> bool:
    depth = 0
    for sign in re.sub(r"\\[{}]", "", text):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "densenet121", "wavenet"])
def test_the_document_shows_what_the_svg_shows(name: str) -> None:
    net = load(name)
    text, root = document(net), ElementTree.fromstring(net.render("svg", Look(theme="light")))  # noqa: S314  (our own)
    assert sorted(texts(text)) == sorted(one.text or "" for one in root.iter(f"{SVG}text"))
    boxes = re.findall(r"^\\draw\[fill=.*?\] \(.*?\) rectangle ", text, re.MULTILINE)
    assert len(boxes) == len([*root.iter(f"{SVG}rect")]) - 1  # without the page
    assert len(re.findall(r"^\\draw\[draw=", text, re.MULTILINE)) == len([*root.iter(f"{SVG}path")])
    assert len(re.findall(r"-- cycle;$", text, re.MULTILINE)) == len([*root.iter(f"{SVG}polygon")])


def test_the_document_is_whole() -> None:
    text = document(load("resnet50"))
    assert text.startswith("% made by archlang\n") and balanced(text)
    assert "\\documentclass[border=0pt]{standalone}" in text
    inside = text.partition("\\begin{tikzpicture}")[2].partition("\\end{tikzpicture}")[0].splitlines()[1:]
    assert all(STATEMENT.fullmatch(line) for line in inside if line and not line.startswith("% "))
    defined = re.findall(r"\\definecolor\{(.*?)\}\{HTML\}\{[0-9A-F]{6}\}", text)
    used = re.findall(r"(?:fill|draw|text)=([a-z0-9-]+)|\\fill\[([a-z0-9-]+)\]", text)
    assert {one or other for one, other in used} == set(defined)


def test_letters_that_latex_reads_are_shown_as_they_are() -> None:
    title = r"""a_b 100% & {#1} ~^ \input $x$ <|> "quoted" 'it' `-- é … − → ×"""
    text = picture(load("lenet5").graph, "tex", title).decode()
    assert title in texts(text) and balanced(text)


def test_a_line_end_in_a_name_ends_no_comment() -> None:
    text = picture(load("lenet5").graph, "tex", "one\n\\input{two}").decode()
    assert "\n\\input" not in text and balanced(text)


def test_the_dark_theme_has_other_colours() -> None:
    net = load("lenet5")
    light, dark = document(net), document(net, Look(theme="dark"))
    assert "\\definecolor{page}{HTML}{FFFFFF}" in light and "\\definecolor{page}{HTML}{12171C}" in dark
