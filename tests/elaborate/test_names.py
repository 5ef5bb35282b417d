"""What names stand for: labels and where they are seen, lets and functions, declarations, promises."""

from __future__ import annotations

import pytest

from archlang.ir import CallNode
from tests.specs import graph_of, layers, net_of, wrong

# ---- labels, paths, tuples


@pytest.mark.parametrize(
    "lines, last",
    [
        ("a: conv 1x1 4\nconv 1x1 5\n(a, it) -> concat", "concat 9x32x32"),
        ("if true { a: conv 1x1 4 }\nconv 1x1 5\n(a, it) -> concat", "concat 9x32x32"),
        ('for i in range(3) { "a{i}": conv 1x1 (i + 1) }\n("a0", "a{1}", a2) -> concat', "concat 6x32x32"),
        ("concat { | a: conv 1x1 4 | conv 1x1 2 }\n(a, it) -> concat", "concat 10x32x32"),
        ("f: { a: conv 1x1 4; conv 1x1 5 }\n(f.a, f) -> concat", "concat 9x32x32"),
        ("f: { g: { a: conv 1x1 4 }; conv 1x1 5 }\n(f.g.a, f) -> concat", "concat 9x32x32"),
        ('f: { g: { a: conv 1x1 4 }; conv 1x1 5 }\n("f.g.a", it) -> concat', "concat 9x32x32"),
        ('for i in range(2) { "f{i}": { a: conv 1x1 4 } }\n("f{0}".a, it) -> concat', "concat 8x32x32"),
        ("a: conv 1x1 4\n{ (a, it) -> concat; b: conv 1x1 2; (a, b) -> concat }", "concat 6x32x32"),
        ("f: repeat 1 { a: conv 1x1 4 }\n(f.a, f) -> concat", "concat 8x32x32"),
        ("kept: it -> conv 1x1 4\n(kept, it) -> concat", "concat 7x32x32"),
        ("{ | relu | conv 1x1 5 }\nmaps: it\nconcat\n(maps[:1], maps[-1], it) -> concat", "concat 16x32x32"),
        ("(a, b): { | conv 1x1 4 | conv 1x1 5 }\n(b, a, b) -> concat", "concat 14x32x32"),
        ("{ | conv 1x1 4 | conv 1x1 5 }\n(it, image) -> concat", "concat 12x32x32"),
        ("{ | conv 1x1 4 | conv 1x1 5 }\n(it[0], (it[1], image)) -> concat", "concat 12x32x32"),
        ("let picked = true\na: conv 1x1 4\n(image if picked else it, it) -> concat", "concat 7x32x32"),
        ("{ | conv 1x1 4 | conv 1x1 5 }\nmaps: it\nfor m in maps { (m, it) -> concat }", "concat 18x32x32"),
        ("{ | conv 1x1 4 | conv 1x1 5 }\nconcat\nconv 1x1 len((it, image, it))", "conv 3x32x32"),
        ("max: conv 1x1 4\nrelu: conv 1x1 max(2, 3)\n(max, relu) -> concat", "concat 7x32x32"),
        ("repeat 0 { conv 1x1 9 }\n(image, it) -> add", "add 3x32x32"),
        ("if false { conv 1x1 9 }\n(image, it) -> add", "add 3x32x32"),
    ],
)  # fmt: skip
def test_value(lines: str, last: str) -> None:
    assert layers(lines)[-1].endswith(last)


def test_a_skip_connection_written_with_computed_labels() -> None:
    """The shape of LANGUAGE.md's U-Net."""
    before = "block pair(width) { conv 3x3 width pad=1 -> relu; conv 3x3 width pad=1 -> relu }"
    body = """
      for i in range(depth) { "enc{i}": pair (base * 2**i) }
      mid: pair (base * 2**depth)
      for i in range(depth - 1, -1, -1) {
        conv 1x1 (base * 2**i)
        ("enc{i}", it) -> concat -> "dec{i}": pair (base * 2**i)
      }
      head: conv 1x1 2"""
    found = [line for line in layers(body, before=before, parameters="base=4, depth=2") if line.startswith("concat")]
    assert found == ["concat 16x32x32", "concat 8x32x32"]


@pytest.mark.parametrize(
    "lines, code",
    [
        ("{ a: relu }\n(a, it) -> add", "unknown-name"),
        ("b: { a: relu }\n(a, it) -> add", "unknown-name"),
        ("if false { a: relu }\n(a, it) -> add", "not-taken"),
        ("(a, it) -> add\na: relu", "used-too-early"),
        ("a: relu\nrelu -> a", "dropped-value"),
        ("a: relu\nrelu -> (a, image) -> add", "dropped-value"),
        ("a: relu\nb: { a: relu; c: relu }\n(a, b.a, b.d) -> add", "unknown-name"),
        ("a: relu\na: tanh", "duplicate-label"),
        ("a: relu\nlet a = 3\nrelu", "name-taken"),
        ("let a = 3\na: relu", "name-taken"),
        ("for i in range(2) { i: relu }", "name-taken"),
        ("for image in range(2) { relu }", "name-taken"),
        ("for i, i in [[1, 2]] { relu }", "name-taken"),
        ("it: relu", "name-taken"),
        ("let it = 3\nrelu", "name-taken"),
        ("kept: it\nrelu\nkept: it\nadd", "duplicate-label"),
        ('"3d": relu', "bad-label"),
        ('"": relu', "bad-label"),
        ('"é": relu', "bad-label"),
        ('"00": relu', "bad-label"),
        ("let x = it\nlet y = x.channels\nconv 1x1 y\n(x) -> relu", "unused-value"),
        ("(a, b): { | relu | tanh }\n(a) -> relu", "unused-value"),
    ],
)
def test_refused(lines: str, code: str) -> None:
    assert [diagnostic.code for diagnostic in wrong(net_of(lines))] == [code]


# ---- lets and functions


@pytest.mark.parametrize(
    "before, lines, channels",
    [
        ("let a = b + 1\nlet b = c\nlet c = 2", "conv 1x1 a", 3),
        ("let f(x) = g(x) + 1\nlet g(x) = 2 * x", "conv 1x1 f(3)", 7),
        ("let f(x, y=x + 1) = x * y", "conv 1x1 (f(3) + f(2, y=5))", 22),
        ("let fact(n) = 1 if n < 2 else n * fact(n - 1)", "conv 1x1 fact(4)", 24),
        ("", "let k = 5\nlet f(x) = x * k\nconv 1x1 f(2)", 10),
        ("", "if true { let k = 5; conv 1x1 k }\nlet k = 6\nconv 1x1 k", 6),
        ("", "for k in [5] { conv 1x1 k }\nfor k in [6] { conv 1x1 k }", 6),
        ("let width = 4", "conv 1x1 width", 4),
        ("block b(width) { conv 1x1 width }\nlet width = 4", "b 6", 6),
        ("block b(w, v=2*w) { conv 1x1 v }", "b 6", 12),
        ("block b(unit) { unit 5 }\nblock c(w) { conv 1x1 w }", "b c", 5),
        ("block b(unit) { unit 5 }\nblock c(w, k) { conv [k, k] w }", "b c(k=1)", 5),
        ("block b(unit) { unit 5 }", "b conv(1x1)", 5),
        ("block b(w) { conv 1x1 w }\nlet c = b(7)", "c", 7),
        ("net b(w=3) { input x: 3x32x32; conv 1x1 w; output }\nnet c = b 8", "c", 8),
        ("net b(w=3, v=2) { input x: 3x32x32; conv 1x1 (10*w + v); output }\nnet c = b 8\nnet d = c 9", "d", 89),
        ("let pairs = [(1, 2), (3, 4)]", "for a, b in pairs { conv 1x1 (10*a + b) }", 34),
        ("let shape = 3x5x7", "conv 1x1 (shape[2] + len(shape))", 10),
        ("", "conv 1x1 (it.shape[1] + it.height // it.width)", 4),
        ("let total(xs) = sum(xs)", "conv 1x1 total([1, 2] + [3])", 6),
    ],
)
def test_let(before: str, lines: str, channels: int) -> None:
    assert layers(lines, before=before)[-1].split()[-1].split("x")[0] == str(channels)


@pytest.mark.parametrize(
    "before, lines, code",
    [
        ("let a = b\nlet b = a", "conv 1x1 a", "endless-recursion"),
        ("let a = a", "conv 1x1 a", "endless-recursion"),
        ("net a = b\nnet b = a", "relu", "endless-recursion"),
        ("", "if true { let k = 5 }\nconv 1x1 k", "unknown-name"),
        ("", "for k in [5] { relu }\nconv 1x1 k", "unknown-name"),
        ("let k = 3", "let k = 4\nconv 1x1 k\nlet k = 5", "name-taken"),
        ("block b(w) { conv 1x1 w }", "let w = 4\nlet v = 5\nb 3\n(w) -> relu", "not-a-value"),
        ("block b(w, w) { conv 1x1 w }", "b 3 4", "name-taken"),
        ("block b(it) { conv 1x1 3 }", "b 3", "name-taken"),
        ("block b(v) { (it, v) -> add }", "a: relu\nb a", "value-as-argument"),
        ("block b(v) { (it, v[0]) -> add }", "a: relu\nb [[a, a]]", "value-as-argument"),
        ("block b(v) { v 3 }\nblock c(w) { (w, it) -> add }", "a: relu\nb c(a)", "value-as-argument"),
        ("block b(f) { conv 1x1 f(3) }\nlet g(x) = x", "b g", "wrong-kind"),
        ("block b { conv 1x1 outer }", "let outer = 4\nb", "unknown-name"),
        ("block b { (outer, it) -> add }", "outer: relu\nb", "unknown-name"),
        ("block b { input x; input y; (x, y) -> add }", "b", "inputs-do-not-match"),
        ("block b { if true { input x }; relu }", "b", "misplaced-input"),
        ("block b { relu }", "b kernel=3", "unknown-argument"),
        ("block b(width) { conv 1x1 width }", "b 3x3/2 4", "unknown-argument"),
        ("block a { relu }\nnet c = a", "relu", "not-a-net"),
        ("let a = 3\nlet a = 4", "conv 1x1 a", "duplicate-declaration"),
        ("net b(w) { input x: [3]; linear w; output }\nnet c = b 3 4", "relu", "too-many-arguments"),
        ("net b(w) { input x: [3]; linear w; output }\nnet c = b 3 w=4", "relu", "argument-twice"),
        ("net b { input x: [3]; relu; output; expect params == 0 -> relu }", "relu", "unexpected-word"),
    ],
)
def test_refused_declarations(before: str, lines: str, code: str) -> None:
    assert [diagnostic.code for diagnostic in wrong(net_of(lines, before=before))] == [code]


# ---- expressions that are refused


@pytest.mark.parametrize(
    "expression, code",
    [
        ("2**64", "number-too-large"),
        ("1e300 * 1e300", "number-too-large"),
        ("1e999", "number-too-large"),
        ("1e-999 - 1e999999999", "number-too-large"),
        ("(-8)**0.5", "wrong-kind"),
        ("0**-1", "division-by-zero"),
        ("7 % 0", "division-by-zero"),
        ("1.5 // 0.0", "division-by-zero"),
        ("true + 1", "wrong-kind"),
        ("-true", "wrong-kind"),
        ('"a" + 1', "wrong-kind"),
        ('"a" * 3', "wrong-kind"),
        ("[1] * 3", "wrong-kind"),
        ("not 1", "wrong-kind"),
        ("1 and true", "wrong-kind"),
        ("[1, 2][1.0]", "wrong-kind"),
        ("[1, 2][-3]", "index-out-of-range"),
        ("[][0]", "index-out-of-range"),
        ("(3)[0]", "wrong-kind"),
        ("(3)[1:]", "wrong-kind"),
        ("3.channels", "unknown-name"),
        ("max()", "wrong-kind"),
        ("max([])", "wrong-kind"),
        ("sum(1, 2)", "wrong-kind"),
        ("len(3)", "wrong-kind"),
        ("sqrt(-1)", "wrong-kind"),
        ("log2(0)", "wrong-kind"),
        ("log(-1)", "wrong-kind"),
        ("exp(1000)", "number-too-large"),
        ("sin(true)", "wrong-kind"),
        ("range(1.5)", "wrong-kind"),
        ("range(1, 2, 0)", "wrong-kind"),
        ("max(a=3)", "unknown-argument"),
        ("(3)(4)", "wrong-kind"),
        ("it == it", "wrong-kind"),
        ("it.length", "no-such-axis"),
        ('"{it}"', "wrong-kind"),
        ("(it, 3)", "wrong-kind"),
    ],
)
def test_refused_expressions(expression: str, code: str) -> None:
    assert [diagnostic.code for diagnostic in wrong(net_of(f"let tried = {expression}\nrelu"))] == [code]


def test_strings_spell_as_the_language_does() -> None:
    assert layers('let b = true\n"a_{b}_{1 + 1}_{"x"}": relu'.replace('{"x"}', "{w}"), before='let w = "x"') == [
        "a_true_2_x relu 3x32x32"
    ]


# ---- calls


def test_arguments_that_differ_only_in_type_give_another_block() -> None:
    before = "block b(x) { relu }"
    built = graph_of(net_of("b 1 -> b true -> b 1.0 -> b [3] -> b 3 -> b 1 -> b x=1", before=before))
    called = [node.block for node in built.root.nodes if isinstance(node, CallNode)]
    assert called == ["b", "b#2", "b#3", "b#4", "b#5", "b", "b"]


def test_a_window_is_the_list_of_its_sides() -> None:
    before = "block b(k) { if k == [3, 3] and k == 3x3 { relu } else { tanh } }"
    assert layers("b 3x3 -> b [3, 3]", before=before) == ["0.0 relu 3x32x32", "1.0 relu 3x32x32"]


# ---- promises


@pytest.mark.parametrize(
    "line, promise",
    [
        ("expect params ~ 4.1M", ("", "params", 4_100_000, 100_000.0)),
        ("expect params ~ 4.10", ("", "params", 4.1, 0.01)),
        ("expect params ~ 1.5e3", ("", "params", 1500.0, 100.0)),
        ("expect params ~ 1_500", ("", "params", 1500, 1.0)),
        ("expect params ~ 3MiB", ("", "params", 3 * 2**20, 2.0**20)),
        ("expect a.macs < 2 * 3 + 1", ("a", "macs", 7, 0.0)),
        ('expect "a.0" == 3x32x32', ("a.0", "shape", (3, 32, 32), 0.0)),
        ('expect "{w}.{1 - 1}".params != 3', ("a.0", "params", 3, 0.0)),
        ("expect a == [3, 32, 4 * 8]", ("a", "shape", (3, 32, 32), 0.0)),
    ],
)
def test_promise(line: str, promise: tuple[str, str, object, float]) -> None:
    built = graph_of(net_of(f"a: {{ relu }}\n{line}", before='let w = "a"'))
    (found,) = built.promises
    assert (found.path, found.fact, found.expected, found.slack) == promise
