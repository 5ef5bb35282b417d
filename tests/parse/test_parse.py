"""From text to tree: glue, line ends, words that may be names, strings, places, and what is left after a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archlang import syntax as s
from archlang.parse import parse, parse_value, parser_table
from archlang.parse.build import Build
from archlang.paths import GRAMMAR
from archlang.source import Source, Span
from tests.specs import net_of, wrong


def file_of(text: str) -> s.File:
    file, diagnostics = parse(Source("spec.arch", text))
    assert diagnostics == []
    return file


def body_of(lines: str) -> tuple[s.Statement, ...]:
    """Return the statements of a net that holds these lines alone."""
    (definition,) = file_of(f"net n {{\n{lines}\n}}\n").declarations
    assert isinstance(definition, s.Definition)
    return definition.body.items


def told(node: object) -> str:
    """Return an expression with all its brackets, places left out."""
    match node:
        case s.Literal(value=value):
            return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
        case s.Name(text=text):
            return text
        case s.Text(parts=parts):
            return repr("".join(part if isinstance(part, str) else f"<{told(part)}>" for part in parts))
        case s.Attribute(base=base, name=name):
            return f"{told(base)}.{name}"
        case s.Index(base=base, index=index):
            return f"{told(base)}[{told(index)}]"
        case s.Slice(base=base, start=start, stop=stop):
            return f"{told(base)}[{told(start) if start else ''}:{told(stop) if stop else ''}]"
        case s.Call(function=function, arguments=arguments):
            return f"{told(function)}({', '.join(map(told_argument, arguments))})"
        case _:
            return told_operation(node)


def told_operation(node: object) -> str:
    match node:
        case s.Unary(operator=operator, operand=operand):
            return f"({operator} {told(operand)})"
        case s.Binary(operator=operator, left=left, right=right):
            return f"({told(left)} {operator} {told(right)})"
        case s.Conditional(then=then, condition=condition, otherwise=otherwise):
            return f"({told(then)} if {told(condition)} else {told(otherwise)})"
        case s.Sequence(items=items, is_list=is_list):
            inside = ", ".join(map(told, items))
            return f"[{inside}]" if is_list else f"({inside})"
        case _:
            raise TypeError(node)


def told_argument(argument: s.Argument) -> str:
    name = "/" if argument.slash else f"{argument.name}=" if argument.name else ""
    return name + told(argument.value)


def arguments_of(step: str) -> list[str]:
    """Return the arguments of a step, each as it was understood."""
    (item,) = body_of(step)
    assert isinstance(item, s.Step) and isinstance(item.action, s.Apply)
    return [told_argument(argument) for argument in item.action.arguments]


# ---- arguments


@pytest.mark.parametrize(
    "step, arguments",
    [
        ("conv 3x3/2 64 pad=1", ["(3x3 / 2)", "64", "pad=1"]),
        ("conv 3x3 /2 64", ["3x3", "/2", "64"]),
        ("conv kernel/stride 64", ["(kernel / stride)", "64"]),
        ("conv [k, k]/1x2 64", ["([k, k] / 1x2)", "64"]),
        ("conv 1x1 (4*w)", ["1x1", "((4 * w))"]),
        ("conv depths[i] max(a, b)", ["depths[i]", "max(a, b)"]),
        ("conv depths [i]", ["depths", "[i]"]),
        ("conv max (a)", ["max", "(a)"]),
        ("conv a.b[0].c 3", ["a.b[0].c", "3"]),
        ("conv -1 -x", ["(- 1)", "(- x)"]),
        ("conv pad=-1 bias=false mode=dense", ["pad=(- 1)", "bias=false", "mode=dense"]),
        ("conv act=relu(slope=0.1, 3)", ["act=relu(slope=0.1, 3)"]),
        ("conv 3x3/-1", ["(3x3 / (- 1))"]),
        ("conv 2x3x4 [5] 1_000 1.5e-3", ["2x3x4", "[5]", "1000", "0.0015"]),
        ("conv a[1:] a[:n] a[:] a[1:2]", ["a[1:]", "a[:n]", "a[:]", "a[1:2]"]),
    ],
)
def test_glue(step: str, arguments: list[str]) -> None:
    assert arguments_of(step) == arguments


@pytest.mark.parametrize(
    "text, understood",
    [
        ("1 + 2 * 3 ** 4 ** 5", "(1 + (2 * (3 ** (4 ** 5))))"),
        ("-2 ** 2", "(- (2 ** 2))"),
        ("2 ** -1", "(2 ** (- 1))"),
        ("8 / 4 / 2 - 1 - 1", "((((8 / 4) / 2) - 1) - 1)"),
        ("8 /4//2", "((8 / 4) // 2)"),
        ("a -1", "(a - 1)"),
        ("a - -1", "(a - (- 1))"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("1 if a else 2 if b else 3", "(1 if a else (2 if b else 3))"),
        ("a < b + 1", "(a < (b + 1))"),
        ("(a, (b, c), [])", "(a, (b, c), [])"),
        ('"{a}x{b + 1}{{}}"', "'<a>x<(b + 1)>{}'"),
        ('"a" + ""', "('a' + '')"),
        ("a.in.net", "a.in.net"),
        ("f(a, b=dense)[0](c)", "f(a, b=dense)[0](c)"),
    ],
)
def test_expression(text: str, understood: str) -> None:
    value, diagnostics = parse_value(text)
    assert diagnostics == []
    assert told(value) == understood


@pytest.mark.parametrize("text", ["", "3 4", "3 +", "(", '"', "3\nlet b = 4", "@", "3; 4"])
def test_no_value(text: str) -> None:
    assert parse_value(text)[0] is None


# ---- lines


@pytest.mark.parametrize(
    "lines",
    [
        "a -> b -> c",
        "a; b; c",
        "a\nb\nc",
        "\n\n a ;; b\n;\n# a comment\n  c # another\n",
        "a ->\n b\n -> c",
        "a\n\n  # a comment between\n  -> b\n\n-> c",
    ],
)
def test_arrow_line_end_and_semicolon_part_steps_alike(lines: str) -> None:
    steps = [item for item in body_of(lines) if isinstance(item, s.Step)]
    assert [told(step.action.head) for step in steps if isinstance(step.action, s.Apply)] == ["a", "b", "c"]


def test_a_written_arrow_is_remembered() -> None:
    assert [item.arrow for item in body_of("a -> b; c\n-> d") if isinstance(item, s.Step)] == [False, True, False, True]


def test_lines_go_on_within_brackets_and_before_some_words() -> None:
    text = """
    let sizes = [
      1,
      2,  # two
    ]
    net n(
      a=1,
      b=2,
    ) {
      if a == 1 { x }

      else if b == 2 { y }
      else { z }
      residual { x }
      shortcut { y }
      concat {
        | x
          y
        | z; w
      }
    }"""
    let, net = file_of(text).declarations
    assert isinstance(let, s.Let) and told(let.value) == "[1, 2]"
    assert isinstance(net, s.Definition) and [parameter.name for parameter in net.parameters] == ["a", "b"]
    branch, residual, join = (item.action for item in net.body.items if isinstance(item, s.Step))
    assert isinstance(branch, s.If) and isinstance(branch.otherwise, s.If) and branch.otherwise.otherwise is not None
    assert isinstance(residual, s.Residual) and residual.shortcut is not None
    assert isinstance(join, s.Apply) and join.branches is not None
    assert [len(part.items) for part in join.branches.branches] == [2, 2]


@pytest.mark.parametrize("word", ["net", "block", "input", "output", "for", "repeat", "dense", "train", "param", "in"])
def test_a_keyword_may_be_a_label_and_part_of_a_path(word: str) -> None:
    labelled, used = body_of(f"{word}: relu\n(a.{word}, {word}.a) -> add")[:2]
    assert isinstance(labelled, s.Step) and told(labelled.label) == word
    assert isinstance(used, s.Step) and isinstance(used.action, s.Apply)
    assert told(used.action.head) == f"(a.{word}, {word}.a)"


# ---- places


def test_spans() -> None:
    text = 'net n {\r\n\tconv 3x3/s "a{b}c" pad=1 -> relu # so\r\n}\r\n'
    file = file_of(text)
    (net,) = file.declarations
    assert isinstance(net, s.Definition)
    conv, relu = net.body.items
    assert isinstance(conv, s.Step) and isinstance(relu, s.Step) and isinstance(conv.action, s.Apply)
    window, string, pad = conv.action.arguments
    assert isinstance(string.value, s.Text)
    hole = string.value.parts[1]
    assert not isinstance(hole, str)
    found = [part.span for part in (net.name, conv, window, string, hole, pad, pad.value, relu, net.body)]
    places = [(1, 5, 6), (2, 2, 26), (2, 7, 12), (2, 13, 20), (2, 16, 17), (2, 21, 26), (2, 25, 26), (2, 30, 34)]
    assert found[:-1] == [Span("spec.arch", line, start, line, end) for line, start, end in places]
    assert found[-1] == Span("spec.arch", 1, 7, 3, 2)
    assert file.comments == ((Span("spec.arch", 2, 35, 2, 40), "# so\r"),)


# ---- after a mistake


def test_the_rest_of_a_file_is_read() -> None:
    text = """net a {
      input x: 3x4x4
      conv 3x3, 64
      relu
    }
    net b { input x: 3x4x4; ( relu; output }
    net c {
      { relu
    }
    net d { input x: 3x4x4; relu; output }
    """
    file, diagnostics = parse(Source("spec.arch", text))
    assert [
        f"{type(d).__name__} {d.name.text}" for d in file.declarations if isinstance(d, (s.Definition, s.Derived))
    ] == [
        "Definition a",
        "Definition d",
    ]
    assert file.broken == {"b", "c"}
    assert [(d.code, d.span.line) for d in diagnostics] == [
        ("comma-between-arguments", 3),
        ("unclosed-bracket", 6),
        ("unclosed-bracket", 8),
    ]


def test_a_broken_line_becomes_a_statement_whose_value_is_unknown() -> None:
    file, _ = parse(Source("spec.arch", "net n {\n a: relu\n conv 3x3, 64\n b: relu\n}"))
    (net,) = file.declarations
    assert isinstance(net, s.Definition)
    assert [type(item) for item in net.body.items] == [s.Step, s.Broken, s.Step]


@pytest.mark.parametrize(
    "lines, codes",
    [
        ("conv 3x3 (1 -> relu\nconv 3x3, 4", ["unclosed-bracket", "comma-between-arguments"]),
        ("conv 3x3 1) -> relu\nconv 3x3, 4", ["unopened-bracket", "comma-between-arguments"]),
        ("conv 3x3 (1] -> relu\nconv 3x3, 4", ["unclosed-bracket", "comma-between-arguments"]),
        ("'a' 'b' 'c'\nconv 3x3, 4", ["unexpected-character", "comma-between-arguments"]),
        ("train a\nconv 3x3, 4\ntrain b", ["outside-a-net", "comma-between-arguments", "outside-a-net"]),
        ("train {\n  data mnist; loss {\n }\n}\nconv 3x3, 4", ["outside-a-net", "comma-between-arguments"]),
        ("{\n  conv 3x3, 4\n}\nrepeat 3 {\n relu -> -> tanh\n}", ["comma-between-arguments", "unexpected-word"]),
    ],
)
def test_mistakes_of_form_are_reported_together(lines: str, codes: list[str]) -> None:
    assert [diagnostic.code for diagnostic in wrong(net_of(lines))] == codes


# ---- the table


def test_a_stale_table_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is bound to the grammar, to lark and to the options in table.py."""
    fresh = tmp_path / "fresh.table"
    fresh.write_bytes(parser_table.compiled(GRAMMAR))
    monkeypatch.setattr(parser_table, "_built", no_build)
    parser_table.load(GRAMMAR, fresh, Build(""))
    changed = tmp_path / "changed.lark"
    changed.write_text(GRAMMAR.read_text(encoding="utf-8") + "\n// changed\n", encoding="utf-8")
    with pytest.raises(LookupError, match="built anew"):
        parser_table.load(changed, fresh, Build(""))
    with pytest.raises(LookupError, match="built anew"):
        parser_table.load(GRAMMAR, tmp_path / "absent.table", Build(""))
    other = tmp_path / "table.py"
    other.write_text("STARTS = ['other']", encoding="utf-8")
    monkeypatch.setattr(parser_table, "__file__", str(other))
    with pytest.raises(LookupError, match="built anew"):
        parser_table.load(GRAMMAR, fresh, Build(""))


def no_build(text: str, transformer: Callable[..., object]) -> None:
    raise LookupError("built anew")
