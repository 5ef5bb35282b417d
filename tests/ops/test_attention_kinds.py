"""Attention of other kinds: grouped queries against the formula, windows against torchvision's own modules."""

from __future__ import annotations

import math
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net
from archlang.facts.receptive import Interval, receptive_fields
from archlang.laws import LAWS
from archlang.laws.calling import called, tensors
from archlang.laws.cases import Case, read, rejection
from archlang.laws.keeping import in_layout, operator_keeps_what_it_tells
from archlang.laws.seeing import influence
from archlang.ops import registry
from archlang.ops.base import Operator, Wanted
from archlang.ops.cosine_window_attention import CosineWindowAttention
from archlang.ops.relative_attention import RelativeAttention
from archlang.ops.window_attention import WindowAttention
from archlang.shapes import TensorType
from tests.cases import more
from tests.facts.test_saved import assert_exact
from tests.ops.test_laws import open_questions
from tests.parity import assert_equal_modules
from tests.reports.test_why import keeps_its_word
from tests.specs import graph_of, net_of


def module_of(op: Operator, *types: TensorType) -> nn.Module:
    module = called(Case(op, types))
    assert isinstance(module, nn.Module)
    return module


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Draw every parameter anew, so that none is 0 or equal to another."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return module


def assert_same(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Check that the buffers are equal, and with the same weights all outputs and gradients."""
    made = dict(theirs.named_buffers())
    assert made and all(torch.equal(value, made[name]) for name, value in ours.named_buffers())
    assert_equal_modules(ours, theirs, x)
    assert_equal_gradient(ours, theirs, x)


def assert_equal_gradient(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Check that the gradients of the input are equal."""
    found: list[Tensor] = []
    for module in (ours.eval(), theirs.eval()):
        one = x.clone().requires_grad_()
        (module(one) * torch.linspace(-1, 1, x.numel()).view(x.shape)).sum().backward()
        assert one.grad is not None
        found.append(one.grad)
    assert torch.equal(*found)


# ---- windows, as torchvision has them


@st.composite
def settings_of_windows(draw: st.DrawFn) -> tuple[dict[str, object], tuple[int, ...]]:
    """Return fields of an attention within windows, and the shape of a map."""
    window = draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    shift = tuple(draw(st.integers(0, side - 1)) for side in window)
    heads = draw(st.integers(1, 3))
    fields: dict[str, object] = {
        "window": window,
        "heads": heads,
        "shift": draw(st.just(shift) | st.just(min(shift))),
        "qkv_bias": draw(st.booleans()),
        "proj_bias": draw(st.booleans()),
        "attention_dropout": draw(st.sampled_from((0.0, 0.3))),
        "dropout": draw(st.sampled_from((0.0, 0.2))),
    }
    sizes = draw(st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)))
    return fields, (*sizes, heads * draw(st.integers(1, 4)))


@pytest.mark.parametrize(
    "word, theirs", [("window_attention", ""), ("cosine_window_attention", "V2")], ids=lambda x: x or "V1"
)
def test_windows_are_torchvisions(word: str, theirs: str, torchvision: ModuleType) -> None:
    @more
    @given(settings_of_windows())
    def equal(drawn: tuple[dict[str, object], tuple[int, ...]]) -> None:
        fields, shape = drawn
        op = registry()[word].model_validate(fields)
        ours = module_of(op, TensorType((1, *shape[1:]), ("n", "h", "w", "c")))
        shift = fields["shift"] if isinstance(fields["shift"], tuple) else (fields["shift"],) * 2
        kind = getattr(torchvision.models.swin_transformer, f"ShiftedWindowAttention{theirs}")
        own = {name: fields[name] for name in ("qkv_bias", "proj_bias", "attention_dropout", "dropout")}
        other = randomised(kind(shape[-1], list(op.model_dump()["window"]), list(shift), fields["heads"], **own))
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        assert_same(ours, other, x)

    equal()


@st.composite
def settings_of_tokens(draw: st.DrawFn) -> tuple[int, int, tuple[int, ...]]:
    """Return a side of a window, heads, and the shape of windows and tokens.

    None is 1 but for heads and windows: torchvision's `einsum` takes an axis of one out of the product, and then its
    gradients are summed in another order.
    """
    side, heads = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    width = heads * draw(st.integers(2, 5))
    return side, heads, (draw(st.integers(1, 2)), draw(st.integers(1, 3)), side * side, width)


def test_relative_attention_is_torchvisions(torchvision: ModuleType) -> None:
    @more
    @given(settings_of_tokens())
    def equal(drawn: tuple[int, int, tuple[int, ...]]) -> None:
        side, heads, shape = drawn
        op = RelativeAttention(window=(side, side), heads=heads, scale="channels")
        ours = module_of(op, TensorType((1, *shape[1:]), ("n", "g", "t", "c")))
        kind = torchvision.models.maxvit.RelativePositionalMultiHeadAttention
        other = randomised(kind(shape[-1], shape[-1] // heads, side * side))
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        assert_same(ours, other, x)

    equal()


def test_relative_attention_in_windows_that_are_no_squares() -> None:
    """softmax(Q·Kᵀ/sqrt(d) + B)·V, number by number."""
    module = randomised(module_of(RelativeAttention(window=(2, 3), heads=2), TensorType((1, 6, 4), ("n", "t", "c"))))
    x = torch.randn(3, 6, 4)
    q, k, v = module.get_submodule("to_qkv")(x).chunk(3, -1)
    table = module.get_parameter("relative_position_bias_table")
    result = torch.empty(3, 6, 4)
    for n in range(3):
        for head in range(2):
            part = slice(2 * head, 2 * head + 2)
            for i in range(6):
                scores = torch.stack(
                    [
                        q[n, i, part] @ k[n, j, part] / math.sqrt(2)
                        + table[(i // 3 - j // 3 + 1) * 5 + (i % 3 - j % 3 + 2), head]
                        for j in range(6)
                    ]
                )
                result[n, i, part] = scores.softmax(0) @ v[n, :, part]
    assert torch.allclose(module(x), module.get_submodule("merge")(result), atol=1e-6)


# ---- which positions a window sees


@pytest.mark.parametrize("word", ["window_attention", "cosine_window_attention"])
@pytest.mark.parametrize(("size", "shift"), [(9, 0), (9, 1), (9, 2), (7, 0), (8, 2), (3, 2), (2, 1)])
def test_a_position_sees_its_window_and_nothing_else(word: str, size: int, shift: int) -> None:
    """Windows have 3 positions, moved by the shift. The two sides of the map in the last window see only themselves."""
    op = registry()[word].model_validate({"window": (3, 2), "heads": 1, "shift": (shift, 0)})
    moved = shift if size > 3 else 0
    firsts = [0, *range(moved or 3, size, 3)]
    windows = [range(first, end) for first, end in zip(firsts, [*firsts[1:], size], strict=True)]
    expected = [set(window) for window in windows for _ in window]
    assert influence(Case(op, (TensorType((1, size, 4, 4), ("n", "h", "w", "c")),)), 0, "h") == expected


def test_windows_whose_shift_is_as_large_as_they_are() -> None:
    x = TensorType((1, 8, 8, 4), ("n", "h", "w", "c"))
    said = rejection(WindowAttention(window=(4, 2), heads=2, shift=2), x)
    assert (said.code, said.about) == ("out-of-range", "shift")
    assert said.message == "`shift` of window_attention must be below the side of its window, but these are 2 and 2"
    assert rejection(WindowAttention(window=(4, 4), heads=3), x).message == "4 channels are not a multiple of 3 heads"
    assert rejection(WindowAttention(window=(4,), heads=2), x).code == "window-rank"
    said = rejection(WindowAttention(window=(4, 4), heads=2), TensorType((1, 4, 8, 8), ("n", "c", "h", "w")))
    assert (said.code, 'permute "n h w c"' in (said.help or "")) == ("needs-channels-last", True)
    tokens = TensorType((1, 9, 4), ("n", "t", "c"))
    said = rejection(RelativeAttention(window=(2, 4), heads=2), tokens)
    assert said.message == "a window of 2x4 has 8 positions, but 9x4 has 9"


# ---- grouped queries


@pytest.mark.parametrize(
    ("step", "inputs"),
    [
        ("grouped_query_attention 6 kv_heads=2", "5x12 n t c"),
        ("grouped_query_attention 4 kv_heads=1 causal=true qkv_bias=false", "5x8 n t c"),
        ("grouped_query_attention 4 kv_heads=4 proj_bias=false", "5x8 n t c"),
        ("grouped_query_attention 4 kv_heads=2 head_width=3 scale=0.25", "5x6 n t c, 3x4 n t c, 3x7 n t c"),
    ],
)
def test_grouped_queries_number_by_number(step: str, inputs: str) -> None:
    case = read(step, *inputs.split(", "))
    fields, module = case.op.model_dump(), called(case)
    assert isinstance(module, nn.Module)
    randomised(module)
    given = [torch.randn(2, *x.shape[1:], requires_grad=True) for x in case.types]
    query, key, value = given if len(given) == 3 else given * 3
    heads, shared = fields["heads"], fields["kv_heads"]
    q, k, v = (
        module.get_submodule(f"{name}_proj")(x).unflatten(2, (count, -1))
        for name, x, count in (("q", query, heads), ("k", key, shared), ("v", value, shared))
    )
    parts: list[Tensor] = []
    for head in range(heads):
        own = head // (heads // shared)
        scores = torch.einsum("nid,njd->nij", q[:, :, head], k[:, :, own]) * (fields["scale"] or q.shape[-1] ** -0.5)
        if fields["causal"]:
            scores = scores.masked_fill(torch.ones(scores.shape[1:], dtype=torch.bool).triu(1), -math.inf)
        parts.append(scores.softmax(-1) @ v[:, :, own])
    expected = module.get_submodule("o_proj")(torch.cat(parts, -1))
    found = module(*given)
    assert torch.allclose(found, expected, atol=1e-5)
    wanted = [*given, *module.parameters()]
    weights = torch.randn(found.shape)
    both = (torch.autograd.grad((y * weights).sum(), wanted) for y in (found, expected))
    for mine, other in zip(*both, strict=True):
        assert torch.allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize(
    ("step", "inputs"),
    [
        ("grouped_query_attention 4 kv_heads=2", "6x8 n t c, 3x4 n t c, 3x6 n t c"),
        ("grouped_query_attention 4 kv_heads=1 causal=true proj_bias=false", "3x8 n t c, 3x8 n t c, 3x2 n t c"),
        ("grouped_query_attention 2 kv_heads=2 qkv_bias=false", "6x8 n t c, 3x8 n t c, 3x8 n t c"),
    ],
)
def test_queries_from_elsewhere_keep_the_laws(step: str, inputs: str, order: tuple[int, ...]) -> None:
    case = read(step, *inputs.split(", "))
    for law in LAWS:
        with open_questions(case.op, law):
            law(case)
    keeps_its_word(case)
    for batch in (1, 2):
        operator_keeps_what_it_tells(case, [in_layout(x, order, False) for x in tensors(case.types, batch)])


def test_as_many_heads_of_keys_as_of_queries_are_multi_head_attention() -> None:
    case = read("grouped_query_attention 4 kv_heads=4", "5x8 n t c")
    ours, theirs = called(case), nn.MultiheadAttention(8, 4, batch_first=True)
    assert isinstance(ours, nn.Module)
    randomised(theirs)
    state = {f"{name}_proj.weight": part for name, part in zip("qkv", theirs.in_proj_weight.chunk(3), strict=True)}
    state |= {f"{name}_proj.bias": part for name, part in zip("qkv", theirs.in_proj_bias.chunk(3), strict=True)}
    state |= {"o_proj.weight": theirs.out_proj.weight, "o_proj.bias": theirs.out_proj.bias}
    ours.load_state_dict(state)
    x = torch.randn(2, 5, 8)
    assert torch.allclose(ours(x), theirs(x, x, x)[0], atol=1e-5)
    said = rejection(registry()["grouped_query_attention"].model_validate({"heads": 4, "kv_heads": 3}), case.types[0])
    assert (said.code, said.about) == ("heads-do-not-divide", "kv_heads")


# ---- in nets

BODIES = {
    "windows": (
        "3x12x10",
        """conv 3x3/2 8 pad=1 -> permute "n h w c"
        residual { layernorm -> window_attention 3x3 2 shift=1 attention_dropout=0.2 dropout=0.1 }
        residual { cosine_window_attention 2x4 2 shift=[1, 2] -> layernorm }
        window_attention 6x5 4 -> window_attention 1x2 1 -> permute "n c h w" -> conv 1x1 4""",
    ),
    "grids": (
        "4x4x6",
        """conv 1x1 8
        rearrange "n c (h p=2) (w q=3) -> n (h w) (p q) c"
        residual { layernorm -> relative_attention 2x3 2 }
        rearrange "n (h=2 w=2) (p=2 q=3) c -> (n p q) (h w) c" -> relative_attention 2x2 1 scale=channels
        grouped_query_attention 4 kv_heads=2 causal=true -> x: layernorm
        slice 0 3 -> (it, x, x) -> grouped_query_attention 2 kv_heads=1 head_width=3""",
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_nets_save_what_is_predicted(name: str) -> None:
    input, body = BODIES[name]
    assert_exact(graph_of(net_of(body, input)))


def test_one_module_serves_maps_of_every_size(torchvision: ModuleType) -> None:
    text = net_of('permute "n h w c" -> a: window_attention 3x3 2 shift=1', "[4, H=9, W=9]")
    module = Net(graph_of(text)).module(seed=0)
    theirs = torchvision.models.swin_transformer.ShiftedWindowAttention(4, [3, 3], [1, 1], 2).eval()
    theirs.load_state_dict(module.get_submodule("a").state_dict())
    for height, width in ((9, 9), (3, 12), (2, 2), (7, 10)):
        x = torch.randn(2, 4, height, width)
        assert torch.equal(module.eval()(x), theirs(x.permute(0, 2, 3, 1)))
        graph = graph_of(text, H=str(height), W=str(width))
        assert graph.root.types[-1].shape == (1, height, width, 4)


def test_the_receptive_field_of_windows() -> None:
    """Every position of a window sees all of it; a window that covers the map is the whole axis."""
    body = (
        'conv 2x2/2 4 -> permute "n h w c" -> window_attention 3x8 2 shift=1 -> permute "n c h w" -> conv 3x3 4 pad=1'
    )
    *_, last = receptive_fields(graph_of(net_of(body, "3x24x16"))).values()
    assert last.axes["h"] == Interval(14, 2, 6)
    assert last.whole_axes == ("w",)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_small_network_works_once_for_a_batch(batch: int) -> None:
    op, x = CosineWindowAttention(window=(2, 3), heads=2), TensorType((1, 4, 6, 4), ("n", "h", "w", "c"))
    module = module_of(op, x)
    with FlopCounterMode(display=False) as counter:
        result = module(torch.randn(batch, 4, 6, 4))
    told = op.work(x) * batch + op.once(x) * (1 - batch)
    assert told.macs * 2 == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        result.sum().backward()
    wanted = Wanted((False,), weights=True)
    told = op.backward(wanted, x) * batch + op.once_backward(wanted, x) * (1 - batch)
    assert told.macs * 2 == counter.get_total_flops()
