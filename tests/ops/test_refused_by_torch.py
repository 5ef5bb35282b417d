"""What torch refuses at run time is refused or reported by `check`, at the step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from signal import SIGSEGV

import pytest
import torch

from archlang.cautions import cautions
from archlang.cli import main
from archlang.compiler import Net
from archlang.laws.calling import called
from archlang.laws.cases import Case, read, rejection
from archlang.lower import module
from tests.specs import graph_of, net_of, words_at, wrong


def refusal(body: str, input: str = "2x8x8", before: str = "") -> tuple[str, str, str | None]:
    """Return the code, the words under the caret and the help of the one mistake in some lines."""
    text = net_of(body, input, before)
    (diagnostic,) = wrong(text)
    return diagnostic.code, words_at(text, diagnostic), diagnostic.help


# ---- one value for each image


@pytest.mark.parametrize(
    "lines", ["argmax axis=1 -> flatten", "argmax axis=1 -> identity -> flatten", "max axis=1 -> flatten"]
)
def test_flatten_needs_an_axis_besides_the_batch(lines: str) -> None:
    told = refusal(lines, "[3]")
    assert told == ("wrong-rank", "flatten", "leave it out, or write `unsqueeze axis=1` instead")
    for cure in (lines.replace(" -> flatten", ""), lines.replace("flatten", "unsqueeze axis=1")):
        module(graph_of(net_of(cure, "[3]")))(torch.randn(2, 3))


def test_a_matrix_product_does_not_sum_over_the_images() -> None:
    """One value for each image times a parameter: torch would pair the images with the parameter's rows."""
    lines = "param p: [1, 2] init=ones\n(image) -> vector_norm axis=1 -> length: it\n(length, p) -> matmul"
    code, words, _ = refusal(lines, "[3]")
    assert (code, words) == ("wrong-rank", "matmul")


# ---- positions of a pool


@pytest.mark.parametrize("size", [4, 8])
def test_unpooling_restores_the_map_of_its_indices(size: int) -> None:
    lines, input = "maxpool 3x3/2 pad=1 indices=true -> max_unpool 3x3/2 pad=1", f"2x{size}x{size}"
    code, words, help = refusal(lines, input)
    assert (code, words) == ("unequal-sizes", "max_unpool")
    assert help is not None and help == f"write `max_unpool 3x3/2 pad=1 size=[{size}, {size}]`"
    cured = net_of(f"maxpool 3x3/2 pad=1 indices=true -> {help[7:-1]}", input)
    assert module(graph_of(cured))(torch.randn(1, 2, size, size)).shape == (1, 2, size, size)


BLOCKS = """
block down { maxpool 2x2/2 indices=true }
block up { input x; input places; (x, places) -> max_unpool 2x2/2 }
"""
THROUGH = [
    "maxpool 2x2/2 indices=true -> max_unpool 2x2/2",
    "down -> max_unpool 2x2/2",
    "maxpool 2x2/2 indices=true -> up",
    "down -> up",
    "inline down -> inline up",
    "maxpool 2x2/2 indices=true -> (a, b): it\n(b) -> identity -> c: it\n(a, c) -> up",
    ("p: maxpool 2x2/2 indices=true\n(image) -> reuse p -> (c, d): it\n"
    "(p[0], d) -> up -> e: it\n(c) -> upsample 2\n(e, it) -> add"),
    "adaptive_maxpool 3x3 indices=true -> max_unpool 2x2/2",
]  # fmt: skip


@pytest.mark.parametrize("lines", THROUGH)
def test_indices_are_followed_through_blocks(lines: str) -> None:
    """A map of 6x6 comes back; one of 7x7 is pooled to the same size, and its indices do not fit."""
    right = graph_of(net_of(lines, "2x6x6", BLOCKS))
    assert module(right)(torch.randn(1, 2, 6, 6)).shape == (1, 2, 6, 6)
    assert refusal(lines, "2x7x7", BLOCKS)[0] == "unequal-sizes"


def test_one_block_can_unpool_maps_of_different_sizes() -> None:
    """Values of one type whose indices are of different maps do not share a checked block."""
    lines = (
        "maxpool 2x2/2 indices=true -> a: up -> slice 0 7 axis=2\n"
        "(image) -> slice 0 6 axis=2 -> slice 0 6 axis=3 -> maxpool 2x2/2 indices=true -> b: up"
    )
    assert refusal(lines, "2x7x7", BLOCKS)[0] == "unequal-sizes"


# ---- one value to normalise


NORMS = [
    ("batchnorm", "4x1x1"), ("batchnorm", "4"), ("batchnorm", "4x1"), ("batchnorm", "4x2x1"), ("batchnorm", "4x1x1x1"),
    ("batchnorm track_running_stats=false", "4x1x1"), ("batchnorm track_running_stats=false", "4x1x2"),
    ("groupnorm 4", "4x1x1"), ("groupnorm 2", "4x1x1"), ("groupnorm 4", "4"), ("groupnorm 4", "4x2x1"),
    ("layernorm", "4"), ("lrn 3", "4x1x1"), ("frozen_batchnorm", "4x1x1"),
]  # fmt: skip


@pytest.mark.parametrize("step, input", NORMS)
@pytest.mark.parametrize("training", [True, False])
def test_the_least_batch_is_torchs(step: str, input: str, training: bool) -> None:
    case = read(step, input)
    least = case.op.least_batch(training, *case.types)
    assert _runs(case, 2, training)
    assert _runs(case, 1, training) == (least == 1)


def _runs(case: Case, batch: int, training: bool) -> bool:
    layer = called(case)
    assert isinstance(layer, torch.nn.Module)
    try:
        layer.train(training)(torch.randn(batch, *case.types[0].shape[1:]))
    except ValueError:  # "Expected more than 1 value per channel"
        return False
    return True


def test_instancenorm_of_one_position_is_refused() -> None:
    """Torch refuses it at every batch size."""
    assert rejection(read("instancenorm", "4x2x2").op, read("relu", "4x1x1").types[0]).code == "one-position"


@pytest.mark.parametrize(
    "norm, does", [("batchnorm", "train"), ("groupnorm 4", "run"), ("batchnorm track_running_stats=false", "run")]
)
def test_a_net_that_takes_no_batch_of_one_is_reported(norm: str, does: str) -> None:
    text = net_of(f"conv 3x3 4 -> globalavgpool -> {norm} -> relu -> conv 1x1 4 -> {norm}")
    (note,) = cautions(graph_of(text))
    words = "`2`, `5` would normalise over a single value there"
    assert (note.code, note.severity, words_at(text, note)) == ("no-batch-of-one", "note", norm)
    assert note.message == f"tried does not {does} at batch 1: {words}"


# ---- a backward pass that ends the process

CRASHING = """
import sys, torch
x = torch.rand(2, 4, 6, 6).to(memory_format=torch.channels_last).requires_grad_(sys.argv[1] == "wanted")
torch.nn.GroupNorm(1, 4)(x).sum().backward()
"""


@pytest.mark.parametrize(
    "body, found",
    [
        ("groupnorm 2 -> conv 1x1 3", ["0"]),
        ("trunk: conv 1x1 4 bias=false\nfreeze trunk\nrelu -> norm: groupnorm 2", ["norm"]),
        ("conv 1x1 4 -> groupnorm 2", []),
        ("groupnorm 2 affine=false -> conv 1x1 3", []),
        ("norm: groupnorm 2\nfreeze norm\nconv 1x1 3", []),
        ("flatten -> groupnorm 2 -> linear 3", []),
    ],
)
def test_a_groupnorm_that_crashes_in_channels_last_is_noted(body: str, found: list[str]) -> None:
    graph = graph_of(net_of(body, "4x6x6"))
    notes = [note for note in cautions(graph) if note.code == "crashes-in-channels-last"]
    assert [note.message.split("`")[1] for note in notes] == found
    build = Net(graph).source
    if found:
        with pytest.raises(ValueError, match=f"`{found[0]}` .groupnorm. ends the process"):
            build(memory_format="channels_last")
    else:
        assert "channels_last" in build(memory_format="channels_last")


def test_the_command_says_which_option_it_cannot_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "normed.arch"
    path.write_text(net_of("groupnorm 2 -> conv 1x1 3", "4x6x6"), encoding="utf-8")
    assert main(["build", str(path), "--memory-format", "channels_last"]) == 2
    assert capsys.readouterr().err.startswith("archlang: --memory-format: in channels_last the backward pass of `0`")


@pytest.mark.sweep
@pytest.mark.parametrize("gradient, status", [("none", -SIGSEGV), ("wanted", 0)])
def test_torch_ends_the_process(gradient: str, status: int) -> None:
    """If it does not any more, `crashes` of `groupnorm` goes, and all that reads it."""
    assert subprocess.run([sys.executable, "-c", CRASHING, gradient], check=False).returncode == status


# ---- numbers beyond what torch counts


@pytest.mark.parametrize("step", ["conv 5x5/9999999 6", "conv 5x5/(2**31-1) 6 pad=2", "std_conv 5x5/[2, 5000] 6"])
def test_a_stride_far_beyond_the_map_is_refused(step: str) -> None:
    """Torch computes such a map, and its backward pass takes minutes or ends the process."""
    code, _, help = refusal(step, "1x32x32")
    assert code == "out-of-range"
    same = 36 if "pad" in step else 32
    assert help == f"a stride of {same} gives the same position, the only one"
    module(graph_of(net_of(f"conv 5x5/{same} 6", "1x32x32")))(torch.randn(1, 1, 32, 32)).sum().backward()


def test_large_strides_within_a_sequence_are_accepted() -> None:
    assert module(graph_of(net_of("conv [8]/4000 2", "[1, 16000]")))(torch.randn(1, 1, 16000)).shape == (1, 2, 4)


@pytest.mark.parametrize("step", ["table_conv 3x3/5000 connections=[[0], [0, 1]]", "tiled_conv 3x3/5000 2 tile=1"])
def test_emitted_convolutions_have_no_larger_strides(step: str) -> None:
    assert refusal(step, "2x8x8")[0] == "out-of-range"


@pytest.mark.parametrize("alpha, wrong", [("1e-300", True), ("1e-38", False)])
def test_a_bend_that_float32_cannot_divide_by_is_refused(alpha: str, wrong: bool) -> None:
    if wrong:
        assert refusal(f"celu alpha={alpha}")[:2] == ("out-of-range", alpha)
    else:
        module(graph_of(net_of(f"celu alpha={alpha}", "2x8x8")))(torch.randn(1, 2, 8, 8))


def test_padding_beyond_what_torch_indexes_is_refused() -> None:
    assert refusal("conv 3x3 2 pad=same_upper dilation=(2**30)")[0] == "too-large"


@pytest.mark.parametrize("step, words", [("avgpool 2x2/(2**31)", "(2**31)"), ("roll 3000000000 axis=2", "3000000000")])
def test_numbers_that_torch_does_not_count_to_are_refused(step: str, words: str) -> None:
    assert refusal(step)[:2] == ("number-too-large", words)


@pytest.mark.parametrize("word", ["rnn", "gru", "lstm"])
def test_a_recurrent_stack_that_exhausts_the_machine_is_refused(word: str) -> None:
    assert refusal(f"{word} 4 layers=(2**30)", "[3, 8]")[:2] == ("out-of-range", "(2**30)")


# ---- initialisers


@pytest.mark.parametrize(
    "init, words",
    [
        ("normal(-1)", "-1"), ("normal(mean=3, std=-0.5)", "-0.5"), ("uniform(2, 1)", "1"),
        ("uniform(low=2)", "uniform(low=2)"), ("uniform(high=-1)", "-1"), ("trunc_normal(-0.02)", "-0.02"),
        ("trunc_normal(0)", "0"),
    ],
)  # fmt: skip
def test_an_initialiser_that_torch_refuses(init: str, words: str) -> None:
    assert refusal(f"param p: [1, 2, 1, 1] init={init}\n(it, p) -> mul")[:2] == ("out-of-range", words)


@pytest.mark.parametrize("init", ["normal(0)", "normal(2, -5)", "uniform(1, 1)", "uniform(-3, -2)", "constant(-1)"])
def test_initialisers_that_torch_accepts_are_accepted(init: str) -> None:
    module(graph_of(net_of(f"param p: [1, 2, 1, 1] init={init}\n(it, p) -> mul", "2x8x8")))


def test_a_block_that_nothing_calls_is_not_noted() -> None:
    """A step that was discarded leaves its block in the Graph."""
    norm = graph_of("block b {\n globalavgpool -> batchnorm\n}\nnet n {\n input x: 3x8x8\n b\n output\n}")
    assert [note.code for note in cautions(norm)] == ["no-batch-of-one"]
    plain = graph_of(net_of("conv 1x1 2"))
    idle = tuple(block for block in norm.blocks if block is not norm.root)
    assert idle and cautions(plain.model_copy(update={"blocks": (*idle, *plain.blocks)})) == []
