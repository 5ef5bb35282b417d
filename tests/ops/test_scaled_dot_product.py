"""`sdpa`: attention of projected queries, keys and values, with every mask, against the formula written out."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from archlang.facts.memory import memory, setup_of
from archlang.lower import module, torch_source
from tests.allocator import images, inference, training
from tests.specs import graph_of, words_at, wrong

T, S, WIDTH = 5, 5, 8
MASKS = {
    "none": ("", None),
    "t t": ("input mask: 5x5", (5, 5)),
    "h t t": ("input mask: 2x5x5", (2, 5, 5)),
    "param": ("param mask: [5, 5] init=normal", None),
    "param of heads": ("param mask: [2, 5, 5] init=normal", None),
    "bool": ("input mask: 5x5 dtype=bool", (5, 5)),
}


def spec(mask: str = "", lengths: bool = False, step: str = "sdpa 2", keys: int = WIDTH) -> str:
    values = ["q", "k", "v", *["mask"] * bool(mask), *["lengths"] * lengths]
    lines = [f"input a: {WIDTH}x{T}", f"input b: {keys}x{S}", f"input c: {keys}x{S}", mask]
    lines += ["input lengths: [] dtype=int64"] * lengths
    lines.sort(key=lambda line: line.startswith("param"))
    lines += [f'({one}) -> {name}: permute "n t c"' for one, name in (("a", "q"), ("b", "k"), ("c", "v"))]
    return "\n".join(["net tried {", *lines, f"({', '.join(values)}) -> {step}", "output", "}"])


def attended(q: Tensor, k: Tensor, v: Tensor, heads: int, seen: Tensor, bias: Tensor) -> Tensor:
    """Return softmax(Q·Kᵀ/sqrt(d) + bias)·V, one head after the other, in float64."""
    width = q.shape[2] // heads
    groups = heads // (k.shape[2] // width)
    out: list[Tensor] = []
    for head in range(heads):
        shared = head // groups
        one = q[:, :, head * width : (head + 1) * width].double()
        key, value = (x[:, :, shared * width : (shared + 1) * width].double() for x in (k, v))
        scores = one @ key.transpose(1, 2) / width**0.5 + bias[:, head if bias.shape[1] > 1 else 0].double()
        out.append(scores.masked_fill(~seen, float("-inf")).softmax(2) @ value)
    return torch.cat(out, 2)


@pytest.mark.parametrize("mask, lengths, causal", [*product(MASKS, (False, True), (False, True))])
def test_each_mask_hides_what_it_says(mask: str, lengths: bool, causal: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    line, shape = MASKS[mask]
    text = spec(line, lengths, f"sdpa 2 causal={str(causal).lower()}")
    net = module(graph_of(text)).eval()
    a, b, c = (torch.randn(3, WIDTH, T, generator=generator) for _ in range(3))
    rest: list[Tensor] = []
    seen = torch.ones(3, T, S, dtype=torch.bool)
    bias = torch.zeros(1, 1, T, S)
    if shape is not None:
        rest.append(torch.randn(3, *shape, generator=generator))
        if mask == "bool":
            rest[0] = (rest[0] > -0.5) | torch.eye(T, dtype=torch.bool)
            seen &= rest[0]
        else:
            bias = rest[0].reshape(3, -1, T, S)
    elif line:
        bias = dict(net.named_parameters())["mask"].detach().reshape(1, -1, T, S)
    if lengths:
        count = torch.tensor([1, 3, 5])
        rest.append(count)
        seen &= torch.arange(S) < count[:, None, None]
    if causal:
        seen &= torch.ones(T, S, dtype=torch.bool).tril()
    seen |= torch.eye(T, dtype=torch.bool) & (mask == "bool") & (not lengths)
    with torch.no_grad():
        found = net(a, b, c, *rest)
    q, k, v = (x.transpose(1, 2) for x in (a, b, c))
    wanted = attended(q, k, v, 2, seen, bias)
    filled = seen.any(2)  # a query that sees nothing has no defined result
    torch.testing.assert_close(found.double()[filled], wanted[filled], rtol=1e-5, atol=1e-5)


def test_narrower_keys_are_shared_by_groups_of_queries() -> None:
    net = module(graph_of(spec(step="sdpa 4", keys=4)))
    generator = torch.Generator().manual_seed(2)
    a, b, c = (torch.randn(2, n, T, generator=generator) for n in (8, 4, 4))
    q, k, v = (x.transpose(1, 2) for x in (a, b, c))
    wanted = attended(q, k, v, 4, torch.ones(T, S, dtype=torch.bool), torch.zeros(1, 1, T, S))
    torch.testing.assert_close(net(a, b, c).double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_mask_of_three_axes_still_takes_the_fused_kernel() -> None:
    """torch's kernel takes masks of two and four axes; with three it falls back to single products."""
    assert "mask.unsqueeze(0)" in torch_source(graph_of(spec(MASKS["param of heads"][0])))
    net = module(graph_of(spec("buffer mask: [2, 5, 5] init=normal")))
    # with the channels side by side in memory, as projections give them
    inputs = [torch.randn(1, T, WIDTH).transpose(1, 2).requires_grad_() for _ in range(3)]
    names: set[str] = set()
    todo = [net(*inputs).grad_fn]
    while todo:
        node = todo.pop()
        if node is not None:
            names.add(node.name())
            todo += [parent for parent, _ in node.next_functions]
    assert any("FlashAttention" in name for name in names), names


@pytest.mark.parametrize(
    "text, code",
    [
        (spec("input mask: 4x5"), "unequal-shapes"),
        (spec(step="sdpa 3"), "heads-do-not-divide"),
        (spec(step="sdpa 2", keys=6), "unequal-sizes"),
        (spec("input mask: 5x5 dtype=int64"), "wrong-dtype"),
    ],
)
def test_a_tensor_that_does_not_fit_is_reported_at_the_step(text: str, code: str) -> None:
    (diagnostic,) = wrong(text)
    assert diagnostic.code == code and words_at(text, diagnostic).split()[0] in ("sdpa", "2", "3")


PEAKS = {
    "a transformer": """block layer(heads) {
  let width = it.channels
  residual { layernorm -> linear (3 * width) -> split 3 axis=2 -> sdpa heads -> linear width }
  residual { layernorm -> linear (4 * width) -> gelu -> linear width }
}
net n {
  input x: 16x9
  permute "n t c" -> linear 16
  repeat 3 { layer 4 }
  linear 7
  output
}""",
    "values that are used twice": """net n {
  input x: 16x9
  (x) -> permute "n t c" -> s: it
  s -> linear 16 -> q: it
  s -> linear 8 -> k: it
  s -> linear 8 -> v: it
  (q, k, v) -> sdpa 4 causal=true -> a: it
  (a, k, v) -> sdpa 4 -> b: it
  (a, b, b) -> sdpa 2 -> linear 5
  output
}""",
    "a mask of keys": """net n {
  input x: 16x9
  (x) -> permute "n t c" -> s: it
  s -> linear 16 -> q: it
  (s) -> mean axis=2 -> greater -100 -> seen: it
  (q, q, q, seen) -> sdpa 2 -> linear 5
  output
}""",
}


@pytest.mark.parametrize("name", PEAKS)
def test_the_peaks_of_the_fused_kernel_are_torchs(name: str) -> None:
    graph = graph_of(PEAKS[name])
    net, inputs = module(graph).train(), images(graph, 3)
    found = memory(graph, setup_of("training", {"batch": 3, "optimizer": "momentum"}))
    assert not found.untold
    assert found.peak_bytes == training(graph, net, inputs, "momentum").peak_bytes
    assert memory(graph, setup_of("inference", {"batch": 3})).peak_bytes == inference(net, inputs).peak_bytes
