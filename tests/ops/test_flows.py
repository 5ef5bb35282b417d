"""Values that flow in, written as arguments, or forgotten: the help shows how they are written."""

from __future__ import annotations

import pytest

from archlang.ops import registry
from tests.specs import graph_of, words_at, wrong

SPEC = """net n {{
  input a: 16x9
  input lengths: [] dtype=int64
  (a) -> permute "n t c" -> x: it
  {} -> y: it
  output y, lengths
}}"""


@pytest.mark.parametrize(
    "step, code, words, help",
    [
        ("(x, x, x) -> sdpa 2 mask=x", "unknown-argument", "mask",
         "it is a value that flows in: `(q, k, v, mask) -> sdpa ...`"),
        ("(x) -> lstm 8 lengths=lengths", "unknown-argument", "lengths",
         "it is a value that flows in: `(x, lengths) -> lstm ...`"),
        ("(x) -> masked_fill 0", "too-few-inputs", "masked_fill", "write `(x, mask) -> masked_fill 0`"),
        ("(x, x) -> sdpa 2", "too-few-inputs", "sdpa", "write `(q, k, v) -> sdpa 2`"),
    ],
)  # fmt: skip
def test_the_help_shows_how_values_flow_in(step: str, code: str, words: str, help: str) -> None:
    text = SPEC.format(step)
    (diagnostic,) = wrong(text)
    assert (diagnostic.code, diagnostic.help) == (code, help)
    assert words_at(text, diagnostic).startswith(words)


@pytest.mark.parametrize("word", ["sdpa", "lstm", "masked_fill", "where", "rotary_embedding", "sequence_mask"])
def test_the_text_in_the_help_parses(word: str) -> None:
    """The names are those of a net in which they stand for values of fitting types."""
    for written in registry()[word].flows.values():
        graph = graph_of(f"""net n {{
  input v_: 64x9
  input mask: [{9 if word == "sdpa" else 64}] dtype=bool
  input lengths: [] dtype=int64
  input positions: [9] dtype=int64
  (v_) -> permute "n t c" -> v: it
  (v) -> identity -> q: it
  (v) -> identity -> k: it
  (v) -> identity -> x: it
  (v) -> mean axis=1 -> h: it
  (h) -> identity -> c: it
  (h) -> identity -> a: it
  (h) -> identity -> b: it
  {written.replace("(x, mask)", "(h, mask)")} -> y: it
  output y, v, q, k, x, h, c, a, b, mask, lengths, positions
}}""")
        assert graph.root.outputs
