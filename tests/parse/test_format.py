"""One layout for each program: formatting it again changes nothing, and it changes no meaning."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlang.cli import main
from archlang.elaborate import elaborate, nets
from archlang.format import formatted
from archlang.format.page import WIDTH
from archlang.library import Found, read
from archlang.parse import parse
from archlang.parse.layout import lay_out
from archlang.paths import SPECS
from archlang.source import Source, Span
from archlang.uses import Folder
from tests.cases import more
from tests.clock import of_call, ratio
from tests.derivations import each_rule, lexer, random_words, text_of

SHIPPED = sorted(SPECS.rglob("*.arch"))
MISTAKES = sorted((Path(__file__).parents[1] / "mistakes").glob("*.arch"))
EVERY_RULE = list(each_rule())


def laid(text: str) -> str:
    """Return the layout of a text, which must parse."""
    result, diagnostics = formatted(Source("spec.arch", text))
    assert result is not None, diagnostics
    return result


def bones(node: object) -> object:
    """Return a tree or Graph without the places in the text."""
    if isinstance(node, Span):
        return None
    if is_dataclass(node):
        return type(node).__name__, [bones(getattr(node, field.name)) for field in fields(node)]
    if isinstance(node, tuple | list):
        return [bones(item) for item in node]
    return type(node).__name__, node


def tree(text: str) -> object:
    return bones(parse(Source("spec.arch", text))[0].declarations)


def comments(text: str) -> list[str]:
    found = lay_out("spec.arch", lexer().lex, text).comments
    return [comment.rstrip().replace("\t", "  ") for _, comment in found]


def holds(text: str) -> str:
    """Return the layout of a text, after checking all of its rules."""
    result = laid(text)
    assert tree(result) == tree(text)
    assert sorted(comments(result)) == sorted(comments(text))
    assert laid(result) == result
    rows = result.split("\n")
    assert rows[-1] == "" and rows[-2] != "" and rows[0] != ""
    assert all(row == row.rstrip() for row in rows) and "\n\n\n" not in result
    return result


# ---- the layout, by example


def in_net(lines: str) -> str:
    return "net n {\n" + "".join(f"  {line}\n" if line else "\n" for line in lines.split("\n")) + "}\n"


@pytest.mark.parametrize(
    "written, layout",
    [
        ("relu;tanh ; ;\n\n\n\nrelu", "relu\ntanh\n\nrelu"),
        ("a->b ->\tc", "a -> b -> c"),
        ("a ->\nb\n\n-> c -> d", "a\n  -> b\n  -> c -> d"),
        ("x : conv  3x3/2   64 /2 -1 pad = - 1", "x: conv 3x3/2 64 /2 -1 pad=-1"),
        ("(a,it)->concat", "(a, it) -> concat"),
        ("features:{conv 3x3 8->relu}", "features: { conv 3x3 8 -> relu }"),
        ("features: {\nconv 3x3 8 -> relu }", "features: {\n  conv 3x3 8 -> relu\n}"),
        ("{ relu; tanh }\n{}\n{\n}", "{ relu; tanh }\n{}\n{}"),
        ("concat {|a|b;c }", "concat { | a | b; c }"),
        ("concat {\n|a; b |\n{ c\nd }\n}", "concat {\n  | a\n    b\n  | {\n      c\n      d\n    }\n}"),
        ("input  * maps", "input *maps"),
        ("residual  if a==1{ b }", "residual if a == 1 { b }"),
        ("residual { a\n}\nshortcut { b }", "residual {\n  a\n} shortcut { b }"),
        ("if a{ b }\nelse if c{ d }\nelse{ e }", "if a { b } else if c { d } else { e }"),
        ("{\na\n}\n-> b", "{\n  a\n} -> b"),
        ("conv [ k,k ,] max( a,b ) maps[ i+1 ] maps[ 1 : n ]", "conv [k, k] max(a, b) maps[i + 1] maps[1:n]"),
        ("conv (\n  4 *\n  width\n)", "conv (4*width)"),
        ("conv (64*2 ** i) (a//b*c) (a*b+c) (a-1) (- a)", "conv (64 * 2**i) (a // b * c) (a*b + c) (a - 1) (-a)"),
        ("conv (a or(not b)) (c/2) (c / 2) (c/2*d)", "conv (a or (not b)) (c/2) (c / 2) (c / 2 * d)"),
        ("let w = a-1", "let w = a - 1"),
        ("if a -1>-2{ b -1 }", "if a - 1 > -2 { b -1 }"),
        ("expect params==6*( 5*5 )+6", "expect params == 6*(5*5) + 6"),
        ("expect macs~4.10G", "expect macs ~ 4.10G"),
        ('"layer{i+1}": linear 1_000 1.50 "a   b"', '"layer{i+1}": linear 1_000 1.50 "a   b"'),
        ("conv (true .x) (3 .x)", "conv (true .x) (3 .x)"),
        ("a.b -> features.in", "a.b -> features.in"),
        ("output a ,b when  training", "output a, b when training"),
    ],
)
def test_layout(written: str, layout: str) -> None:
    assert holds(f"net n {{\n{written}\n}}") == in_net(layout)


@pytest.mark.parametrize(
    "written, layout",
    [
        ("let a = 1; let b = 2", "let a = 1\nlet b = 2\n"),
        ("let f( v,d = 8 )=max(d,v)", "let f(v, d=8) = max(d, v)\n"),
        ("net b=a x = 1 { expect params==1 }", "net b = a x=1 { expect params == 1 }\n"),
        ('use "a.arch" :b,c\r\n\r\n\r\nlet a=1', 'use "a.arch": b, c\n\nlet a = 1\n'),
        ("block b(\n  a,\n  c=1,\n) { relu }", "block b(a, c=1) { relu }\n"),
    ],
)
def test_layout_of_declarations(written: str, layout: str) -> None:
    assert holds(written) == layout


@pytest.mark.parametrize(
    "written, layout",
    [
        ("#  a\n\n\n\n#b \nrelu # c\n\n# d", "#  a\n\n#b\nrelu # c\n\n# d"),
        ("{ # a\n# b\n\n# c\nrelu # d\n# e\n} # f", "{ # a\n  # b\n\n  # c\n  relu # d\n  # e\n} # f"),
        ("a # x\n\n# y\n-> b # z", "a # x\n  # y\n  -> b # z"),
        ("a -> # x\n# y\nb", "a # x\n  # y\n  -> b"),
        ("concat { # w\n| # x\na # y\n\n# z\n| b }", "concat { # w\n  # x\n  | a # y\n\n  # z\n  | b\n}"),
        ("residual { a } # x\n# y\nshortcut { b }", "residual { a } # x\n# y\nshortcut { b }"),
        ("conv [ # x\n# y\n1 # z\n, 2, # w\n]", "conv [ # x\n  # y\n  1, # z\n  2 # w\n]"),
        ("conv [1, # x\n[2,\n# y\n3] # z\n]", "conv [\n  1, # x\n  [\n    2,\n    # y\n    3\n  ] # z\n]"),
        ("{\n# x\n}", "{\n  # x\n}"),
        ("a; b # x", "a\nb # x"),
    ],
)
def test_each_comment_stays_where_it_belongs(written: str, layout: str) -> None:
    assert holds(f"net n {{\n{written}\n}}") == in_net(layout)


def test_comments_around_declarations() -> None:
    text = "\n\n# head\n\n\n# about a\nlet a=1 # a\n\n\n\n# tail\n\n# end"
    assert holds(text) == "# head\n\n# about a\nlet a = 1 # a\n\n# tail\n\n# end\n"


LONG = "conv 3x3 16 pad=1"  # 17 characters


@pytest.mark.parametrize(
    "written, layout",
    [
        (f"{LONG} -> " * 4 + "conv 3x3 16", f"{LONG} -> " * 4 + "conv 3x3 16"),
        (f"{LONG} -> " * 5 + "relu", " -> ".join([LONG] * 4) + f"\n  -> {LONG} -> relu"),
        (f"{{ {' -> '.join([LONG] * 4)} -> relu -> relu }}", f"{{\n  {' -> '.join([LONG] * 4)} -> relu -> relu\n}}"),
        (
            f"residual {{ {LONG} -> {LONG} -> {LONG} }} shortcut {{ {LONG} }}",
            f"residual {{\n  {LONG} -> {LONG} -> {LONG}\n}} shortcut {{\n  {LONG}\n}}",
        ),
        (
            f"{LONG} -> {LONG} -> residual {{ {LONG} -> {LONG} -> {LONG} -> {LONG} }} -> relu",
            f"{LONG} -> {LONG}\n  -> residual {{ {LONG} -> {LONG} -> {LONG} -> {LONG} }}\n  -> relu",  # 100 columns
        ),
        (f"take [{', '.join(['1000'] * 17)}]", f"take [\n  {', '.join(['1000'] * 16)},\n  1000\n]"),
        (
            f"take max({'a' * 30}, {'b' * 30} + 1, f({'c' * 30}))",
            f"take max(\n  {'a' * 30},\n  {'b' * 30} + 1,\n  f({'c' * 30})\n)",
        ),
        (f'conv "{"a" * 100}" b -> relu', f'conv "{"a" * 100}" b\n  -> relu'),
    ],
    ids=range(8),
)
def test_lines_that_do_not_fit_are_broken(written: str, layout: str) -> None:
    assert holds(f"net n {{\n{written}\n}}") == in_net(layout)


def test_lines_that_became_short_are_joined_only_in_brackets() -> None:
    text = "net n {\n  take [\n    1,\n    2\n  ] -> {\n    relu\n  }\n}\n"
    assert holds(text) == "net n {\n  take [1, 2] -> {\n    relu\n  }\n}\n"


# ---- every program


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_specs_are_in_canonical_layout(path: Path) -> None:
    text = path.read_bytes().decode()
    assert laid(text) == text
    assert all(len(row.partition(" #")[0]) <= WIDTH for row in text.split("\n") if not row.startswith("#"))


@pytest.mark.parametrize("text", [text for _, text in EVERY_RULE], ids=[name for name, _ in EVERY_RULE])
def test_every_alternative_of_every_rule_is_carried(text: str) -> None:
    holds(text)


@more
@given(st.data())
def test_any_declaration_of_the_grammar_is_carried(data: st.DataObject) -> None:
    def choose(count: int) -> int:
        return data.draw(st.integers(0, count - 1))

    text = text_of(random_words(choose, 40))
    if not parse(Source("spec.arch", text))[1]:
        holds(moved(text, choose))


READABLE = [
    text for text in (path.read_bytes().decode() for path in (*SHIPPED, *MISTAKES)) if not parse(Source("", text))[1]
]


@more
@given(st.data())
def test_white_space_and_comments_change_only_the_layout(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(READABLE))
    written = moved(text, lambda count: data.draw(st.integers(0, count - 1)))
    assert tree(written) == tree(text)
    holds(written)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_graph_does_not_know_the_layout(path: Path) -> None:
    """The tree is that of the whole file; its first two nets stand for the others, which are made of the same tree."""
    text = path.read_text(encoding="utf-8")
    spread, loose = (laid(written) for written in (text.replace("\n", "\n\n\t "), "".join(loosened(text))))
    assert tree(spread) == tree(loose) == tree(text)
    assert graphs(loose, path.parent) == graphs(text, path.parent)


def loosened(text: str) -> Iterator[str]:
    """Yield the text with other spaces and line ends, its strings as they are."""
    for part in re.split(r'("[^"\n]*"|#.*)', text):
        is_whole = part.startswith(('"', "#"))
        yield part if is_whole else part.replace("  ", "").replace("(", "( ").replace(" ->", "\n->")


def graphs(text: str, folder: Path) -> object:
    library = read(Found(Source("spec.arch", text), None, Folder(folder, SPECS)))
    file, files = library.main, library.files
    complete = [net for net in nets(file, (), files) if net.complete]
    found = [elaborate(file, net.name, None, files) for net in complete[:2]]
    assert all(graph is not None and not wrong for graph, wrong in found)
    return [placeless(graph.model_dump()) for graph, _ in found if graph is not None]


def placeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: placeless(item) for key, item in value.items() if "span" not in str(key)}
    return [placeless(item) for item in value] if isinstance(value, tuple | list) else value


LINE_ENDS = ["\n", "\n\n", "\r\n", " # c\n", "\n\t# c\n\n\n# d #\t\r\n", "\t\n  "]
CONTINUES = {"ARROW", "ELSE", "SHORTCUT", "VBAR", "RBRACE"}
CONTINUED = {"LBRACE", "VBAR", "ARROW"}
OPENS, CLOSES = {"LPAR", "CALL", "LSQB", "INDEX"}, {"RPAR", "RSQB"}


def moved(text: str, choose: Callable[[int], int]) -> str:
    """Return the same words with other white space and comments between them."""
    parts: list[str] = []
    last, depth, braces, end, in_string = "SEP", 0, 0, 0, False
    for chunk in lay_out("spec.arch", lexer().lex, text).chunks:
        if parts:
            parts.append("\n")
        last = "SEP"
        for token in chunk.tokens:
            start = token.start_pos or 0
            between = text[end:start]
            end = token.end_pos or 0
            if in_string:
                parts.append(between)
            elif token.type != "SEP" and last != "SEP":
                line_ends = depth > 0 or (braces > 0 and (token.type in CONTINUES or last in CONTINUED))
                parts.append(_gap(between, line_ends, choose))
            in_string = token.type in ("STRING_HEAD", "STRING_MIDDLE") or (in_string and token.type != "STRING_TAIL")
            parts.append(_pick([*LINE_ENDS, ";", " ; "], choose) if token.type == "SEP" else str(token))
            depth += (token.type in OPENS) - (token.type in CLOSES)
            braces += (token.type == "LBRACE") - (token.type == "RBRACE")
            last = token.type
    return "".join(parts) + _pick(["", *LINE_ENDS], choose)


def _gap(between: str, line_ends: bool, choose: Callable[[int], int]) -> str:
    """White space for white space; nothing for nothing, because glue has meaning."""
    if not between:
        return ""
    return _pick([" ", " ", "\t", "   ", *(LINE_ENDS if line_ends else ())], choose)


def _pick(options: list[str], choose: Callable[[int], int]) -> str:
    return options[choose(len(options))]


def test_time_grows_with_the_text() -> None:
    """Ten times the lines take about ten times the time."""
    unit = "net n { input x: 3x4x4; " + "a: conv 3x3 (4 * w) pad=1 -> concat { | it | relu }; " * 20 + "output }\n"

    few, many = ("".join(unit.replace("net n", f"net n{at}") for at in range(count)) for count in (5, 50))
    assert ratio(of_call(lambda: laid(many)), of_call(lambda: laid(few)), 3) < 25


# ---- the command


def test_fmt_rewrites_what_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, messy, tidy = (tmp_path / name for name in ("wrong.arch", "messy.arch", "tidy.arch"))
    wrong.write_bytes(b"net n {\n conv 3x3, 64\n}\n")
    messy.write_bytes(b"\xef\xbb\xbflet a=1\r\n")
    tidy.write_bytes(b"let a = 1\n")
    os.utime(tidy, (1, 1))
    assert main(["fmt", str(wrong), str(messy), str(tidy)]) == 1
    assert wrong.read_bytes() == b"net n {\n conv 3x3, 64\n}\n"
    assert messy.read_bytes() == b"let a = 1\n"
    assert tidy.stat().st_mtime == 1
    told = capsys.readouterr()
    assert told.out == f"{messy}\n"
    assert told.err.startswith(
        f"error[comma-between-arguments]: arguments are separated by spaces, without commas\n  --> {wrong}:2:"
    )
    assert main(["fmt", str(messy), str(tidy)]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_and_diff_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messy, tidy = tmp_path / "messy.arch", tmp_path / "tidy.arch"
    messy.write_text("# a\nlet a=1\n")
    tidy.write_text("let a = 1\n")
    assert main(["fmt", "--check", str(tidy), str(messy)]) == 1
    assert capsys.readouterr().out == f"{messy}\n"
    assert main(["fmt", "--check", "--diff", str(tidy)]) == 0
    assert main(["fmt", "--diff", str(messy), str(tidy)]) == 0
    diff = capsys.readouterr().out
    assert re.sub(r"(?m)^(---|\+\+\+) .*", r"\1", diff) == "---\n+++\n@@ -1,3 +1,3 @@\n # a\n-let a=1\n+let a = 1\n \n"
    assert main(["fmt", "--check", "--diff", str(messy)]) == 1
    assert capsys.readouterr().out == diff
    assert messy.read_text() == "# a\nlet a=1\n"


@pytest.mark.parametrize(
    "text, status, out", [('let a="é"\r\n', 0, 'let a = "é"\n'), ("let a = 1\n", 0, "let a = 1\n"), ("net {", 1, "")]
)
def test_standard_input(
    text: str, status: int, out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["fmt", "-"]) == status
    told = capsys.readouterr()
    assert told.out == out
    assert ("--> <stdin>:1:" in told.err) == bool(status)


@pytest.mark.parametrize("call", [["absent.arch"], ["."], ["-", "-"], ["binary.arch"], ["tidy.arch", "absent.arch"]])
def test_a_wrong_call_changes_nothing(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("binary.arch").write_bytes(b"\xff\xfe")
    Path("tidy.arch").write_bytes(b"let a=1")
    assert main(["fmt", *call]) == 2
    assert capsys.readouterr().err.startswith("archlang: ")
    assert Path("tidy.arch").read_bytes() == b"let a=1"
