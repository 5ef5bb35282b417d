"""Mistakes: a file for each, the messages that it gets, and no traceback for any text at all."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archlang.compiler import check
from archlang.diagnostics import as_json, render
from archlang.source import Source
from tests.clock import of_call
from tests.golden import assert_golden
from tests.specs import net_of, words_at, wrong

MISTAKES = Path(__file__).parents[1] / "mistakes"
FILES = sorted(path.name for path in MISTAKES.glob("*.arch"))


@pytest.mark.parametrize("name", FILES)
def test_message(name: str, monkeypatch: pytest.MonkeyPatch, rewrite_golden: bool) -> None:
    """One mistake gets one message; two get two. People read the expected text when it is written anew."""
    monkeypatch.chdir(MISTAKES)
    checked = check(name)
    assert len(checked.diagnostics) == (2 if name.startswith("two-mistakes") else 1)
    assert_golden(MISTAKES / f"{name[:-5]}.txt", "\n\n".join(checked.rendered()) + "\n", rewrite_golden)


def test_each_message_has_its_program() -> None:
    assert {path.stem for path in MISTAKES.glob("*.txt")} == {name[:-5] for name in FILES}


# ---- the words under the caret

CULPRITS = [
    ("conv 3x3 64 padd=1", "padd"),
    ("conv 3x3 64 pad=-1", "-1"),
    ("conv 3x3/0 64", "0"),
    ("conv 3x3/[1, 0] 64", "[1, 0]"),
    ("conv 99x99 64", "99x99"),
    ("conv 3x3 0", "0"),
    ("conv 3x3 64 groups=5", "5"),
    ("conv 3x3 (2 * (1 + wid))", "wid"),
    ("conv 3x3 (2 + it.chanels)", "chanels"),
    ("conv 3x3 [1, 2][2]", "2"),
    ("conv 3x3 (64 // (1 - 1))", "(1 - 1)"),
    ('conv 3x3 max("a", 1)', 'max("a", 1)'),
    ("relu -> tanhh -> relu", "tanhh"),
    ("relu 3", "3"),
    ("if 3 { relu }", "3"),
    ("for i in 7 { relu }", "7"),
    ('"a b": relu', '"a b"'),
    ("conv 3x3 4*64", "4*64"),
    ("conv 3x3 [1, 2][0]*2+1", "[1, 2][0]*2+1"),
    ("conv 3x3 64 pad=(1)*2", "(1)*2"),
    ("conv 3x3 64 pad=1*-2 bias=false", "1*-2"),
]


@pytest.mark.parametrize("line, culprit", CULPRITS)
def test_the_caret_is_under_the_mistake(line: str, culprit: str) -> None:
    text = net_of(line)
    (diagnostic,) = wrong(text)
    assert words_at(text, diagnostic) == culprit


def test_a_mistake_in_a_block_is_reported_once_for_all_calls_and_nets() -> None:
    block = "block pair(width) { conv 3x3 width -> conv 3x3 (width - 100) pad=same }\n"
    many = net_of("repeat 90 as i { pair (i + 1) }", "3x512x512", block)
    (diagnostic,) = wrong(many)
    assert diagnostic.code == "out-of-range"
    assert [label.text for label in diagnostic.labels] == [
        "`pair` is first called here with these arguments",
        "in the turn where i = 0",
    ]


def test_consequences_of_a_mistake_are_not_reported() -> None:
    body = "a: conv 3x3 64 padd=1\nrelu\n(a, it) -> add -> b: conv 99x99 3\n(a.channels, b) -> concat\nlinear a.width"
    (diagnostic,) = wrong(net_of(body))
    assert diagnostic.code == "unknown-argument"


# ---- limits: each reports one mistake, quickly

MANY = 10**5
LIMITS = {
    "a power": net_of("conv 1x1 (2**9999)"),
    "a range": net_of("for i in range(10**9) { relu }"),
    "a loop": net_of("repeat (10**9) { relu }"),
    "a loop of convolutions": net_of("repeat (10**9) { conv 3x3 8 pad=same }"),
    "a loop of nothing": net_of("repeat (10**9) { }"),
    "open brackets": net_of("conv 1x1 " + "(" * 40_000),
    "open square brackets": net_of("for i in " + "[" * 40_000),
    "brackets": net_of("conv 1x1 " + "(" * 20_000 + "1" + ")" * 20_000),
    "braces": net_of("{" * 20_000 + "relu" + "}" * 20_000),
    "open braces": net_of("{" * 40_000),
    "closing braces": net_of("}" * 40_000),
    "closing brackets": net_of(")" * 40_000),
    "signs": net_of("conv 1x1 (" + "- " * 40_000 + "1)"),
    "negations": net_of("if " + "not " * 40_000 + "true { relu }"),
    "a sum": net_of("conv 1x1 (" + " + ".join(["1"] * MANY) + ")"),
    "a shorter sum": net_of("conv 1x1 (" + " + ".join(["1"] * 28_000) + ")"),
    "a sum at the top": net_of("conv 1x1 a", before="let a = " + " + ".join(["1"] * 28_000)),
    "indexes": net_of("conv 1x1 a" + "[0]" * 18_000, before="let a = [1]"),
    "conditions": net_of("if false { relu } " + "else if false { relu } " * 8_000),
    "a function that doubles": net_of("conv 1x1 f(35)", before="let f(n) = 1 if n == 0 else f(n - 1) + f(n - 1)"),
    "lists that double": net_of(
        "conv 1x1 len(a40)", before="let a0 = [1, 2]\n" + "\n".join(f"let a{i + 1} = [a{i}, a{i}]" for i in range(40))
    ),
    "strings that double": net_of(
        '"{a40}": relu', before='let a0 = "ab"\n' + "\n".join(f'let a{i + 1} = "{{a{i}}}{{a{i}}}"' for i in range(40))
    ),
    "arguments that double": net_of(
        "b a40",
        before="block b(u) { relu }\nlet a0 = b(3)\n" + "\n".join(f"let a{i + 1} = b([a{i}, a{i}])" for i in range(40)),
    ),
    "blocks that double": net_of(
        "b39", before="block b0 { relu }\n" + "\n".join(f"block b{i + 1} {{ b{i} -> b{i} }}" for i in range(39))
    ),
    "a block that calls itself": net_of("b 0", before="block b(n) { relu -> b (n + 1) }"),
    "a block that calls itself twice": net_of("b 0 0", before="block b(n, m) { b (n + 1) m -> b n (m + 1) }"),
    "a block within braces that calls itself": net_of(
        "b 0", before="block b(n) { residual { { { { { b (n + 1) } } } } } }"
    ),
    "lets that lead to lets": net_of(
        "conv 1x1 a0", before="\n".join(f"let a{i} = a{i + 1}" for i in range(9000)) + "\nlet a9000 = 3"
    ),
    "a long name": net_of("x" * MANY),
    "a long label": net_of('"' + "x" * MANY + '": relu'),
    "a long string": net_of('"' + "x" * MANY),
    "a long number": net_of("conv 1x1 " + "9" * MANY),
    "a large number": net_of("conv 1x1 99999999999999999999"),
    "many arguments": net_of("conv " + "1 " * 50_000),
    "many holes": net_of('"' + "{image.width}" * MANY + '": relu'),
    "many characters": "\0" * 40_000,
    "nothing": "\n" * 40_000,
}


LONGEST = 100  # times a plain net of 2,000 steps


@cache
def seconds_of_a_plain_net() -> float:
    return min(of_call(lambda: wrong(net_of("relu\n" * 2_000)))() for _ in range(3))


@pytest.mark.parametrize("what", LIMITS)
def test_limit(what: str) -> None:
    """It is reported once, in a few lines, and in little time."""
    told: list[str] = []

    def tell() -> None:
        told.extend(render(one, {"spec.arch": Source("spec.arch", LIMITS[what])}) for one in wrong(LIMITS[what]))

    assert of_call(tell)() < LONGEST * seconds_of_a_plain_net()
    assert len(told) == 1
    assert len(told[0]) < 2000


# ---- any text at all


def tell(text: str) -> None:
    """Check that all mistakes of a text can be printed, in the terminal and as JSON, each at a place in the text."""
    source = Source("spec.arch", text)
    for diagnostic in wrong(text):
        json.dumps(as_json(diagnostic))
        assert render(diagnostic, {source.name: source}).startswith("error[")
        span = diagnostic.span
        assert 1 <= span.line <= len(source.lines())
        assert 1 <= span.column <= len(source.lines()[span.line - 1]) + 1
        assert (span.end_line, span.end_column) > (span.line, span.column)


@settings(max_examples=100)
@given(st.text())
def test_any_text_gets_messages(text: str) -> None:
    tell(text)
    tell(net_of(text))
