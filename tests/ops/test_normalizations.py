"""Local contrast, vectors of length 1, cosines and batch norm's options against their formulas, and inside nets."""

from __future__ import annotations

from itertools import product
from math import exp, sqrt

import pytest
import torch
from torch import nn

from archlang.compiler import Net
from archlang.facts.receptive import receptive_fields
from archlang.laws.calling import called
from archlang.laws.cases import read, rejection
from archlang.ops.similarity import CosineSimilarity, Normalize
from archlang.shapes import TensorType, input_type, param_type
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of


def module_of(step: str, input: str) -> nn.Module:
    module = called(read(step, input))
    assert isinstance(module, nn.Module)
    return module


# ---- local contrast ------------------------------------------------------------------------------------------------


def gaussian(size: int, sigma: float) -> list[list[float]]:
    steps = [at - (size - 1) / 2 for at in range(size)]
    bell = [[exp(-(p * p + q * q) / (2 * sigma**2)) for q in steps] for p in steps]
    total = sum(map(sum, bell))
    return [[value / total for value in row] for row in bell]


def local_contrast(x: torch.Tensor, size: int, sigma: float, eps: float) -> torch.Tensor:
    """Jarrett et al. 2009, section 2.1, value by value: one image c h w, whose border repeats its values."""
    c, h, w = x.shape
    bell = gaussian(size, sigma)

    def around(values: torch.Tensor, j: int, k: int) -> float:
        total = 0.0
        for i, p, q in product(range(c), range(size), range(size)):
            row = min(max(j + p - (size - 1) // 2, 0), h - 1)
            column = min(max(k + q - (size - 1) // 2, 0), w - 1)
            total += bell[p][q] / c * float(values[i, row, column])
        return total

    places = list(product(range(h), range(w)))
    v, s, y = x.clone(), torch.zeros(h, w, dtype=x.dtype), x.clone()
    for j, k in places:
        v[:, j, k] = x[:, j, k] - around(x, j, k)
    for j, k in places:
        s[j, k] = max(sqrt(around(v * v, j, k)), eps)
    for j, k in places:
        y[:, j, k] = v[:, j, k] / max(s[j, k], s.mean())
    return y


@pytest.mark.parametrize(
    "step, size, sigma, eps",
    [
        ("lcn 3", 3, 0.75, 1e-4),
        ("lcn 4 sigma=0.5", 4, 0.5, 1e-4),
        ("lcn", 9, 2.25, 1e-4),
        ("lcn 5 eps=0.5", 5, 1.25, 0.5),
    ],
)
def test_local_contrast_is_the_papers(step: str, size: int, sigma: float, eps: float) -> None:
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    module = module_of(step, "3x6x5").double()
    weight = module.state_dict()["weight"]
    assert torch.allclose(weight, torch.tensor(gaussian(size, sigma), dtype=torch.float64), atol=1e-7)
    y = module(x)
    for image, given in zip(x, y, strict=True):
        assert torch.allclose(given, local_contrast(image, size, sigma, eps), atol=1e-5)


def test_an_image_without_contrast_has_values_and_gradients() -> None:
    x = torch.full((1, 2, 8, 8), 3.0)
    x[0, :, :, 6:] = 4.0  # an edge, far from most of the image
    flat = torch.full((1, 2, 8, 8), 3.0)
    for image in (x, flat):
        image.requires_grad_(True)
        y = module_of("lcn 3", "2x8x8")(image)
        y.square().sum().backward()
        assert bool(y.isfinite().all()) and image.grad is not None and bool(image.grad.isfinite().all())
        assert y[..., :4].abs().max() < 1e-2
    assert module_of("lcn 3", "2x8x8")(x).abs().max() > 0.1


def test_brightness_and_contrast_do_not_matter() -> None:
    x = torch.randn(2, 3, 9, 9)
    module = module_of("lcn 5", "3x9x9")
    assert torch.allclose(module(x), module(7 * x - 2), atol=1e-4)


# ---- vectors of length 1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_values_are_divided_by_their_norm(p: float) -> None:
    x = torch.randn(2, 4, 3, 5)
    for axis in (1, 2, -1):
        y = called(read(f"normalize p={p} axis={axis}", "4x3x5"))(x)
        assert torch.allclose(y, x / x.abs().pow(p).sum(axis, keepdim=True).pow(1 / p), atol=1e-6)
        assert torch.allclose(y.abs().pow(p).sum(axis), torch.ones(()), atol=1e-5)


def test_a_short_vector_is_divided_by_the_least_norm() -> None:
    x = torch.tensor([[0.0, 0.0], [0.03, 0.04], [3.0, 4.0]])
    y = called(read("normalize eps=0.5", "2"))(x)
    assert torch.allclose(y, torch.tensor([[0.0, 0.0], [0.06, 0.08], [0.6, 0.8]]))


@pytest.mark.parametrize("step, inputs", [("axis=-1", ("4x3x5", "4x3x5")), ("axis=2", ("4x3x5", "4x3x1"))])
def test_cosines(step: str, inputs: tuple[str, str]) -> None:
    x, y = (torch.randn(2, *map(int, shape.split("x"))) for shape in inputs)
    axis = int(step[5:])
    given = called(read(f"cosine_similarity {step}", *inputs))(x, y)
    dot = (x * y).sum(axis)
    norms = (x.expand(2, 4, 3, 5).norm(dim=axis), y.expand(2, 4, 3, 5).norm(dim=axis))
    assert torch.allclose(given, dot / (norms[0] * norms[1]), atol=1e-6)


def test_cosines_of_short_vectors() -> None:
    x, y = torch.tensor([[0.3, 0.4], [0.0, 0.0]]), torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    given = called(read("cosine_similarity eps=1.0", "2", "2"))(x, y)
    assert torch.allclose(given, torch.tensor([0.5, 0]))


def test_wrong_axes_and_inputs_are_reported() -> None:
    image = input_type((4, 3, 5))
    assert rejection(Normalize(axis=0), image).code == "batch-axis"
    assert rejection(Normalize(axis=4), image).code == "no-such-axis"
    for types, code in (
        ((image,), "too-few-inputs"),
        ((image,) * 3, "too-many-inputs"),
        ((image, input_type((4, 5))), "unequal-shapes"),
        ((image, input_type((4, 3, 4))), "unequal-shapes"),
        ((image, TensorType((1, 4, 3, 5), ("n", "h", "w", "c"))), "unequal-axes"),
        ((image, input_type((4, 3, 5), "float64")), "unequal-dtypes"),
        ((input_type((4,), "int64"),) * 2, "wrong-dtype"),
    ):
        assert rejection(CosineSimilarity(), *types).code == code
    (told,) = CosineSimilarity(axis=-1).outputs(image, param_type((3, 5)))
    assert (told.shape, told.names) == ((1, 4, 3), "n c h")


# ---- batch norm ----------------------------------------------------------------------------------------------------


def test_cumulative_statistics_are_the_mean_of_all_batches() -> None:
    module = module_of("batchnorm momentum=cumulative", "3x4x4")
    batches = [torch.randn(2, 3, 4, 4) + at for at in range(5)]
    for x in batches:
        module(x)
    means = torch.stack([x.mean((0, 2, 3)) for x in batches]).mean(0)
    state = module.state_dict()
    assert torch.allclose(state["running_mean"], means, atol=1e-5) and state["num_batches_tracked"] == 5


def test_without_running_statistics_evaluation_takes_those_of_the_batch() -> None:
    case = read("batchnorm track_running_stats=false", "3x4x4")
    module = module_of("batchnorm track_running_stats=false", "3x4x4")
    assert [*module.state_dict()] == ["weight", "bias"] == [weight.name for weight in case.op.weights(*case.types)]
    x = torch.randn(2, 3, 4, 4)
    y = module.eval()(x)
    assert torch.equal(y, module.train()(x)) and abs(y.mean().item()) < 1e-6


def test_without_running_statistics_a_position_sees_the_whole_image() -> None:
    for options, whole in (("", False), ("track_running_stats=false", True)):
        graph = graph_of(net_of(f"  conv 3x3 4 pad=1 -> batchnorm {options}", "3x8x8"))
        *_, layer = graph.flat()
        sides = receptive_fields(graph)[layer.outputs[0]].axes.values()
        assert [side is not None and side.whole for side in sides] == [whole, whole]


# ---- inside nets ---------------------------------------------------------------------------------------------------

IMAGES = """\
  lcn 5 -> conv 3x3 8 pad=1 -> lcn 3 sigma=1.0 -> batchnorm momentum=cumulative -> relu
  conv 3x3/2 8 pad=1 -> batchnorm track_running_stats=false -> relu
  permute "n h w c" -> normalize axis=-1 -> linear 6 -> permute "n c h w" -> lcn 3
  left: conv 1x1 4
  right: conv 1x1 4 bias=false
  (left, right) -> cosine_similarity -> flatten -> normalize -> linear 5"""
FACES = """\
net faces(width=8, people=5) {
  input first: [12]
  input second: [12]
  param centres: [people, width] init=normal
  (first) -> embed: linear width
  ours: normalize
  (second) -> reuse embed
  theirs: normalize
  (ours, theirs) -> same: cosine_similarity
  (ours) -> reshape [1, width] -> (it, centres) -> who: cosine_similarity axis=-1
  output same, who
}
"""


def test_nets_save_what_is_predicted() -> None:
    assert_exact(graph_of(net_of(IMAGES, "3x8x8")))
    assert_exact(graph_of(net_of("  " + "lcn 5 -> conv 3x3 4", "3x8x8")))


def test_two_faces_and_a_list_of_them() -> None:
    graph = graph_of(FACES)
    module = Net(graph).module(seed=0)
    x, y = torch.randn(2, 12), torch.randn(2, 12)
    same, who = module(x, y)
    assert same.shape == (2,) and who.shape == (2, 5)
    state = module.state_dict()
    ours, theirs = (nn.functional.linear(value, state["embed.weight"], state["embed.bias"]) for value in (x, y))
    assert torch.allclose(same, nn.functional.cosine_similarity(ours, theirs), atol=1e-6)
    assert torch.allclose(who, nn.functional.cosine_similarity(ours[:, None], state["centres"], 2), atol=1e-6)
    assert torch.equal(module(x, x)[0].round(decimals=5), torch.ones(2))
    assert_exact(graph)
