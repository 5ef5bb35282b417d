"""Recurrent layers over texts of different lengths, compared with each text by itself, and with packed sequences."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from archlang.facts.memory import memory, setup_of
from archlang.facts.saved import saved
from archlang.facts.untold import UnknownFact
from archlang.lower import module
from tests.specs import graph_of, words_at, wrong

T, WIDTH, HIDDEN = 6, 4, 3
LENGTHS = torch.tensor([2, 6, 1, 4])
KINDS: dict[str, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def spec(word: str, options: str, states: int = 0) -> str:
    names = ["h", "c"][:states]
    lines = ["input x: 4x6", "input lengths: [] dtype=int64", *(f"input {name}: [{HIDDEN}]" for name in names)]
    results = ", ".join(["y", *["h", "c"][: 2 if word == "lstm" else 1]]) if "carry=true" in options else "y"
    made = results.replace("h", "last").replace("c", "cell")
    lines += ['(x) -> permute "n t c" -> s: it', f"({', '.join(['s', 'lengths', *names])}) -> r: {word} 3 {options}"]
    lines[-1] += f" -> {f'({made})' if ',' in made else made}: it"
    return "\n  ".join(["net n {", *lines, f"output {made}"]) + "\n}"


def outputs(given: Any) -> tuple[Tensor, ...]:
    return given if isinstance(given, tuple) else (given,)


@pytest.mark.parametrize(
    "word, options",
    [*product(KINDS, ("", "bidirectional=true", "layers=2 bidirectional=true carry=true", "state=true"))],
)
def test_each_image_is_read_independently_of_the_others(word: str, options: str) -> None:
    """As the same layer reads it without lengths, up to its length; results after that are 0."""
    packed = module(graph_of(spec(word, options)))
    alone = module(graph_of(spec(word, options).replace("(s, lengths)", "(s)").replace("output", "output lengths,")))
    alone.load_state_dict(packed.state_dict())
    x = torch.randn(4, WIDTH, T, generator=torch.Generator().manual_seed(1)).requires_grad_()
    found, parts = (
        outputs(packed(x, LENGTHS)),
        [outputs(alone(x[at : at + 1, :, :n], LENGTHS[:1]))[1:] for at, n in enumerate(LENGTHS)],
    )
    wanted = [torch.cat([_padded(part[at]) for part in parts]) for at in range(len(found))]
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad(torch.stack([y.square().sum() for y in ys]).sum(), x)[0] for ys in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)
    assert gradients[0][2, :, 1:].eq(0).all()


def _padded(y: Tensor) -> Tensor:
    return y if y.ndim == 2 else nn.functional.pad(y, (0, 0, 0, T - y.shape[1]))


@pytest.mark.parametrize("word", KINDS)
def test_states_that_flow_in_and_out_are_torchs(word: str) -> None:
    states = 2 if word == "lstm" else 1
    ours = module(graph_of(spec(word, "carry=true", states)))
    theirs = KINDS[word](WIDTH, HIDDEN, batch_first=True)
    theirs.load_state_dict(ours.get_submodule("r").state_dict())
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, WIDTH, T, generator=generator)
    first = [torch.randn(4, HIDDEN, generator=generator) for _ in range(states)]
    packed = pack_padded_sequence(x.mT, LENGTHS, batch_first=True, enforce_sorted=False)
    begin = [each[None] for each in first]
    y, last = theirs(packed, tuple(begin) if states == 2 else begin[0])
    ends = last if states == 2 else (last,)
    wanted = (pad_packed_sequence(y, batch_first=True, total_length=T)[0], *(each[0] for each in ends))
    for mine, other in zip(ours(x, LENGTHS, *first), wanted, strict=True):
        assert torch.equal(mine, other)


TAGGER = """
net tagger(words=30, width=8, hidden=6, tags=5) {
  input text: [T=6] dtype=int64
  input lengths: [] dtype=int64
  (text) -> word: embedding words width padding=0 -> dropout -> vectors: it
  (vectors, lengths) -> lstm: lstm hidden layers=2 bidirectional=true dropout=0.5
  dropout -> tag: linear tags
  output
}
"""


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.word, self.drop = nn.Embedding(30, 8, padding_idx=0), nn.Dropout()
        self.lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True, dropout=0.5)
        self.tag = nn.Linear(12, 5)

    def forward(self, text: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.drop(self.word(text)), lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=text.shape[1])
        scores: Tensor = self.tag(self.drop(read))
        return scores


@pytest.mark.parametrize("length", [6, 9])
def test_a_tagger_is_a_module_by_hand_in_outputs_and_gradients(length: int) -> None:
    ours, theirs = module(graph_of(TAGGER)), Tagger()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    text = torch.randint(1, 30, (4, length), generator=torch.Generator().manual_seed(1))
    text[torch.arange(length) >= LENGTHS[:, None]] = 0
    given: list[Tensor] = []
    for net in (ours, theirs):
        torch.manual_seed(3)
        given.append(net(text, LENGTHS))
        given[-1].square().sum().backward()
    assert torch.equal(*given)
    gradients = {name: x.grad for name, x in theirs.named_parameters()}
    for name, x in ours.named_parameters():
        found, wanted = x.grad, gradients[name]
        assert found is not None and wanted is not None and torch.equal(found, wanted), name


def test_saved_bytes_that_depend_on_lengths_are_reported_as_unknown() -> None:
    graph = graph_of(TAGGER)
    assert [(one.path, one.question) for one in saved(graph).untold] == [("lstm", "saved")]
    with pytest.raises(UnknownFact, match="`lstm` \\(lstm\\) does not declare `saved`"):
        memory(graph, setup_of("training", {}))
    assert memory(graph, setup_of("inference", {})).peak_bytes > 0


@pytest.mark.parametrize(
    "values, code", [("s, h", "wrong-rank"), ("s, lengths, h", "wrong-rank"), ("s, h, lengths", "wrong-rank")]
)
def test_missing_states_are_reported_at_the_step(values: str, code: str) -> None:
    text = spec("lstm", "", 1).replace("s, lengths, h", values).replace("output y", "output y, lengths, h")
    (diagnostic,) = wrong(text)
    assert diagnostic.code == code and words_at(text, diagnostic).startswith("lstm")
