"""A message in a terminal, and as JSON."""

from __future__ import annotations

import json

from archlang.diagnostics import Diagnostic, Label, as_json, render
from archlang.source import Source, Span


def at(line: int, column: int, width: int = 1, file: str = "a.arch") -> Span:
    return Span(file, line, column, line, column + width)


def shown(text: str, span: Span, *labels: Label, help: str | None = None, pointed: str = "") -> str:
    """Return the message below its headline and place."""
    diagnostic = Diagnostic("a-code", "what is wrong", span, labels, help, pointed=pointed)
    headline, place, *rest = render(diagnostic, {"a.arch": Source("a.arch", text)}).split("\n")
    assert headline == "error[a-code]: what is wrong"
    assert place == f"  --> {span.file}:{span.line}:{span.column}"
    return "\n".join(rest)


def test_labels_are_in_the_order_of_lines() -> None:
    text = "one\ntwo\nthree\nfour\nfive six"
    labels = (Label(at(5, 6, 3), "last"), Label(at(1, 1, 3), "first"), Label(at(2, 2), "second"))
    assert (
        shown(text, at(5, 1, 4), *labels, help="do this")
        == """  |
1 | one
  | ^^^ first
2 | two
  |  ^ second
 ...
5 | five six
  | ^^^^
  |      ^^^ last
help: do this"""
    )


def test_the_same_line_twice() -> None:
    assert (
        shown("one two", at(1, 1, 3), Label(at(1, 1, 3), "again"), pointed="here")
        == """  |
1 | one two
  | ^^^ here
  | ^^^ again"""
    )


def test_numbers_of_lines_are_set_flush_right() -> None:
    text = "\n".join(f"line {number}" for number in range(1, 13))
    assert (
        shown(text, at(12, 1, 4), Label(at(9, 6), "nine"))
        == """   |
 9 | line 9
   |      ^ nine
  ...
12 | line 12
   | ^^^^"""
    )


def test_the_end_of_a_file() -> None:
    assert shown("one", at(1, 4)) == "  |\n1 | one\n  |    ^"
    assert shown("one\n", at(2, 1)) == "  |\n2 |\n  | ^"
    assert shown("", at(1, 1)) == "  |\n1 |\n  | ^"
    assert shown("one", at(7, 3)) == "  |\n7 |\n  | ^"


def test_a_span_of_several_lines_is_shown_by_its_first() -> None:
    assert shown("concat {  \n | it\n}", Span("a.arch", 1, 1, 3, 2)) == "  |\n1 | concat {\n  | ^^^^^^^^"


def test_tabs_and_line_ends_of_windows() -> None:
    assert shown("net {\r\n\tone\ttwo\r\n}\r\n", at(2, 6, 3)) == "  |\n2 |  one two\n  |      ^^^"


def test_wide_and_combining_characters() -> None:
    assert shown('"漢字" -> e\u0301 x', at(1, 9, 2)) == '  |\n1 | "漢字" -> e\u0301 x\n  |           ^'
    assert shown('"漢字" x', at(1, 2, 2)) == '  |\n1 | "漢字" x\n  |  ^^^^'


def test_control_characters_are_shown_as_signs() -> None:
    assert "\x1b" not in shown("a \x1b[31m b\0\r c", at(1, 3))


def test_of_a_long_line_the_part_around_the_carets_is_shown() -> None:
    text = "x" * 5000 + " here " + "y" * 5000
    row, carets = shown(text, at(1, 5002, 4)).split("\n")[1:]
    assert len(row) < 200
    assert row[carets.index("^") : carets.rindex("^") + 1] == "here"
    assert row.startswith("1 | ...x") and row.endswith("y...")
    assert len(shown(text, at(1, 1, 9000))) < 400


def test_another_file_and_a_file_that_is_not_at_hand() -> None:
    label = Label(at(3, 1, 2, "b.arch"), "there")
    assert shown("one", at(1, 1, 3), label) == "  |\n1 | one\n  | ^^^\n  ::: b.arch:3:1: there"
    both = {"a.arch": Source("a.arch", "one"), "b.arch": Source("b.arch", "\n\ntwo")}
    assert render(Diagnostic("a-code", "what", at(1, 1, 3), (label,)), both).endswith(
        "  ::: b.arch:3:1: there\n  |\n3 | two\n  | ^^"
    )
    assert render(Diagnostic("a-code", "what", at(1, 1), pointed="here"), {}) == (
        "error[a-code]: what\n  --> a.arch:1:1\n   = here"
    )


def test_json() -> None:
    diagnostic = Diagnostic("a-code", "what", at(1, 2), (Label(at(3, 4), "there"),), severity="warning")
    place = {"file": "a.arch", "line": 1, "column": 2, "end_line": 1, "end_column": 3}
    assert json.loads(json.dumps(as_json(diagnostic))) == {
        "code": "a-code",
        "message": "what",
        "span": place,
        "labels": [{"span": {**place, "line": 3, "column": 4, "end_line": 3, "end_column": 5}, "text": "there"}],
        "help": None,
        "severity": "warning",
        "pointed": "",
    }
