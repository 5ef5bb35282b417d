"""Colours: one list of words with the parser's, no spec without its colours, no text that stops the lexer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String

from archlang.highlight.lexer import ArchLexer
from archlang.highlight.textmate import textmate
from archlang.highlight.words import words
from archlang.parse.layout import KEYWORDS
from archlang.parse.parser_table import load
from archlang.paths import GRAMMAR, SPECS, TABLE
from tests.golden import assert_golden

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]  # the pages of docs/errors hold mistakes


def tokens(text: str) -> list[tuple[str, object]]:
    """Return the words of a text and their colours, white space aside; nothing of the text may be lost."""
    found = list(ArchLexer().get_tokens_unprocessed(text))
    assert "".join(word for _, _, word in found) == text
    return [(word, kind) for _, kind, word in found if word.strip()]


# ---- one list of words


def test_the_words_are_those_of_the_parser() -> None:
    parser: Any = load(GRAMMAR, TABLE, None)
    literal = {str(terminal.pattern.value) for terminal in parser.terminals}
    assert {*words().all()} == {word for word in literal if re.fullmatch("[a-z]+", word)}
    assert {word.upper() for word in words().all()} == KEYWORDS


def test_each_word_has_one_colour() -> None:
    assert len(words().all()) == len({*words().all()}) > 25
    assert {"net", "block", "train"} == {*words().top}
    assert {"for", "if", "else", "repeat", "residual", "shortcut", "dense"} <= {*words().control}


def test_textmate_is_made_from_the_words(rewrite_golden: bool) -> None:
    assert_golden(ROOT / "docs" / "editors" / "archlang.tmLanguage.json", textmate(), rewrite_golden)
    assert all(re.search(rf"[|:(]{word}[|)]", textmate()) for word in words().all())


def test_textmate_names_only_rules_that_it_has() -> None:
    grammar = json.loads(textmate())
    included = set(re.findall(r'"#([a-z]+)"', textmate()))
    assert included == {*grammar["repository"]}
    for pattern in patterns(grammar):
        re.compile(pattern)


def patterns(rule: object) -> Iterator[str]:
    """Yield every pattern of a TextMate grammar."""
    if isinstance(rule, dict):
        for key, value in rule.items():
            if key in ("match", "begin", "end"):
                yield str(value)
            yield from patterns(value)
    elif isinstance(rule, list):
        for value in rule:
            yield from patterns(value)


# ---- colours

COLOURED: list[tuple[str, str, object]] = [
    ("net lenet5(classes=10) {", "net", Keyword.Declaration),
    ("net lenet5(classes=10) {", "lenet5", Name.Class),
    ("net lenet5(classes=10) {", "classes", Name.Attribute),
    ("net a = resnet unit=basic", "resnet", Name.Class),
    ("conv 3x3/2 64 pad=1", "conv", Name.Function),
    ("conv 3x3/2 64 pad=1", "3x3/2", Number),
    ("conv 3x3/2 64 pad=1", "64", Number.Integer),
    ("conv 3x3/2 64 pad=1", "pad", Name.Attribute),
    ("relu -> an_operator_of_tomorrow 3", "an_operator_of_tomorrow", Name.Function),
    ("relu -> tanh", "->", Operator),
    ("relu; tanh", "tanh", Name.Function),
    ("concat { | relu | tanh }", "tanh", Name.Function),
    ("conv1: conv 3x3 8", "conv1", Name.Label),
    ("conv1: conv 3x3 8", "conv", Name.Function),
    ("repeat: relu", "repeat", Name.Label),
    ("repeat 3 as i {", "as", Keyword),
    ("mode: resize mode=dense", "dense", Name),
    ("expect repeat.params == 3", "repeat", Name),
    ("expect params ~ 4.1G", "4.1G", Number),
    ("maps[1] -> relu", "maps", Name),
    ("linear (it.channels // 2)", "it", Name.Builtin.Pseudo),
    ("linear (it.channels // 2)", "channels", Name.Property),
    ("linear (max(\n  a, b))", "a", Name),
    ('"layer{i + 1}": relu', "layer", String.Label),
    ('"layer{i + 1}": relu', "{", String.Interpol),
    ('"layer{i + 1}": relu', "1", Number.Integer),
    ('"layer{i + 1}": relu', "relu", Name.Function),
    ('rearrange "n {{ c"', "{{", String.Escape),
    ("output aux when training", "training", Keyword),
    ('use "a.arch": bottleneck', "bottleneck", Name),
    ("x: inline trunk 64", "trunk", Name.Function),
    ("let a = not true", "not", Operator.Word),
    ("let a = not true", "true", Keyword.Constant),
    ("dropout 5e-4 # half", "5e-4", Number.Float),
    ("dropout 5e-4 # half", "# half", Comment.Single),
    ("(a, b) -> concat", "(", Punctuation),
]


@pytest.mark.parametrize("line, word, colour", COLOURED)
def test_colour(line: str, word: str, colour: object) -> None:
    assert [kind for found, kind in tokens(line) if found == word] == [colour]


def test_specs_and_fences_have_no_error() -> None:
    texts = {str(path): path.read_text(encoding="utf-8") for path in sorted(SPECS.rglob("*.arch"))}
    for page in PAGES:
        fences = re.findall(r"^```arch\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        texts |= {f"{page.name} {number}": fence for number, fence in enumerate(fences)}
    assert len(texts) > 10
    for name, text in texts.items():
        assert [word for word, kind in tokens(text) if kind is Error] == [], name


# ---- invalid text


@pytest.mark.parametrize(
    "line",
    ['conv "never closed', "conv (4*width", "conv [[1", '"{a', '"{"}": ', "3xHxW", "}}}", "×", 'a: "{{i}"', "{{{"],
)
def test_a_line_that_is_wrong_spoils_only_itself(line: str) -> None:
    after = "}\nnet next {\n  label: relu 3\n}\n"
    found = tokens(f"net wrong {{\n  {line}\n{after}")
    tail = [kind for word, kind in found if word in ("next", "label", "relu")]
    assert tail == [Name.Class, Name.Label, Name.Function]


@given(st.text(alphabet='netblockif \n\t{}()[]|;:,.="#0123x/->~é'))
def test_any_text_is_lexed(text: str) -> None:
    tokens(text)


# ---- as it is installed


def test_pygments_finds_it() -> None:
    assert isinstance(get_lexer_by_name("arch"), ArchLexer)
    assert isinstance(get_lexer_for_filename("lenet.arch"), ArchLexer)


def test_pygmentize() -> None:
    command = [sys.executable, "-m", "pygments", "-l", "arch", "-f", "html", str(SPECS / "lenet.arch")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert '<span class="nf">conv</span>' in printed
    assert 'class="err"' not in printed


def test_static_commands_do_without_pygments() -> None:
    code = (
        "import sys; from archlang.cli import main; "
        "assert main(['check', 'lenet5']) == main(['report', 'lenet5']) == 0; sys.exit('pygments' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
