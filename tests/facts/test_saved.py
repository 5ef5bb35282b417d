"""Tensors saved for backward, equal to what torch's hooks see: every operator in every layout, and every net."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net, check
from archlang.elaborate import elaborate
from archlang.facts.saved import SavedTensors, saved
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.laws.calling import called, own_loops, tensors
from archlang.laws.cases import Case, examples
from archlang.laws.counts import UNKNOWN_TO_THE_COUNTER
from archlang.laws.keeping import is_refused, one_layout, operator_keeps_what_it_tells, storages, wishes
from archlang.laws.strategies import accepted
from archlang.ops import registry
from archlang.ops.base import Operator, Wanted
from archlang.parse import parse
from archlang.shapes import TensorType
from archlang.source import Source
from tests.cases import argument_sets, more
from tests.found import FOUND, Found
from tests.specs import graph_of, net_of

OPERATORS = [op for op in registry().values() if not op.declared]
ROOT = Path(__file__).parents[2]
MODES = list(product((1, 2), (True, False)))  # images, and whether in training mode

operators = pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.word)


# ---- what torch saves ----------------------------------------------------------------------------------------------


def kept_by(graph: Graph, batch: int, training: bool) -> int:
    """Return the bytes that the net's module saves in a forward pass over random images."""
    module = Net(graph).module(seed=0).train(training)
    inputs = tensors([graph.root.types[port.value] for port in graph.root.inputs], batch, below=2)
    with own_loops(graph):
        return sum(storages(module, [x.detach() for x in inputs]).values())


def assert_exact(graph: Graph, modes: Sequence[tuple[int, bool]] = MODES) -> None:
    for batch, training in modes:
        told = saved(graph, batch, training=training)
        assert told.bytes == kept_by(graph, batch, training), (graph.name, batch, training)


# ---- every operator ------------------------------------------------------------------------------------------------


@operators
@argument_sets(64)
def test_random_cases_save_what_the_operator_declares(op: type[Operator], count: int) -> None:
    @settings(more, max_examples=count)
    @given(accepted(op), st.sampled_from((1, 2)), st.integers(0, 119), st.booleans())
    def keep(case: Case, batch: int, number: int, gap: bool) -> None:
        if is_refused(case, batch):
            return
        inputs = tensors(case.types, batch, case.below)
        operator_keeps_what_it_tells(case, [x.detach() for x in inputs])
        if inputs[0].ndim:
            orders = list(permutations(range(inputs[0].ndim)))
            order = orders[number % len(orders)]
            if not (case.op.word == "lrn" and inputs[0].ndim == 5):  # torch's own asks for a view, and refuses
                one_layout(case, inputs, order, gap)

    keep()


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.step)
def test_cases_that_were_found_save_what_the_operator_declares(found: Found) -> None:
    case = found.case()
    inputs = tensors(case.types, found.batch, case.below)
    operator_keeps_what_it_tells(case, [x.detach() for x in inputs])
    one_layout(case, inputs, found.order, found.gap)


@operators
def test_backward_macs_are_torchs(op: type[Operator]) -> None:
    """Whatever gradients are wanted. torch's counter ignores a convolution's groups, and sees no fused attention."""
    for case in examples(op):
        inputs = [x.detach() for x in tensors(case.types, 2, case.below)]
        module = called(case)
        weighted = isinstance(module, nn.Module) and any(True for _ in module.parameters())
        if not case.op.work(*case.types).macs or getattr(case.op, "groups", 1) > 1:
            continue
        for wanted in wishes(case, inputs, weighted):
            for x, flag in zip(inputs, wanted.inputs, strict=True):
                x.requires_grad_(flag)
            if isinstance(module, nn.Module):
                module.requires_grad_(wanted.weights)
            with sdpa_kernel(SDPBackend.MATH):
                given = module(*inputs)
                values = [given] if isinstance(given, torch.Tensor) else given
                result = torch.stack([value.sum() for value in values]).sum()
                with FlopCounterMode(display=False, custom_mapping=UNKNOWN_TO_THE_COUNTER) as counter:
                    result.backward()
            once = case.op.once_backward(wanted, *case.types)
            told = case.op.backward(wanted, *case.types).over(2, once)
            assert told.macs * 2 == counter.get_total_flops(), (str(case), wanted)


# ---- every net -----------------------------------------------------------------------------------------------------


def graphs(path: Path) -> list[Graph]:
    """Return the Graphs of the nets of a file, at their default sizes."""
    found = check(str(path), counts_alone=True)
    assert not found.diagnostics, found.rendered()
    return found.graphs


LIGHT, LIGHT_MACS = 30_000_000, 6_000_000_000  # parameters and MACs of the nets that are run here
SMALL_MACS = 100_000_000  # of the nets in tests/nets that are run outside the sweep
FILES = sorted((ROOT / "specs").glob("*.arch"))
HEAVY = {
    "captioning",
    "deconvnet",
    "deeplab_v3",
    "fcn",
    "inception_v4",
    "maxvit",
    "vgg",
    "yolo_v1",
}  # their lightest nets are not
files = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


own_nets = pytest.mark.parametrize("path", sorted((ROOT / "tests" / "nets").glob("*.arch")), ids=lambda path: path.stem)


@own_nets
def test_nets_save_what_is_predicted(path: Path) -> None:
    small = [graph for graph in graphs(path) if totals(graph).macs < SMALL_MACS]
    assert small
    assert_all_exact(small)


@pytest.mark.sweep
@own_nets
def test_larger_nets_save_what_is_predicted(path: Path) -> None:
    assert_all_exact([graph for graph in graphs(path) if SMALL_MACS <= totals(graph).macs < LIGHT_MACS])


def assert_all_exact(tried: Sequence[Graph]) -> None:
    for graph in tried:
        layers = [layer for layer in graph.flat() if layer.op.least_batch(True, *layer.input_types) > 1]
        assert_exact(
            graph, [mode for mode in MODES if not layers or mode != (1, True)]
        )  # torch refuses to train on one


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.sweep] * (path.stem in HEAVY)) for path in FILES],
    ids=lambda path: path.stem,
)
def test_the_lightest_shipped_net_of_a_file_saves_what_is_predicted(path: Path) -> None:
    lightest = min(graphs(path), key=lambda graph: totals(graph).macs)
    assert_exact(lightest, [(2, True), (1, False)])  # batch norm trains on more than one value a channel


@pytest.mark.sweep
@files
def test_light_shipped_nets_save_what_is_predicted(path: Path) -> None:
    for graph in graphs(path):
        if totals(graph).params < LIGHT and totals(graph).macs < LIGHT_MACS:
            assert_exact(graph, [(2, True), (2, False)])


# ---- layouts, aliases, frozen, shared and tied parts ---------------------------------------------------------------

BODIES = {
    "channels last and back": (
        "8x6x6",
        """conv 3x3 8 pad=1
        residual { permute "n h w c" -> layernorm -> linear 16 -> gelu -> linear 8 -> permute "n c h w" }
        conv 3x3/2 8 pad=1 -> batchnorm -> relu -> flatten -> linear 3""",
    ),
    "windows": (
        "4x8x8",
        """rearrange "n c (h p=2) (w q=2) -> (n h w) (p q) c" -> residual { layernorm -> attention 2 }
        rearrange "(n h=4 w=4) (p=2 q=2) c -> n (h w) (p q c)" -> linear 4""",
    ),
    "heads by hand": (
        "6x8",
        """permute "n t c" -> x: linear 8
        q: rearrange "n t (g=2 c) -> n g t c"
        (x) -> k: rearrange "n t (g=2 c) -> n g c t"
        (q, k) -> matmul -> softmax axis=-1 -> (it, q) -> matmul -> rearrange "n g t c -> n t (g c)" -> linear 8""",
    ),
    "queries elsewhere": (
        "6x8",
        """permute "n t c" -> x: linear 8
        slice 0 3 -> query: linear 8
        (query, x, x) -> attention 2 -> (it, it, it) -> attention 4 bias=false -> (x, x, it) -> concat -> linear 2""",
    ),
    "shuffled halves": (
        "8x6x6",
        """conv 1x1 8 -> split 2 -> (left, right): it
        (right) -> conv 3x3 4 pad=1 groups=4 -> relu
        (left, it) -> concat -> channel_shuffle 2 -> slice 0 2 -> conv 1x1 4""",
    ),
    "one image, many takers": (
        "4x6x6",
        """x: it
        concat { | conv 3x3 4 pad=1 | (x) -> conv 1x1 2 | (x) -> flatten -> linear 36 -> reshape 1x6x6 }
        identity -> dropout 0 -> relu -> dropout 0.5 -> flatten -> stochastic_depth 0.1 -> linear 3""",
    ),
    "turned image": ("7x9", 'permute "n t c" -> linear 5 -> relu -> linear 5 bias=false'),
    "no layer that learns": ("3x6x6", "relu -> maxpool 2x2/2 -> dropout 0.5 -> softmax"),
    "parameters as values": (
        "8x6",
        """param start: [1, 1, 8] init=normal
        param scale: [8] init=normal
        param mixing: [8, 5] init=normal
        buffer halved: [8] init=constant(0.5)
        permute "n t c" -> (start, it) -> concat -> (it, scale) -> mul -> (it, halved) -> mul -> x: it
        (scale) -> exp -> grown: it
        (x, grown) -> mul -> (it, mixing) -> matmul -> (it, it) -> div""",
    ),
    "a frozen trunk": (
        "3x8x8",
        """trunk: { conv 3x3 8 pad=1 bias=false -> batchnorm -> relu -> maxpool 2x2/2 -> lrn 3 }
        head: { conv 3x3 8 pad=1 -> relu -> flatten -> linear 4 }
        freeze trunk""",
    ),
    "a frozen head": (
        "3x8x8",
        """conv 3x3 8 pad=1 -> prelu -> mid: { conv 3x3 8 pad=1 padding_mode=reflect -> groupnorm 2 }
        flatten -> head: linear 4
        freeze head, mid""",
    ),
    "one module twice": (
        "3x8x8",
        """cell: conv 3x3 3 pad=1
        relu -> reuse cell -> batchnorm -> again: it
        (cell, again) -> mul -> (it, again, cell) -> mul""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_programs_save_what_is_predicted(name: str) -> None:
    input, body = BODIES[name]
    assert_exact(graph_of(net_of(body, input)))


STEPS = (
    "conv 3x3 8 pad=1", "conv 1x1 4 bias=false", "conv 3x3/2 6 pad=1 groups=2",
    "conv 3x3 4 pad=1 padding_mode=circular", "relu", "gelu", "softmax axis=-1", "prelu channelwise=true",
    "batchnorm", "layernorm", "rmsnorm", "groupnorm 2", "instancenorm affine=true", "lrn 3", "dropout 0.3",
    "dropout 0", "stochastic_depth 0.2", "identity", "flatten", 'permute "n h w c"', 'permute "n c h w"',
    'permute "n c w h"', 'permute "n t c"', 'permute "n c t"', 'rearrange "n c h w -> n (h w) c"',
    'rearrange "n (h w=2) c -> n c h w"', 'rearrange "n t (g=2 c) -> n g t c"', 'rearrange "n g t c -> n t (g c)"',
    'rearrange "n c (h p=2) (w q=2) -> (n h w) (p q) c"', "reshape [-1, 4]", "linear 8", "linear 6 bias=false",
    "attention 2", "attention 2 causal=true bias=false", "(it, it, it) -> attention 2", "maxpool 2x2/2",
    "avgpool [2]", "globalavgpool", "slice 1 3", "slice 0 2 axis=2", "take [1, 0, 1]", "take [0, 1] axis=2",
    "upsample 2", "pixel_shuffle 2", "channel_shuffle 2", "pad 1 mode=reflect", "pad 1 axis=1",
    "sum axis=2 keep=true", "split 2 -> concat axis=2", "split 2 -> mul", "mul { | it | relu | tanh }",
    "div { | it | exp }", "sub { | relu | it }", "concat axis=2 { | it | it }", "stack axis=1 { | it | relu }",
    "residual { layernorm -> attention 2 -> dropout 0.1 }",
)  # fmt: skip


def grown(input: str, steps: Sequence[str]) -> Graph | None:
    """Return the net of those of the steps that fit, one after the other; each gives an image two axes at least."""
    taken: list[str] = []
    found: Graph | None = None
    for step in steps:
        file, mistakes = parse(Source("spec.arch", net_of("\n".join([*taken, step]), input)))
        graph, _ = elaborate(file, "tried")
        if graph is not None and not mistakes and len(graph.root.types[graph.root.outputs[0].value].axes) > 1:
            taken, found = [*taken, step], graph
    return found


@more
@given(
    st.sampled_from(("8x6x6", "4x8x4", "8x8", "[8]")),
    st.lists(st.sampled_from(STEPS), min_size=4, max_size=16),
    st.sampled_from(MODES),
)
def test_random_programs_save_what_is_predicted(input: str, steps: list[str], mode: tuple[int, bool]) -> None:
    graph = grown(input, steps)
    assume(graph is not None)
    assert graph is not None
    words = {layer.op.word for layer in graph.flat()}
    assume(mode[0] > 1 or words.isdisjoint(("batchnorm", "groupnorm")))  # torch may refuse them one image
    assert_exact(graph, [mode])


TOKENS = """net tokens {
  input words: [5] dtype=int64
  wte: embedding 10 8
  attention 2 -> layernorm
  logits: linear 10 bias=BIAS weight=wte.weight
  FREEZE
  output
}"""


@pytest.mark.parametrize("bias, freeze", [*product(("true", "false"), ("", "freeze wte", "freeze wte, logits"))])
def test_layers_with_tied_weights_save_what_is_predicted(bias: str, freeze: str) -> None:
    """If the weight is frozen and the bias is not, nothing is saved for it."""
    assert_exact(graph_of(TOKENS.replace("BIAS", bias).replace("FREEZE", freeze)))


def test_outputs_of_training_keep_nothing_in_evaluation() -> None:
    body = "conv 3x3 4 -> x: relu\n conv 3x3 4 -> relu -> aux: flatten\n output aux when training\n (x) -> conv 1x1 2"
    graph = graph_of(net_of(body, "3x8x8"))
    assert_exact(graph)
    assert saved(graph).bytes > saved(graph, training=False).bytes


# ---- the facts about each tensor -----------------------------------------------------------------------------------

SMALL = """conv1: conv 3x3 4 pad=1 -> bn1: batchnorm -> relu -> maxpool 2x2/2
  flatten -> dropout 0.5 -> fc: linear 3"""


def listed(told: SavedTensors) -> list[tuple[str, str, str, int, str | None]]:
    """Return for each tensor its layer, its source, its name, the new bytes, and who keeps the storage first."""
    return [
        (layer.layer.path, kept.path, kept.name, kept.new_bytes, kept.keeper)
        for layer in told.layers
        for kept in layer.tensors
    ]


def test_each_tensor_has_its_origin_and_its_keeper() -> None:
    told = saved(graph_of(net_of(SMALL, "3x4x4")))
    assert listed(told) == [
        ("conv1", "image", "", 192, "conv1"),
        ("bn1", "conv1", "", 256, "bn1"),
        ("bn1", "bn1", "statistics", 16, "bn1"),
        ("bn1", "bn1", "statistics", 16, "bn1"),
        ("2", "2", "", 256, "2"),
        ("3", "2", "", 0, "2"),
        ("3", "3", "indices", 128, "3"),
        ("5", "5", "mask", 64, "5"),
        ("fc", "5", "", 64, "fc"),
    ]
    assert told.bytes == 192 + 256 + 32 + 256 + 128 + 64 + 64
    assert sum(layer.new_bytes for layer in told.layers) == told.bytes


def test_a_view_is_the_storage_it_views() -> None:
    """In evaluation dropout is the identity, so that the pool's output is saved for the classifier."""
    told = saved(graph_of(net_of(SMALL, "3x4x4")), batch=3, training=False)
    kept = told.layers[-1].tensors[0]
    assert (kept.path, kept.shape, kept.bytes) == ("3", (3, 16), 3 * 64)
    assert told.bytes == 3 * (192 + 256 + 256 + 128 + 64)


def test_a_parameter_is_no_memory_of_its_own() -> None:
    told = saved(graph_of(net_of("param p: [4] init=normal\n (it, p) -> mul", "[4]")))
    assert listed(told) == [("", "image", "", 16, "")]
    told = saved(graph_of(net_of("fc: linear 4\n param p: [4] init=normal\n (fc, p) -> mul", "[4]")))
    assert listed(told)[-1] == ("", "p", "", 0, None)


def test_a_dtype_replaces_only_floats() -> None:
    graph = graph_of(net_of(SMALL, "3x4x4"))
    whole, half = saved(graph), saved(graph, dtype="bfloat16")
    assert half.bytes == (whole.bytes - 128) // 2 + 128
    assert {kept.dtype for layer in half.layers for kept in layer.tensors} == {"bfloat16", "int64"}


def test_a_wrong_batch_or_dtype_is_an_error() -> None:
    graph = graph_of(net_of(SMALL, "3x4x4"))
    with pytest.raises(ValueError, match="at least 1 image"):
        saved(graph, batch=0)
    with pytest.raises(ValueError, match="dtype is one of"):
        saved(graph, dtype="int8")


def test_a_tensor_is_kept_for_the_gradients_that_need_it() -> None:
    """A product saves each side for the other; a classifier saves its input only for its weights."""
    types = [TensorType((1, 4), ("n", "c"))] * 3
    mul, linear = registry()["mul"](), registry()["linear"].model_validate({"out": 2})

    def kept(op: Operator, inputs: Sequence[TensorType], wanted: Wanted) -> list[tuple[str, int]]:
        return [(one.what, one.index) for one in op.saved(*inputs) or () if one.is_kept(wanted)]

    assert kept(mul, types, Wanted((True, False, False), False)) == [("input", 1), ("input", 2)]
    assert kept(mul, types, Wanted((False, False, True), False)) == [("own", 0)]
    assert kept(linear, types[:1], Wanted((True,), False)) == []
    assert kept(linear, types[:1], Wanted((False,), True)) == [("input", 0)]


def test_a_tie_to_a_tied_weight_is_as_frozen_as_the_first() -> None:
    """A weight that is tied to one that is itself tied to a frozen parameter: its input is not saved."""
    text = """
    net n {
      input x: 2x4x4
      param p: [2, 2] init=normal
      first: linear 2 axis=1 weight=p -> conv 1x1 2 -> linear 2 axis=1 weight=first.weight
      freeze p
      output
    }
    """
    assert_exact(graph_of(text), MODES)
