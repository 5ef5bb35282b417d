"""The values that the networks of the lectures compute, compared with torch by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archlang
from archlang.ir import Graph
from archlang.ops.stochastic_depth import StochasticDepth


def graph_of(name: str, **params: object) -> Graph:
    return archlang.load(name, **params).graph


def built(name: str, **params: object) -> nn.Module:
    return archlang.load(name, **params).module(seed=0).eval()


def test_a_linear_layer_is_a_convolution() -> None:
    linear, convolution, larger = built("as_linear"), built("as_convolution"), built("as_convolution", H=8, W=9)
    weights = linear.state_dict()
    weights["fc.weight"] = weights["fc.weight"].view(4096, 512, 7, 7)
    convolution.load_state_dict(weights)
    larger.load_state_dict(weights)
    maps = torch.randn(1, 512, 8, 9)
    with torch.no_grad():
        expected = linear(maps[:, :, :7, 1:8])
        torch.testing.assert_close(convolution(maps[:, :, :7, 1:8]).flatten(1), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(larger(maps)[:, :, 0, 1], expected, rtol=1e-4, atol=1e-5)


def test_the_pools_of_googlenet() -> None:
    pools = [layer for layer in graph_of("googlenet_table").flat() if layer.op.word == "maxpool"]
    shapes = [str(layer.output_types[0]) for layer in pools if "." not in layer.path]
    assert shapes == ["64x56x56", "192x28x28", "480x14x14", "832x7x7"]


def test_the_auxiliary_classifiers_of_googlenet() -> None:
    """Average pool 5x5/3, 1x1 to 128, 1,024, dropout of 70%; on 4a and 4d, only in training."""
    layers = {layer.path: layer for layer in graph_of("googlenet_table").flat() if layer.training_only}
    aux = [layer for path, layer in layers.items() if path.startswith("aux1")]
    shapes = [str(layer.output_types[0]) for layer in aux]
    assert shapes == ["512x4x4", "128x4x4", "128x4x4", "2048", "1024", "1024", "1024", "1000"]
    assert {path.partition(".")[0] for path in layers} == {"aux1", "aux2"}
    assert [str(layers[f"{name}.0"].input_types[0]) for name in ("aux1", "aux2")] == ["512x14x14", "528x14x14"]


def option_a(module: nn.Module, image: Tensor) -> Tensor:
    """Return ResNet-20 by hand, from the weights of a module."""
    weights = module.state_dict()

    def normed(x: Tensor, path: str, conv: str, stride: int = 1) -> Tensor:
        x = functional.conv2d(x, weights[f"{path}conv{conv}.weight"], None, stride, 1)
        of = [weights[f"{path}bn{conv}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *of)

    x = normed(image, "", "1").relu()
    for stage in (1, 2, 3):
        for unit in range(3):
            path, shorter = f"layer{stage}.{unit}.", stage > 1 and unit == 0
            y = normed(normed(x, path, "1", 1 + shorter).relu(), path, "2")
            if shorter:  # every second position, and zero maps before and behind
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, x.shape[1] // 2, x.shape[1] // 2))
            x = (y + x).relu()
    return functional.linear(x.mean((2, 3)), weights["fc.weight"], weights["fc.bias"])


def test_a_shortcut_of_option_a_has_no_weights() -> None:
    deep, plain = built("resnet20"), built("plain20")
    assert deep.state_dict().keys() == plain.state_dict().keys()
    image = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(deep(image), option_a(deep, image))
        assert not torch.allclose(plain(image), option_a(plain, image))


@pytest.mark.parametrize(("name", "units"), [("stochastic_resnet110", 54), ("stochastic_resnet1202", 600)])
def test_survival_falls_linearly_to_a_half(name: str, units: int) -> None:
    dropped = [layer.op.p for layer in graph_of(name).flat() if isinstance(layer.op, StochasticDepth)]
    assert dropped == pytest.approx([0.5 * (unit + 1) / units for unit in range(units)])


def test_a_fractal_joins_by_the_mean() -> None:
    """With four columns a block holds 15 convolutions, at most 8 of them one after another, and 7 joins of two."""
    layers = [layer for layer in graph_of("fractalnet").flat() if layer.path.startswith("block1")]
    words = [layer.op.word for layer in layers]
    assert (words.count("conv"), words.count("average"), words.count("stochastic_depth")) == (15, 7, 14)
    depth: dict[int, int] = {}
    for layer in layers:
        depth[layer.outputs[0]] = max(depth.get(value, 0) for value in layer.inputs) + (layer.op.word == "conv")
    assert max(depth.values()) == 8


def test_a_word_is_scored_by_the_words_before_it() -> None:
    module = built("captioning", words=7, width=8, steps=4)
    image, words = torch.randn(1, 3, 224, 224), torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        scores, other = module(image, words), module(image, torch.tensor([[1, 2, 5, 4]]))
    assert [torch.equal(scores[0, step], other[0, step]) for step in range(5)] == [True, True, True, False, False]


def test_parts_of_an_autoencoder_that_run_only_in_training() -> None:
    plain, sparse = built("autoencoder"), built("sparse_autoencoder")
    denoising = built("denoising_autoencoder")
    image = torch.rand(2, 1, 28, 28)
    sparse.load_state_dict(plain.state_dict())
    inner = next(path.removesuffix("encoder.weight") for path in denoising.state_dict() if "encoder.weight" in path)
    denoising.load_state_dict({inner + path: value for path, value in plain.state_dict().items()})
    with torch.no_grad():
        assert torch.equal(plain(image), sparse(image)) and torch.equal(plain(image), denoising(image))
        torch.manual_seed(0)
        assert not torch.equal(plain.train()(image), denoising.train()(image))
        decoded, code = sparse.train()(image)
    assert torch.equal(decoded, plain(image)) and code.shape == (2, 32) and bool((code >= 0).all())


def test_the_noise_of_the_vae() -> None:
    module = built("vae")
    image, noise = torch.rand(2, 1, 28, 28), torch.randn(2, 32)
    with torch.no_grad():
        _, mean, logvar = module(image, noise)
        expected = module.get_submodule("decoder")(mean + noise * (0.5 * logvar).exp())
        torch.testing.assert_close(module(image, noise)[0], expected)


def test_wavenet_sees_only_the_past() -> None:
    module = built("wavenet_stack", T=1100, width=8, skip=8, levels=4)
    sound = torch.randn(1, 1, 1100, requires_grad=True)
    module(sound)[0, :, 1060].sum().backward()
    assert sound.grad is not None
    heard = sound.grad[0, 0].nonzero().flatten()
    assert (int(heard.min()), int(heard.max())) == (1060 - 1024, 1060)


def test_alexnets_weights_fit_the_frozen_trunk() -> None:
    with torch.device("meta"):
        theirs, ours = archlang.load("alexnet_2012").module().state_dict(), archlang.load("transfer_head").module()
    shapes = {path: value.shape for path, value in ours.state_dict().items() if not path.startswith("fc8")}
    assert shapes == {path: value.shape for path, value in theirs.items() if not path.startswith("fc8")}
    assert [path for path, value in ours.named_parameters() if value.requires_grad] == ["fc8.weight", "fc8.bias"]


@pytest.mark.parametrize("name", ["fcn_32s", "fcn_16s", "fcn_8s"])
def test_an_fcn_scores_each_pixel_of_another_size(name: str) -> None:
    with torch.device("meta"):
        module = archlang.load(name, H=70, W=99).module()
        assert module(torch.empty(1, 3, 70, 99)).shape == (1, 21, 70, 99)


SIZES = {"espcn": {"H": 20, "W": 31}, "style_transfer": {"H": 64, "W": 48}, "mobilenet_v1": {"S": 160}}


@pytest.mark.parametrize("name", SIZES)
def test_one_module_takes_another_size(name: str) -> None:
    graph = graph_of(name, **SIZES[name])
    images, given = (graph.root.types[port.value].shape for port in (*graph.root.inputs, *graph.root.outputs))
    with torch.device("meta"):
        assert archlang.load(name).module()(torch.empty(images)).shape == given


def test_gradients_of_a_class_reach_the_image_and_any_label() -> None:
    """Saliency, class-model visualisation and Grad-CAM: of the image, and of a labelled step by a hook."""
    module = built("nin")
    kept: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        kept.append(output)

    module.get_submodule("mlp3").register_forward_hook(keep)
    image = torch.randn(1, 3, 32, 32, requires_grad=True)
    scores = module(image)
    image_gradient, map_gradient = torch.autograd.grad(scores[0, 3], [image, kept[-1]])
    saliency = image_gradient.abs().amax(1)
    weights = map_gradient.mean((2, 3), keepdim=True)
    heat = (weights * kept[-1]).sum(1).relu()
    assert saliency.shape == (1, 32, 32) and bool(saliency.any())
    assert heat.shape == (1, 8, 8)
    # the score is the mean of its map, so that no other map has a gradient
    assert weights.flatten().nonzero().flatten().tolist() == [3]
