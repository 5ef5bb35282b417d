"""The peak with scratch: the highest mark of torch's allocator, with what single kernels allocate and free."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.compiler import Net, check
from archlang.facts.memory import MARGIN, Setup, memory, setup_of
from archlang.facts.memory.setup import MODES
from archlang.ir import Graph
from archlang.laws.allocator import Measured
from tests.allocator import images, inference, training
from tests.specs import graph_of, net_of

BATCH = 16  # of fewer images, a 1x1 convolution depends on the number of threads
BELOW, ABOVE = 0.01, 0.05


def measured(graph: Graph, mode: str) -> Measured:
    module, inputs = Net(graph).module(seed=0), images(graph, BATCH)
    return inference(module, inputs) if mode == "inference" else training(graph, module, inputs, "momentum")


MAPS = {
    "a 3x3 convolution": "conv 3x3 32 pad=1",
    "one of 1x1": "conv 1x1 64",
    "one with a stride": "conv 3x3/2 64 pad=1 bias=false",
    "one of each channel": "conv 3x3 32 pad=1 groups=32",
    "one behind a border": "conv 3x3 32 pad=1 padding_mode=reflect",
    "one of few channels": "conv 5x5 20 -> relu -> conv 5x5 7",
    "four channels under a large window": "conv 1x1 4 -> conv 8x8/4 32 -> conv 1x1 12 -> conv 3x3 16",
    "a part of the channels": "split 2 axis=1 -> (a, b): it\n (a) -> conv 3x3 32",
    "a table of connections": "conv 1x1 3 -> table_conv 3x3 connections=[[0, 1], [1, 2], [0, 2]]",
    "standardised kernels": "std_conv 3x3 32 pad=1",
    "a transposed convolution": "deconv 2x2/2 32",
    "elementary functions": "square -> shift 1 -> sqrt -> reciprocal -> sin -> cos",
    "a largest value": "max axis=1",
    "a logarithm of sums": "logsumexp axis=1",
    "a deviation": "std axis=1",
    "running sums": "cumsum axis=1",
    "patches": "unfold 3x3",
    "a pool": "maxpool 2x2/2",
    "a random slope": "rrelu",
    "a small map, enlarged": "upsample 2 mode=bilinear",
    "trained slopes": "prelu channelwise=true",
    "noise": "gumbel_softmax axis=1",
    "norms": "batchnorm -> relu -> instancenorm -> groupnorm 4",
    "quotients": "x: it\n mean axis=1 keep=true -> m: it\n (x, m) -> div",
    "rolled along two axes": "roll [1, 2] axes=[2, 3]",
    "a norm of neighbouring maps": "lrn 5",
    "a norm of neighbouring positions": "lcn 5",
    "weights of each position": "locally_connected 3x3 4 pad=1",
    "the middle of a map": "crop 13x12 -> tanh",
    "dropped blocks": "dropblock 0.1 block_size=5",
}
TOKENS = {
    "attention": "attention 4",
    "causal attention": "attention 4 causal=true",
    "grouped queries": "grouped_query_attention 4 kv_heads=2 causal=true",
    "relative positions": "relative_attention 8x12 4",
    "turned positions": "rotary_embedding 4",
    "added positions": "positional_encoding -> positional_embedding 96",
    "root mean squares": "rmsnorm -> tanh -> rmsnorm",
    "cosines": "x: it\n (x, x) -> cosine_similarity axis=-1",
    "products of matrices": 'x: it\n (x, x) -> einsum "n t c, n s c -> n t s"',
    "the fused kernel": "x: it\n (x, x, x) -> sdpa 4",
}


def assert_told(body: str, shape: str, scale: str, mode: str) -> None:
    graph = graph_of(net_of(f"param s: {scale} init=ones\n {body}", shape))
    told, found = (
        memory(graph, Setup(BATCH, mode="inference" if mode == "inference" else "training")),
        measured(graph, mode),
    )
    assert not told.unscratched
    assert -BELOW <= told.with_scratch_bytes / found.with_scratch_bytes - 1 <= ABOVE


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MAPS)
def test_the_highest_mark_over_maps_is_torchs(name: str, mode: str) -> None:
    assert_told(f"(image, s) -> mul -> x0: it\n x0 -> {MAPS[name]}", "32x24x24", "[32, 1, 1]", mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TOKENS)
def test_the_highest_mark_over_tokens_is_torchs(name: str, mode: str) -> None:
    body = f'axes "n t c" -> t0: it\n (t0, s) -> mul -> x0: it\n x0 -> {TOKENS[name]}'
    assert_told(body, "96x64", "[64]", mode)


WINDOWS = ("window_attention 4x4 4 shift=2", "cosine_window_attention 5x4 4", "window_attention 4x6 2")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", WINDOWS)
def test_the_highest_mark_within_windows_is_torchs(step: str, mode: str) -> None:
    body = f'axes "n h w c" -> m0: it\n (m0, s) -> mul -> x0: it\n x0 -> {step}'
    assert_told(body, "12x16x32", "[32]", mode)


def test_what_autocast_casts_for_one_call_alone_is_scratch() -> None:
    """An inference saves no cast. oneDNN takes a further buffer of bfloat16 products, which is not told."""
    graph = graph_of(net_of("conv 1x1 64 -> conv 3x3 32 pad=1 -> relu", "64x28x28"))
    found = inference(Net(graph).module(seed=0), images(graph, BATCH), "bfloat16")
    told = memory(graph, setup_of("inference", {"batch": BATCH, "autocast": "bf16"})).with_scratch_bytes
    assert 0.97 <= told / found.with_scratch_bytes <= 1 + ABOVE


KERNELS = {
    "weights larger than maps": ("conv 3x3/2 512 pad=1", "256x8x8"),
    "windows beyond what a kernel takes": ("conv 16x16/16 96", "3x64x64"),
    "groups that fill no block": ("conv 3x3 96 pad=1 groups=8", "96x8x8"),
    "few maps behind a transposed convolution": ("deconv 4x4/2 3 pad=1", "32x16x16"),
}
TO_TOKENS = 'axes "n t c" -> t0: it\n (t0, s) -> mul -> x: it\n'
HALVES = {
    "sums of more digits": ("conv 3x3 128 pad=1 -> conv 1x1 128 -> relu", "128x8x8"),
    "one of each channel": ("conv 5x5 96 pad=2 groups=96 -> relu", "96x8x8"),
    "copies for a mean square": (f"param s: [64] init=ones\n {TO_TOKENS} x -> rmsnorm -> linear 64", "96x64"),
    "scores": (f"param s: [64] init=ones\n {TO_TOKENS} (x, x, x) -> sdpa 4", "256x64"),
    "scores with a trained mask": (
        f"param s: [64] init=ones\n param b: [4, 96, 96] init=zeros\n {TO_TOKENS} (x, x, x, b) -> sdpa 4", "96x64"
    ),
}  # fmt: skip
IN_HALVES = torch.cpu._is_avx512_bf16_supported()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", KERNELS)
def test_the_highest_mark_within_a_convolution_is_torchs(name: str, mode: str) -> None:
    body, shape = KERNELS[name]
    graph = graph_of(net_of(body, shape))
    told, found = memory(graph, setup_of(mode, {"batch": BATCH})), measured(graph, mode)
    assert -BELOW <= told.with_scratch_bytes / found.with_scratch_bytes - 1 <= ABOVE


@pytest.mark.skipif(not IN_HALVES, reason="without instructions of bfloat16, torch may take other kernels")
@pytest.mark.parametrize("name", HALVES)
def test_the_highest_mark_in_halves_is_torchs(name: str) -> None:
    body, shape = HALVES[name]
    graph = graph_of(net_of(body, shape))
    module = Net(graph).module(seed=0).bfloat16()
    found = training(graph, module, [x.bfloat16() for x in images(graph, BATCH)], "momentum")
    told = memory(graph, setup_of("training", {"batch": BATCH, "dtype": "bf16"}))
    assert -BELOW <= told.with_scratch_bytes / found.with_scratch_bytes - 1 <= ABOVE


BAGS = ("mode=mean", "mode=sum", "mode=max", "mode=sum padding=1")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", BAGS)
def test_the_highest_mark_of_bags_is_torchs(options: str, mode: str) -> None:
    graph = graph_of(f"net n {{\n input ids: [128] dtype=int64\n embedding_bag 300 64 {options}\n output\n}}")
    told, found = memory(graph, setup_of(mode, {"batch": BATCH})), measured(graph, mode)
    assert not told.untold and told.peak_bytes == found.peak_bytes
    assert -BELOW <= told.with_scratch_bytes / found.with_scratch_bytes - 1 <= 0.07  # of the largest values, a bound


BOUNDS = {
    "rnn 64": ("64x32", 1.05),
    "gru 64 bidirectional=true": ("64x32", 1.1),
    "rnn 32 layers=2 bidirectional=true": ("64x32", 1.5),
    "tiled_conv 3x3 16 tile=2": ("16x24x24", 1.5),
    "conv 1x1 8 -> tiled_conv 3x3 16 tile=[2, 1] pad=1": ("8x24x24", 1.5),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("body", BOUNDS)
def test_a_bound_is_never_below_the_highest_mark(body: str, mode: str) -> None:
    shape, most = BOUNDS[body]
    graph = graph_of(net_of(body if shape.count("x") == 2 else f'axes "n t c" -> {body}', shape))
    told, found = memory(graph, setup_of(mode, {"batch": BATCH})), measured(graph, mode)
    assert not told.unscratched
    assert found.with_scratch_bytes <= told.with_scratch_bytes <= most * found.with_scratch_bytes


def test_causal_attention_makes_neither_scores_nor_a_mask() -> None:
    """Of 512 tokens, the scores of one image are 4 MiB, and the tokens 64 KiB."""
    graph = graph_of(net_of('axes "n t c" -> attention 4 causal=true', "512x32"))
    found = inference(Net(graph).module(seed=0), images(graph, 1))
    assert found.with_scratch_bytes < 3 * 2**20
    assert memory(graph, Setup(mode="inference")).with_scratch_bytes < 3 * 2**20


SPEC = "net n {{\n  input image: 8x16x16\n  conv 3x3 8 pad=1 -> relu\n  output\n  expect {line}\n}}\n"


def told(tmp_path: Path, line: str) -> list[str]:
    path = tmp_path / "n.arch"
    path.write_text(SPEC.format(line=line), encoding="utf-8")
    return [f"{one.code}: {one.message}" for one in check(str(path)).diagnostics]


def test_a_promise_about_the_peak_includes_scratch_and_margin(tmp_path: Path) -> None:
    graph = graph_of(SPEC.format(line="params > 0"))
    for mode in MODES:
        found = memory(graph, Setup(4, mode=mode))
        assert found.needed_bytes == found.with_scratch_bytes * (100 + MARGIN) // 100 > found.peak_bytes
        at = f"at batch=4 mode={mode}"
        assert told(tmp_path, f"memory.peak == {found.needed_bytes} {at}") == []
        (broken,) = told(tmp_path, f"memory.peak < {found.needed_bytes} {at}")
        assert broken.startswith("broken-promise: `memory.peak at batch=4")
    assert told(tmp_path, f"memory.peak == {memory(graph, Setup()).needed_bytes}") == []
    (wrong,) = told(tmp_path, "memory.training < 1G at mode=inference")
    assert "`memory.training` says the mode by its name" in wrong
    (wrong,) = told(tmp_path, "memory.peak < 1G at mode=resting")
    assert "mode is one of training, inference" in wrong


def test_a_promise_about_unknown_scratch_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "n.arch"
    body = 'axes "n t c" -> lstm 4 carry=true -> (y, h, c): it\n y'
    path.write_text(net_of(f"{body}\n expect memory.peak < 1G", "9x3"), encoding="utf-8")
    (found,) = check(str(path)).diagnostics
    assert found.code == "unknown-fact" and "(lstm) does not declare `scratch`" in found.message


def test_the_command_prints_both_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "n.arch"
    path.write_text(SPEC.format(line="params > 0"), encoding="utf-8")
    assert main(["memory", str(path), "--batch", "4", "--mode", "inference"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("peak ") and lines[2].startswith("with scratch ")
    assert "in the forward pass of 0 (conv)" in lines[2]
