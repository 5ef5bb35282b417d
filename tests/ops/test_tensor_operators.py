"""Operators that move, cut, reduce and multiply tensors, against their formulas, number by number, and inside nets."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net, load
from archlang.facts.receptive import receptive_fields
from archlang.facts.work import count
from archlang.laws.calling import called, tensors
from archlang.laws.cases import Case, examples, read, rejection
from archlang.lower import module
from archlang.ops.alike import Add
from archlang.ops.arithmetic import Mul
from archlang.ops.axis_names import Axes
from archlang.ops.base import Operator, Slide
from archlang.ops.contraction import Einsum
from archlang.ops.cropping import Crop
from archlang.ops.elementary import Clamp
from archlang.ops.moments import Var
from archlang.ops.moving import Roll
from archlang.ops.one_hot import OneHot
from archlang.ops.unit_axes import Expand, Squeeze
from archlang.ops.unpooling import MaxUnpool
from archlang.shapes import TensorType, input_type, param_type
from tests.facts.test_receptive_gradients import ends, seen_by_gradient, told
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of

SEGNET = Path(__file__).parents[1] / "nets" / "segnet.arch"
MAP = input_type((3, 4, 6))
POINTS = (-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 7.0)
NAN = math.nan

# ---- elementary functions, value by value --------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x,
    "scale -1.5": lambda x: -1.5 * x,
    "shift 2": lambda x: x + 2,
    "neg -> shift 1": lambda x: 1 - x,
    "abs": abs,
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else NAN,
    "rsqrt": lambda x: NAN if x < 0 else 1 / math.sqrt(x) if x else math.inf,
    "reciprocal": lambda x: 1 / x if x else math.inf,
    "square": lambda x: x * x,
    "pow 3": lambda x: x**3,
    "pow 0.5": lambda x: math.sqrt(x) if x >= 0 else NAN,
    "log": lambda x: NAN if x < 0 else math.log(x) if x else -math.inf,
    "sin": math.sin,
    "cos": math.cos,
    "sign": lambda x: (x > 0) - (x < 0),
    "clamp low=-0.75 high=1.5": lambda x: min(max(x, -0.75), 1.5),
    "clamp low=0": lambda x: max(x, 0),
    "clamp high=0.5": lambda x: min(x, 0.5),
}


@pytest.mark.parametrize("step, function", FUNCTIONS.items(), ids=FUNCTIONS)
def test_functions(step: str, function: Callable[[float], float]) -> None:
    module = Net(graph_of(net_of(step, f"[{len(POINTS)}]"))).module()
    given = module(torch.tensor([POINTS]))
    assert given.flatten().tolist() == pytest.approx([function(x) for x in POINTS], rel=1e-6, nan_ok=True)


def test_clamp_needs_a_bound() -> None:
    said = rejection(Clamp(), MAP)
    assert (said.code, said.about) == ("missing-argument", "low")


# ---- reductions ----------------------------------------------------------------------------------------------------


def deviation(values: list[float], correction: int) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - correction)


REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "max axis=2": max,
    "min axis=2": min,
    "argmax axis=2": lambda v: v.index(max(v)),
    "argmin axis=2": lambda v: v.index(min(v)),
    "prod axis=2": math.prod,
    "var axis=2": lambda v: deviation(v, 1),
    "var axis=2 correction=0": lambda v: deviation(v, 0),
    "std axis=2": lambda v: math.sqrt(deviation(v, 1)),
    "vector_norm axis=2": lambda v: math.sqrt(sum(x * x for x in v)),
    "vector_norm axis=2 p=3": lambda v: sum(abs(x) ** 3 for x in v) ** (1 / 3),
    "logsumexp axis=2": lambda v: math.log(sum(math.exp(x) for x in v)),
}


@pytest.mark.parametrize("step, function", REDUCTIONS.items(), ids=REDUCTIONS)
def test_reductions(step: str, function: Callable[[list[float]], float]) -> None:
    x = torch.randn(2, 3, 5, dtype=torch.float64)
    given = called(read(step, "3x5"))(x)
    for n, c in product(range(2), range(3)):
        assert given[n, c].item() == pytest.approx(function(x[n, c].tolist()))
    kept = called(read(f"{step} keep=true", "3x5"))(x)
    assert torch.equal(kept, given.unsqueeze(2))


def test_reductions_of_several_axes() -> None:
    x = torch.randn(2, 3, 4, 5)
    for word, wanted in (
        ("max", x.flatten(2).amax(2)),
        ("std", x.flatten(2).std(2)),
        ("vector_norm", x.flatten(2).norm(dim=2)),
    ):
        assert torch.allclose(called(read(f"{word} [2, 3]", "3x4x5"))(x), wanted)


def test_a_running_sum() -> None:
    x = torch.randn(2, 4, 3)
    y = called(read("cumsum axis=1", "4x3 n t c"))(x)
    for t in range(4):
        assert torch.allclose(y[:, t], x[:, : t + 1].sum(1))
    reach = read("cumsum axis=1", "4x3 n t c").op.reach(TensorType((1, 4, 3), ("n", "t", "c")))
    assert reach is not None and reach.slides["t"] == Slide(4, 1, 3, past=True)


def test_one_value_has_no_variance() -> None:
    said = rejection(Var(axis=1), input_type((1, 5)))
    assert (said.code, said.message) == ("one-position", "one value has no var with correction=1")
    assert said.help == "write `correction=0`"


# ---- moved, cut, repeated ------------------------------------------------------------------------------------------


def test_rolled_values_that_leave_at_one_end_enter_at_the_other() -> None:
    x = torch.randn(2, 3, 4, 5)
    y = called(read("roll [1, -2]", "3x4x5"))(x)
    for i, j in product(range(4), range(5)):
        assert torch.equal(y[:, :, (i + 1) % 4, (j - 2) % 5], x[:, :, i, j])
    tokens = torch.randn(2, 4, 5, 3)
    turned = called(read("roll -1", "4x5x3 n h w c"))(tokens)
    assert torch.equal(turned[:, 1, 2], tokens[:, 2, 3])
    assert rejection(Roll(shift=1), input_type((7,))).code == "wrong-rank"
    assert rejection(Roll(shifts=(1, 2, 3)), MAP).code == "sides-differ"


def test_a_value_in_reverse() -> None:
    x = torch.randn(2, 6, 3)
    y = called(read("flip axis=1", "6x3 n t c"))(x)
    assert all(torch.equal(y[:, t], x[:, 5 - t]) for t in range(6))


@pytest.mark.parametrize(
    "step, template",
    [
        ("crop 2x3", "{0}[:, :, 1:-1, 1:-2]"),
        ("crop 4x6", "{0}[:, :, :, :]"),
        ("crop 3x2 start=[1, 0]", "{0}[:, :, 1:, :-4]"),
        ("crop 1x1 start=2", "{0}[:, :, 2:-1, 2:-3]"),
    ],
)
def test_a_crop_is_counted_from_both_ends(step: str, template: str) -> None:
    case = read(step, "3x4x6")
    told = case.op.torch(MAP)
    assert getattr(told, "template", "") == template
    x = torch.randn(2, 3, 4, 6)
    (y,) = case.op.outputs(MAP)
    assert called(case)(x).shape[2:] == y.shape[2:]


def test_a_crop_that_does_not_fit() -> None:
    said = rejection(Crop(size=(5, 3)), MAP)
    assert said.message == "3x4x6 has 4 positions along h, but `size` of crop is 5"
    said = rejection(Crop(size=(2, 3), start=3), MAP)
    assert (said.message, said.about) == ("2 positions from 3 on are more than 3x4x6 has along h", "start")


def test_a_crop_takes_the_size_of_another_value() -> None:
    """U-Net's skip: the map that was kept is cut to the size of the value that flows."""
    body = "kept: conv 3x3 4 -> maxpool 2x2/2 -> conv 3x3 4 -> up: deconv 2x2/2 4\n"
    body += "(kept) -> crop [up.height, up.width] -> (it, up) -> concat -> conv 1x1 2"
    graph = graph_of(net_of(body, "1x20x22"))
    assert str(graph.root.types[graph.root.outputs[0].value]) == "2x14x16"
    module = Net(graph).module(seed=0)
    assert module(torch.randn(2, 1, 20, 22)).shape == (2, 2, 14, 16)
    assert_exact(graph)


def test_axes_of_one_position() -> None:
    x = torch.randn(2, 1, 4)
    assert torch.equal(called(read("squeeze axis=1", "1x4"))(x), x[:, 0])
    assert called(read("unsqueeze axis=1", "7"))(torch.randn(2, 7)).shape == (2, 1, 7)
    assert torch.equal(called(read("expand [6, -1]", "1x4"))(x), x.repeat(1, 6, 1))
    assert torch.equal(called(read("tile 3 axis=2", "1x4"))(x), torch.cat([x] * 3, 2))
    said = rejection(Squeeze(axis=1), MAP)
    assert said.message == "squeeze removes an axis of size 1, but `axis` 1 (the channels) of 3x4x6 has 3"
    said = rejection(Expand(shape=(3, 4, 7)), MAP)
    assert said.message == "expand repeats axes of size 1, but 3x4x6 has 6 along w, where `shape` has 7"


def test_an_expanded_value_can_be_added() -> None:
    """Elsewhere `add` refuses unequal shapes, which are a mistake in a residual net."""
    body = "x: conv 3x3 4 pad=1\n residual { globalavgpool -> conv 1x1 4 -> expand [-1, 8, 8] }"
    graph = graph_of(net_of(body, "3x8x8"))
    assert_exact(graph)
    with FlopCounterMode(display=False) as counter:
        Net(graph).module()(torch.randn(2, 3, 8, 8))
    assert counter.get_total_flops() == 2 * count(graph, 2).net.macs


# ---- pools undone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", ["max_unpool 2x3/2x3", "max_unpool 3x3/2 pad=1 size=[5, 6]", "max_unpool 2x2/2 size=[5, 6]"]
)
def test_values_go_back_where_they_came_from(step: str) -> None:
    pool = {"max_unpool 2x3/2x3": "2x3/2x3", "max_unpool 3x3/2 pad=1 size=[5, 6]": "3x3/2 pad=1"}.get(step, "2x2/2")
    x = torch.randn(2, 3, 5, 6)
    values, places = called(read(f"maxpool {pool} indices=true", "3x5x6"))(x)
    shape = "x".join(map(str, values.shape[1:]))
    y = called(read(step, shape, f"{shape} int64"))(values, places)
    wanted = torch.zeros_like(y)
    for n, c in product(range(2), range(3)):
        for value, place in zip(values[n, c].flatten().tolist(), places[n, c].flatten().tolist(), strict=True):
            wanted[n, c, place // y.shape[3], place % y.shape[3]] = value
    assert torch.equal(y, wanted)


def test_an_unpooling_that_fits_no_pool() -> None:
    places = TensorType(MAP.shape, MAP.axes, "int64")
    said = rejection(MaxUnpool(kernel=(2, 2), size=(7, 14)), MAP, places)
    assert said.message == "a pool with 6 outputs along w has 11 to 13 inputs, but `size` is 14"
    said = rejection(MaxUnpool(kernel=(2, 2)), MAP, MAP)
    assert said.help == "`maxpool 2x2/2 indices=true` gives them as its second value"
    assert rejection(MaxUnpool(kernel=(2, 2)), MAP, places.resized(h=3)).code == "unequal-shapes"
    assert rejection(MaxUnpool(kernel=(2, 2), pad=2), MAP, places).code == "pool-padding"


def test_the_receptive_field_of_an_unpooled_value() -> None:
    """By torch's gradients: no more than declared, and some phase touches each end."""
    body = "conv [3] 2 pad=1 -> maxpool [2]/2 indices=true -> (pooled, places): it\n"
    body += "(pooled) -> conv [3] 2 pad=1 -> (it, places) -> max_unpool [2]/2 -> conv [3] 2 pad=1"
    graph = graph_of(net_of(body, "2x48"))
    paths = ends(graph)["t"]
    windows = [told(paths, position, 48) for position in range(48)]
    assert all(seen <= window for seen, window in zip(seen_by_gradient(graph, "t"), windows, strict=True))
    assert max(map(len, windows)) < 24


def test_segnet_sees_a_part_of_the_image() -> None:
    graph = load(str(SEGNET), widths=[4, 4], depths=[1, 1], H=64, W=64).graph
    *_, last = graph.flat()
    field = receptive_fields(graph)[last.outputs[0]]
    assert field.whole_axes == field.uneven_axes == ()


def test_segnet_as_published() -> None:
    """13 convolutions of VGG-16 on either side, with batch norm and without biases: 29.5 million parameters."""
    paper = {"widths": [64, 128, 256, 512, 512], "depths": [2, 2, 3, 3, 3], "classes": 11, "H": 360, "W": 480}
    graph = load(str(SEGNET), **paper).graph
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    encoder = sum(9 * a * b + 2 * b for a, b in pairwise(widths))
    back = [*reversed(widths[1:]), 64]
    decoder = sum(9 * a * b + 2 * b for a, b in pairwise(back))
    assert count(graph).net.params == encoder + decoder + 9 * 64 * 11 + 11


@pytest.mark.parametrize("shape", [(4,), (4, 5), (2, 3, 4)])
def test_a_bed_of_nails(shape: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, *shape)
    y = called(read("bed_of_nails 3", "x".join(map(str, (3, *shape)))))(x)
    nails = tuple(slice(None, None, 3) for _ in shape)
    assert torch.equal(y[(..., *nails)], x)
    assert y.count_nonzero() == x.count_nonzero() and y.shape[2:] == tuple(3 * size for size in shape)


def test_shuffles_undo_each_other() -> None:
    x = torch.randn(2, 8, 3, 5)
    y = called(read("pixel_shuffle 2", "8x3x5"))(x)
    assert torch.equal(called(read("pixel_unshuffle 2", "2x6x10"))(y), x)


def test_the_nearest_value_by_both_rules() -> None:
    x = torch.arange(5.0).reshape(1, 1, 5)
    lower = called(read("resize [3]", "1x5"))(x).flatten().tolist()
    middle = called(read("resize [3] mode=nearest_exact", "1x5"))(x).flatten().tolist()
    assert lower == [math.floor(i * 5 / 3) for i in range(3)]
    assert middle == [math.floor((i + 0.5) * 5 / 3) for i in range(3)]


# ---- patterns over two values --------------------------------------------------------------------------------------


def looped(pattern: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the sum of products, one after the other."""
    before, result = pattern.split("->")
    first, second = (side.split() for side in before.split(","))
    names = result.split()
    sizes = dict(zip([*first, *second], [*x.shape, *y.shape], strict=True))
    made = torch.zeros([sizes[name] for name in names])
    for places in product(*(range(size) for size in sizes.values())):
        at = dict(zip(sizes, places, strict=True))
        made[tuple(at[n] for n in names)] += x[tuple(at[n] for n in first)] * y[tuple(at[n] for n in second)]
    return made


@pytest.mark.parametrize("case", examples(Einsum), ids=str)
def test_einsum_is_the_sum_of_products(case: Case) -> None:
    x, y = (value.detach() for value in tensors(case.types))
    assert isinstance(case.op, Einsum)
    assert torch.allclose(called(case)(x, y), looped(case.op.pattern, x, y), atol=1e-5)


def test_the_axes_of_an_einsum() -> None:
    tokens, others = TensorType((1, 6, 4), ("n", "t", "c")), TensorType((1, 5, 4), ("n", "t", "c"))
    (scores,) = Einsum(pattern="n q c, n k c -> n q k").outputs(tokens, others)
    assert (scores.names, scores.shape) == ("n t k", (1, 6, 5))
    (wide,) = Einsum(pattern="n t c, c e -> n t e").outputs(tokens, param_type((4, 7)))
    assert (wide.names, wide.shape) == ("n t c", (1, 6, 7))


@pytest.mark.parametrize(
    "pattern, code",
    [
        ("n t c -> n c t", "bad-pattern"),
        ("n t c, n s c", "bad-pattern"),
        ("n t c, n s c, n s c -> n t s", "bad-pattern"),
        ("n t c, n s c -> n t x", "bad-pattern"),
        ("n t t, n s c -> n t s", "bad-pattern"),
        ("n t (c), n s c -> n t s", "bad-pattern"),
        ("n t c, n s c -> ", "bad-pattern"),
        ("n c, n s c -> n s", "pattern-rank"),
        ("n h c, n s c -> n h s", "pattern-axis"),
        ("n t c, n t c -> n t", "pattern-size"),
        ("n t c, m s c -> n t s", "batch-axis"),
        ("n t c, n s c -> t s", "batch-axis"),
        ("n t c, n s c -> t n s", "batch-axis"),
        ("n t c, n n s -> n t", "bad-pattern"),
    ],
)
def test_patterns_that_do_not_fit(pattern: str, code: str) -> None:
    said = rejection(
        Einsum(pattern=pattern), TensorType((1, 6, 4), ("n", "t", "c")), TensorType((1, 5, 4), ("n", "t", "c"))
    )
    assert (said.code, said.about) == (code, "pattern")


def test_attention_by_einsum_inside_a_net() -> None:
    body = """permute "n t c" -> x: linear 8
    q: rearrange "n t (g=2 c) -> n t g c"
    (q, q) -> einsum "n t g c, n s g c -> n g t s" -> scale 0.5 -> softmax axis=-1
    (it, q) -> einsum "n g t s, n s g c -> n t g c" -> rearrange "n t g c -> n t (g c)" -> linear 8"""
    graph = graph_of(net_of(body, "8x6"))
    assert_exact(graph)
    with FlopCounterMode(display=False) as counter:
        Net(graph).module()(torch.randn(2, 8, 6))
    assert counter.get_total_flops() == 2 * count(graph, 2).net.macs


# ---- positions, classes, patches -----------------------------------------------------------------------------------


def test_sines_are_added() -> None:
    x = torch.randn(2, 6, 5)
    module = called(read("positional_encoding base=100", "6x5 n t c"))
    given = module(x) - x
    for t, c in product(range(6), range(5)):
        angle = t / 100 ** (2 * (c // 2) / 5)
        wanted = math.sin(angle) if c % 2 == 0 else math.cos(angle)
        assert given[0, t, c].item() == pytest.approx(wanted, abs=1e-5)
    assert isinstance(module, nn.Module) and not module.state_dict()


@pytest.mark.parametrize("interleaved", [False, True])
def test_pairs_are_turned(interleaved: bool) -> None:
    x = torch.randn(2, 5, 6)
    step = "rotary_embedding base=100" + " interleaved=true" * interleaved
    y = called(read(step, "5x6 n t c"))(x)
    for t, pair in product(range(5), range(3)):
        a, b = (2 * pair, 2 * pair + 1) if interleaved else (pair, pair + 3)
        angle = t / 100 ** (2 * pair / 6)
        turned = x[:, t, a] * math.cos(angle) - x[:, t, b] * math.sin(angle)
        assert torch.allclose(y[:, t, a], turned, atol=1e-5)
        turned = x[:, t, b] * math.cos(angle) + x[:, t, a] * math.sin(angle)
        assert torch.allclose(y[:, t, b], turned, atol=1e-5)


def test_products_of_turned_vectors_hang_on_their_distance() -> None:
    turn = called(read("rotary_embedding", "8x4 n t c"))
    q, k = (turn(torch.randn(1, 1, 4).expand(1, 8, 4)) for _ in range(2))
    scores = (q @ k.transpose(1, 2))[0]
    for distance in range(-3, 4):
        values = scores.diagonal(distance)
        assert torch.allclose(values, values[0].expand_as(values), atol=1e-5)


def test_one_hot_vectors() -> None:
    x = torch.tensor([[3, 0], [1, 4]])
    y = called(read("one_hot 5", "2 int64"))(x)
    assert y.dtype == torch.float32 and torch.equal(y.argmax(2), x) and y.sum() == 4
    assert rejection(OneHot(count=5), input_type((3,))).help == "write `dtype=int64` at the input"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_one_hot_vectors_in_a_net_of_another_dtype(dtype: torch.dtype) -> None:
    """Like `F.one_hot(x, 5).to(dtype)` by hand, so that the next layers accept them; nothing is in the state dict."""
    graph = graph_of("net n { input x: [6] dtype=int64; a: one_hot 5 -> fc: linear 3; output }")
    net = module(graph).to(dtype)
    assert list(net.state_dict()) == ["fc.weight", "fc.bias"] and len(list(net.buffers())) == 1
    x = torch.tensor([[0, 4, 1, 2, 3, 3]])
    expected = nn.functional.one_hot(x, 5).to(dtype) @ net.get_parameter("fc.weight").T + net.get_parameter("fc.bias")
    assert net(x).dtype == dtype
    torch.testing.assert_close(net(x), expected)
    assert copy.deepcopy(net)(x).dtype == dtype


def test_patches_times_a_matrix_are_a_convolution() -> None:
    conv = nn.Conv2d(3, 7, 3, stride=2, padding=1, bias=False)
    x = torch.randn(2, 3, 5, 6)
    patches = called(read("unfold 3x3/2 pad=1", "3x5x6"))(x)
    assert torch.allclose(conv.weight.flatten(1) @ patches, conv(x).flatten(2), atol=1e-5)


def test_smallest_of_several() -> None:
    values = [torch.randn(2, 7) for _ in range(3)]
    assert torch.equal(called(read("minimum", "7", "7", "7"))(*values), torch.stack(values).amin(0))


# ---- inside nets ---------------------------------------------------------------------------------------------------

NETS = [
    "conv 3x3 8 pad=1 -> bed_of_nails 2 -> conv 3x3 4 -> pixel_unshuffle 2 -> conv 1x1 4 -> roll 1 -> flip [2, 3]",
    "conv 3x3 4 -> abs -> shift 0.1 -> sqrt -> crop 4x4 -> conv 1x1 2 -> std [2, 3] keep=true -> squeeze axis=-1",
    "conv 3x3 4 -> residual { max axis=1 keep=true -> expand [4, -1, -1] } -> unfold 2x2 -> vector_norm axis=1",
    'permute "n h w c" -> rotary_embedding interleaved=true -> linear 4 -> roll -1 -> tile 2 axis=1 -> linear 3',
    "flatten -> linear 6 -> unsqueeze axis=1 -> expand [4, 6] -> relu -> cumsum axis=2 -> logsumexp axis=1 -> linear 2",
    "conv 3x3 4 -> maxpool 2x2/2 indices=true -> (a, b): it\n(a) -> relu -> (it, b) -> max_unpool 2x2/2 -> conv 1x1 2",
    "adaptive_maxpool 4x4 indices=true -> (a, b): it\n(a, b) -> max_unpool 2x2/2 -> conv 3x3 2 -> prod axis=1 -> sign",
]


@pytest.mark.parametrize("body", NETS)
def test_nets_save_what_is_predicted(body: str) -> None:
    assert_exact(graph_of(net_of(body, "4x8x8")))


GATE = """conv 3x3 4 pad=1 -> kept: it
globalavgpool -> flatten -> linear 4 -> sigmoid -> unsqueeze axis=2 -> unsqueeze axis=3 -> axes "n c h w"
(kept, it) -> mul -> axes "n a b c"
linear 8 -> axes "n c h w" -> relu"""


def test_other_names_of_axes_compute_nothing(tmp_path: Path) -> None:
    spec = tmp_path / "gate.arch"
    spec.write_text(net_of(GATE, "3x6x8"))
    module = load(str(spec)).module()
    x = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    conv, linear, last = (child for child in module.children() if hasattr(child, "weight"))
    kept = conv(x)
    gate = linear(kept.mean((2, 3))).sigmoid()[:, :, None, None]
    assert torch.allclose(module(x), last(kept * gate).relu(), atol=1e-6)
    seen = ends(graph_of(net_of('conv 1x3 2 -> axes "n c b a" -> axes "n c h w" -> conv 1x3 2', "3x6x8")))
    assert {axis: paths[0].size for axis, paths in seen.items()} == {"h": 1, "w": 5}
    (seen_by_channel,) = ends(graph_of(net_of('axes "n t c" -> linear 2', "6x8")))["t"]
    assert seen_by_channel.size == 8


def test_other_names_of_axes_are_proposed_if_the_sizes_fit() -> None:
    x = input_type((4, 5, 6))
    said = rejection(Mul(), x, TensorType((1, 4, 1, 1), ("n", "c", "t", "s")))
    assert said.help == 'if these are the same axes, `axes "n c h w"` renames those of 4x1x1 (n c t s)'
    assert rejection(Mul(), x, TensorType((1, 5, 1, 1), ("n", "c", "t", "s"))).help is None
    assert rejection(Add(), x, TensorType((1, 5, 6, 4), ("n", "h", "w", "c"))).help == (
        '`permute "n c h w"` puts the axes of 5x6x4 in that order'
    )


@pytest.mark.parametrize(
    ("names", "code"),
    [("n c h", "wrong-rank"), ("c n h w", "batch-axis"), ("n c h h", "axes-clash"), ("n c h 2", "unequal-axes")],
)
def test_names_of_axes_that_do_not_fit(names: str, code: str) -> None:
    assert rejection(Axes(names=names), input_type((4, 5, 6))).code == code
    assert rejection(Axes(names="_ a"), param_type((3, 5))).code == "wrong-rank"


@pytest.mark.parametrize("op", [Clamp(low=0.0), Roll(shift=1)], ids=lambda op: op.word)
def test_parameters_and_whole_numbers(op: Operator) -> None:
    """A function maps a parameter too; positions are those of values with a batch."""
    taken = [x.dtype for x in (param_type((3,)), input_type((3, 5), "int64")) if Case(op, (x,)).rejection() is None]
    assert taken == (["float32"] if op.word == "clamp" else ["int64"])
