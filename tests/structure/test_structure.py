"""Folding by structure: what is one box, what repeats, and how calls are laid over each other."""

from __future__ import annotations

import pytest

from archlang import load
from archlang.ops import registry
from archlang.ops.law import FAMILIES
from archlang.structure import Chain, Piece, Structure, overlaid, structure_of
from tests.specs import graph_of


def words(structure: Structure, pieces: tuple[Piece, ...]) -> list[str]:
    """Return each piece in a few words: `conv-relu`, `unit ×3`, `add (2 of 3)`."""
    return [_words(structure, piece) for piece in pieces]


def _words(structure: Structure, piece: Piece) -> str:
    layers = structure.flow.layers
    names = [
        "-".join(layers[at].op.word for at in part.layers) if isinstance(part, Chain) else part.what
        for part in piece.units[0]
    ]
    times = f" ×{piece.times}" if piece.times > 1 else ""
    held = sum(run is not None for run in piece.runs)
    return f"{', '.join(names)}{times}{f' ({held} of {len(piece.runs)})' if piece.is_optional else ''}"


def net(body: str, blocks: str = "", size: str = "4x8x8") -> Structure:
    return structure_of(graph_of(f"{blocks}\nnet n() {{\n  input x: {size}\n{body}\n  output\n}}\n"))


def test_a_norm_and_an_activation_belong_to_the_convolution_before_them() -> None:
    made = net("  conv 3x3 8 -> batchnorm -> relu -> conv 1x1 4 -> relu -> maxpool 2x2/2")
    assert words(made, made.pieces) == ["conv-batchnorm-relu", "conv-relu", "maxpool"]


def test_where_a_row_begins_with_a_norm_norms_belong_to_the_layer_after_them() -> None:
    made = net("  batchnorm -> relu -> conv 3x3 8 -> batchnorm -> relu -> conv 1x1 4")
    assert words(made, made.pieces) == ["batchnorm-relu-conv", "batchnorm-relu-conv"]


def test_a_value_that_is_read_twice_ends_a_box() -> None:
    made = net("  conv 3x3 4 pad=1\n  residual { relu -> conv 1x1 4 }")
    assert words(made, made.pieces) == ["conv", "relu-conv", "add"]


def test_calls_that_differ_in_width_rate_and_dilation_are_one() -> None:
    blocks = "block unit(width, d) { conv 3x3 width dilation=d pad=d -> dropout (0.1*d) -> conv 1x1 width }"
    made = net("  unit 4 1 -> unit 8 2 -> unit 16 4", blocks)
    assert words(made, made.pieces) == ["unit ×3"]
    assert words(made, made.inside(made.pieces[0])) == ["conv-dropout", "conv"]


def test_calls_with_other_windows_are_not_one() -> None:
    blocks = "block unit(k) { conv [k, k] 4 pad=same -> relu -> conv 1x1 4 }"
    made = net("  unit 3 -> unit 5", blocks)
    assert words(made, made.pieces) == ["unit", "unit"]


def test_calls_are_one_while_the_resolution_stays() -> None:
    blocks = "block unit(s) { conv 3x3/s 4 pad=1 -> relu -> conv 1x1 4 }"
    made = net("  unit 1 -> unit 1 -> unit 2 -> unit 1", blocks)
    assert words(made, made.pieces) == ["unit ×2", "unit ×2"]


def test_layers_outside_blocks_are_one_if_they_read_the_same() -> None:
    made = net("  conv 3x3 8 pad=1 -> relu -> conv 3x3 8 pad=1 -> relu -> conv 3x3 16 pad=1 -> relu")
    assert words(made, made.pieces) == ["conv-relu ×2", "conv-relu"]


def test_what_only_some_calls_have_is_optional() -> None:
    made = structure_of(load("resnet50").graph)
    layer1 = made.pieces[2]
    (stage,) = made.inside(layer1)
    assert words(made, (stage,)) == ["bottleneck ×3"]
    assert words(made, made.inside(stage)) == [
        "conv-batchnorm-relu", "conv-batchnorm-relu", "conv-batchnorm", "{ } (1 of 3)", "add-relu",
    ]  # fmt: skip


def test_parts_that_repeat_together_are_one() -> None:
    made = structure_of(load("densenet121").graph)
    stages = made.inside(made.pieces[0])
    (dense,) = made.inside(stages[2])
    assert words(made, (dense,)) == ["layer, concat ×6"]
    assert words(made, made.inside(dense)) == ["layer", "concat"]
    assert words(made, made.inside(made.inside(dense)[0])) == ["batchnorm-relu-conv", "batchnorm-relu-conv"]


@pytest.mark.parametrize(
    "name", ["resnet50", "densenet121", "mobilenet_v3_large", "googlenet", "wavenet", "fractalnet"]
)
def test_every_layer_stands_in_one_place_of_each_level(name: str) -> None:
    made = structure_of(load(name).graph)

    def check(pieces: tuple[Piece, ...], layers: list[int]) -> None:
        assert sorted(at for piece in pieces for at in piece.layers) == layers
        for piece in pieces:
            inside = made.inside(piece)
            if inside:
                check(inside, sorted(piece.layers))

    check(made.pieces, list(range(len(made.flow.layers))))


def test_sequences_are_laid_over_each_other() -> None:
    assert overlaid(["abd", "acd", "ad"], str) == [
        ("a", "a", "a"), ("b", None, None), (None, "c", None), ("d", "d", "d"),
    ]  # fmt: skip
    assert overlaid(["aba", "a"], str) == [("a", "a"), ("b", None), ("a", None)]


def test_every_operator_has_a_family() -> None:
    assert {op.family for op in registry().values()} <= {*FAMILIES}
