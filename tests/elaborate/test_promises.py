"""Promises of `expect`, and the messages about those that are not kept."""

from __future__ import annotations

import pytest

from archlang import promises
from archlang.diagnostics import Diagnostic
from archlang.facts.net import NetFacts
from archlang.ir import Graph
from tests.specs import graph_of, net_of, words_at, wrong


def verify(graph: Graph) -> list[Diagnostic]:
    return promises.verify(NetFacts(graph))


PROMISED = """
block pair(width) { conv 3x3 width pad=1 -> relu }
net n {
  input x: 3x16x16
  stem: { conv 3x3/2 4 pad=1 bias=false -> batchnorm -> relu }
  a: pair 4
  sum: residual { conv 3x3 4 pad=1 }
  both: residual { conv 5x5 4 pad=2 -> dropout 0.5 }
  upsample 2 -> up: conv 3x3 4 pad=1
  mixed: concat { | it | (x) }
  globalavgpool -> flatten -> fc: linear 5
  output
  expect PROMISE
}
"""


@pytest.mark.parametrize(
    "promise",
    [
        "stem.receptive_field == 3x3",
        "stem.receptive_field == 3",
        "a.receptive_field == 7x7",
        '"a.0".receptive_field == 7',
        "x.receptive_field == 1x1",
        "a.receptive_field < 8",
        "a.receptive_field ~ 6",
        "a.receptive_field != 7x8",
        "a.receptive_field != 8",
        "sum.receptive_field == 11x11",
        "up.receptive_field == 21",  # 19 + 2, and 1 because the window differs by phase
        "receptive_field == 16x16",
        "fc.receptive_field == 16",
        "a.backward_macs == 2 * 8*8*4*4*9",
        "stem.backward_macs == 8*8*4*3*9",
        "fc.backward_macs == 2 * 7*5",
        "a.bias_adds == 4*8*8",
        "stem.normalised == 4*8*8",
        "stem.activated == 4*8*8",
        "both.elementwise == 4*8*8",
        "mixed.moved == 7*16*16",
        "moved == 7*16*16 + 4*16*16",
        "comparisons == 0",
        # the image, what batch norm takes, its two statistics, and what the relu gives
        "stem.saved_bytes == 4 * (3*16*16 + 4*8*8 + 2*4 + 4*8*8)",
        "both.saved_bytes > 0",
        "a.bias_adds + stem.activated == 2 * 4*8*8",
        "(a.macs + stem.macs + fc.macs) ~ 16.2K",
    ],
)
def test_promises_that_hold(promise: str) -> None:
    assert verify(graph_of(PROMISED.replace("PROMISE", promise))) == []


@pytest.mark.parametrize(
    ("promise", "code", "message"),
    [
        ("a.receptive_field == 9x7", "broken-promise", "`a.receptive_field` of n is 7x7, but `== 9x7` is promised"),
        ("a.receptive_field == 9", "broken-promise", "`a.receptive_field` of n is 7x7, but `== 9` is promised"),
        ("a.receptive_field != 7", "broken-promise", "`a.receptive_field` of n is 7x7, but `!= 7` is promised"),
        ("a.receptive_field == [7]", "bad-promise",
         "`a.receptive_field` has a side for each axis of the input, h, w, but this has 1"),
        ("a.backward_macs == 1", "broken-promise", "`a.backward_macs` of n is 18,432, but `== 1` is promised"),
        ("a.saved_bytes < 1", "broken-promise", "`a.saved_bytes` of n is 1,024, but `< 1` is promised"),
        ("moved ~ 1K", "broken-promise",
         "`moved` of n is 2,816, which is 1,816 from 1,000: more than one unit of its last digit"),
        ("b.moved == 1", "unknown-name", "n has nothing called `b`"),
        ("b.receptive_field == 1", "unknown-name", "n has nothing called `b`"),
        ("a.moved + b.moved == 1", "unknown-name", "n has nothing called `b`"),
        ("a.moved + params == 1", "broken-promise", "`a.moved + params` of n is 1,004, but `== 1` is promised"),
    ],
)  # fmt: skip
def test_promises_that_do_not(promise: str, code: str, message: str) -> None:
    (found,) = verify(graph_of(PROMISED.replace("PROMISE", promise)))
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    ("promise", "words", "help"),
    [
        ("a.receptive_field < 7x7", "expect a.receptive_field < 7x7", "`a.receptive_field < 7`"),
        ("a.receptive_fields == 7x7", "a.receptive_fields", None),
        ("a.moved == 7x7", "7x7", None),
    ],
)
def test_promises_that_make_no_sense(promise: str, words: str, help: str | None) -> None:
    text = PROMISED.replace("PROMISE", promise)
    found = wrong(text)
    if not found:
        found = verify(graph_of(text))
    assert [diagnostic.code for diagnostic in found] in (["bad-promise"], ["unknown-name"])
    assert help is None or help in (found[0].help or "")
    assert words in words_at(text, found[0])


def test_a_promise_of_a_net_of_several_outputs_or_no_positions() -> None:
    text = "net n {\n input x: 3x8x8\n a: conv 1x1 2\n b: conv 3x3 2\n output a, b\n expect receptive_field == 1\n}"
    (found,) = verify(graph_of(text))
    assert (found.code, found.help) == ("bad-promise", "write `a.receptive_field`")
    (found,) = verify(graph_of("net n {\n input x: [8]\n linear 2\n output\n expect receptive_field == 1\n}"))
    assert found.code == "bad-promise"


@pytest.mark.parametrize("fact", ["macs", "backward_macs", "saved_bytes", "moved"])
def test_a_net_without_layers_does_no_work(fact: str) -> None:
    assert verify(graph_of(f"net n {{\n input x: 3x8x8\n output\n expect {fact} == 0\n}}")) == []
    (found,) = verify(graph_of(f"net n {{\n input x: 3x8x8\n output\n expect {fact} == 1\n}}"))
    assert found.code == "broken-promise"


def test_a_promise_of_a_window_where_there_is_none() -> None:
    """A convolution of step 2 beside a piece of the input, which moves by 1."""
    text = "concat { | conv [3]/2 3 pad=1 | slice 0 16 axis=2 }\n expect receptive_field == 3"
    (found,) = verify(graph_of(net_of(text, "3x32")))
    off = "is not one window: along t paths of different strides meet, but `== 3` is promised"
    assert (found.code, found.message) == ("broken-promise", f"`receptive_field` of tried {off}")


def test_a_promise_within_calls() -> None:
    before = "block inner { c: conv 3x3 3 pad=1 }\nblock outer { inner -> d: inner }"
    text = "\n  o: outer\n  expect o.d.c.receptive_field == 5\n  expect o.d.receptive_field == 5"
    assert verify(graph_of(net_of(text, before=before))) == []
    assert len(verify(graph_of(net_of(text.replace("== 5", "== 3"), before=before)))) == 2


def test_a_derived_net_with_promises_of_its_own_has_no_others() -> None:
    text = net_of("  linear out\n  expect params == 10", "[4]", parameters="out=2")
    derived = graph_of(f"{text}net wide = tried out=3 {{ expect params == 15 }}\n", "wide")
    assert [promise.expected for promise in derived.promises] == [15]


@pytest.mark.parametrize("batch", ["0", "(-1)", "true", "1.0", "adam"])
def test_the_batch_of_a_promise_is_a_whole_number(batch: str) -> None:
    (found,) = wrong(net_of(f"  relu\n  expect memory.training < 1GiB at batch={batch}", "[4]"))
    assert found.code == ("unknown-name" if batch == "adam" else "bad-promise")
    assert wrong(net_of("  relu\n  expect memory.training < 1GiB at batch=1 dtype=bf16", "[4]")) == []
    (found,) = wrong(net_of("  relu\n  expect memory.training < 1GiB at dtype=16", "[4]"))
    assert found.message == "`dtype` is a word, such as `bf16` or `adam`"


def test_a_shape_is_added_to_nothing() -> None:
    for terms in ("params + w", "w + params"):
        (found,) = wrong(net_of(f"  w: relu\n  expect {terms} == 4", "[4]"))
        assert found.message == "only numbers can be added up, not shapes or windows"
