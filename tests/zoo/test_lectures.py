"""The networks of the lectures: their figures, row by row, and that torch's module is what the Graph says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net, check
from archlang.diagnostics import Diagnostic
from archlang.elaborate import elaborate, nets
from archlang.facts.net import NetFacts
from archlang.facts.work import totals
from archlang.ir import Graph, Promise
from archlang.laws.calling import tensors
from archlang.library import Found, Library, read
from archlang.paths import SPECS
from archlang.promises import verify
from archlang.shipped import shipped_nets
from archlang.source import Source
from archlang.uses import Folder

FAMILIES = [
    "autoencoder", "captioning", "deconvnet", "dqn", "espcn", "fcn", "fractalnet", "googlenet_table",
    "inception_v4", "lenet_1998", "mobilenet_v1", "nin", "resnet_cifar", "resnet_paper", "resnet_v2",
    "shufflenet_v1", "style_transfer", "transfer", "wavenet", "wide_resnet", "yolo_v1", "zfnet",
]  # fmt: skip
FILES = [*(SPECS / f"{name}.arch" for name in FAMILIES), *sorted((SPECS / "lectures").glob("*.arch"))]
FIGURES = tomllib.loads((Path(__file__).parents[1] / "reference" / "lectures.toml").read_text("utf-8"))
ROWS: list[dict[str, Any]] = [row for table in FIGURES.values() for row in table]
ABOUT = {"row", "refuted", "tests", "later"}  # facts about a row; its other keys are nets


def read_text(text: str, name: str = "held.arch") -> Library:
    """Return a spec that stands beside the shipped ones."""
    return read(Found(Source(name, text), None, Folder(SPECS, SPECS)))


def names_in(path: Path) -> list[str]:
    """Return the nets of a file that can be built as they are."""
    library = read_text(path.read_text("utf-8"), path.relative_to(SPECS).as_posix())
    return [net.name for net in nets(library.main, (), library.files) if net.complete]


NETS = {name: path for path in FILES for name in names_in(path)}
HOMES = {name: path.relative_to(SPECS).as_posix() for path, names in shipped_nets() for name in names}

# WEIGHTY ones run as in evaluation, one image at a time, which takes less memory
UNBUILT = {"fully_connected_200"}  # 6.4 GB of weights: only on the meta device
WEIGHTY = {"captioning", "deconvnet", "fcn_32s", "fcn_16s", "fcn_8s", "fcn_8s_20", "yolo_v1", "zfnet_lectures"} | {
    name for name in NETS if name.startswith(("vgg16", "as_", "on_"))
}
DEEP = {"resnet1202", "plain1202", "stochastic_resnet1202", "resnet1001_v2", "resnet1001_v2_without_norm"}
SLOW = WEIGHTY | DEEP | {
    "inception_v4", "resnet101_paper", "resnet152_paper", "wrn_28_10", "wrn_28_10_dropout", "style_transfer", "wavenet",
    "zfnet", "fractalnet",
}  # fmt: skip


@cache
def graph_of(name: str) -> Graph:
    library = read_text((SPECS / HOMES[name]).read_text("utf-8"), HOMES[name])
    graph, found = elaborate(library.main, name, {}, library.files)
    assert graph is not None and not found
    return graph


def held(name: str, figures: Sequence[str]) -> tuple[Graph, list[Diagnostic]]:
    """Return what is wrong with figures of a shipped net, which are promised in a net derived from it."""
    lines = "".join(f"  expect {figure}\n" for figure in figures)
    library = read_text(f'use "{HOMES[name]}": {name}\nnet held = {name} {{\n{lines}}}\n')
    graph, found = elaborate(library.main, "held", {}, library.files)
    assert graph is not None, [one.message for one in found]
    return graph, [*library.diagnostics, *found, *verify(NetFacts(graph))]


def fact_of(promise: Promise) -> tuple[object, ...]:
    return promise.path, promise.fact, promise.more


# ---- the specs and their figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.arch")), ids=lambda path: path.relative_to(SPECS).as_posix())
def test_every_shipped_spec_is_valid(path: Path) -> None:
    checked = check(str(path), counts_alone=True)
    holds_recipes = bool(checked.library.main.recipes)
    assert (checked.graphs or holds_recipes) and not checked.diagnostics, "\n".join(checked.rendered())
    assert any(graph.promises for graph in checked.graphs) or path not in FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_spec_is_short_and_names_its_source(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# ") and len(text.splitlines()) <= 70
    if path.parent == SPECS:
        assert re.match(r"# [A-Z][\w ]*: (.|\n)*?\b(19|20)\d\d, \"", text), "name: authors, year, title"


def test_names_are_of_one_net_each() -> None:
    names = [name for _, names in shipped_nets() for name in names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["row"])
def test_a_row_of_the_figures_is_promised(row: dict[str, Any]) -> None:
    """Each figure holds, and the net's own spec promises the same fact of the same path."""
    figures = {name: promised for name, promised in row.items() if name not in ABOUT}
    assert figures or row.get("tests") or row.get("later")
    for name, promised in figures.items():
        graph, wrong = held(name, promised)
        assert len(graph.promises) == len(promised) and not wrong, [one.message for one in wrong]
        assert {*map(fact_of, graph.promises)} <= {*map(fact_of, graph_of(name).promises)}, name
    for file, printed in row.get("refuted", {}).items():
        comments = " ".join(re.findall(r"#(.*)", (SPECS / f"{file}.arch").read_text("utf-8")))
        assert [figure for figure in printed if figure not in comments] == []
    tests = (Path(__file__).parent / "test_lecture_nets.py").read_text("utf-8")
    assert [test for test in row.get("tests", ()) if f"def {test}(" not in tests] == []


def test_a_wrong_figure_is_reported() -> None:
    _, wrong = held("resnet20", ["params ~ 0.28M", "params ~ 0.27M", "layer3 == 64x8x8", "layer3 == 64x8x7"])
    assert [one.code for one in wrong] == ["broken-promise", "broken-promise"]


# ---- every net in torch --------------------------------------------------------------------------------------------


def results_of(module: nn.Module, graph: Graph, batch: int, device: str) -> tuple[list[Tensor], list[Tensor]]:
    """Return random inputs and the module's results, whose shapes must be those of the Graph."""
    inputs = [x.detach() for x in tensors([graph.root.types[port.value] for port in graph.root.inputs], batch, 2)]
    inputs = [x.to(device).requires_grad_(x.is_floating_point()) for x in inputs]
    given = module(*inputs)
    outputs = list(given) if isinstance(given, tuple) else [given]
    told = [graph.root.types[port.value] for port in graph.root.outputs if module.training or not port.training]
    assert [tuple(output.shape) for output in outputs] == [(batch, *type.shape[1:]) for type in told]
    return inputs, outputs


def assert_gradients(module: nn.Module, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Check that gradients reach every parameter that is not frozen, and every image."""
    torch.stack([output.square().mean() for output in outputs]).sum().backward()
    assert [path for path, value in module.named_parameters() if (value.grad is None) == value.requires_grad] == []
    assert [x.shape for x in inputs if x.is_floating_point() and x.grad is None] == []


def shapes_given(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shape of what each part of a module gives, once it has run."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path, part in module.named_modules():

        def keep(_: nn.Module, given: object, output: Any, path: str = path) -> None:
            shapes[path] = tuple(getattr(output, "shape", ()))

        part.register_forward_hook(keep)
    return shapes


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.sweep] * (name in DEEP)) for name in NETS])
def test_a_net_counts_as_its_module_does(name: str) -> None:
    """On the meta device, where no value is computed: parameters, buffers, MACs and shapes.

    In training mode as well, for a net that is not run in that mode below.
    """
    graph = graph_of(name)
    told = totals(graph)
    with torch.device("meta"):
        module = Net(graph).module().eval()
    trained = sum(value.numel() for value in module.parameters() if value.requires_grad)
    assert (told.params, told.trainable_params) == (sum(value.numel() for value in module.parameters()), trained)
    assert told.buffers == sum(value.numel() for value in module.buffers())
    shapes = shapes_given(module)
    with FlopCounterMode(display=False) as counter:
        results_of(module, graph, 1, "meta")
    weighted = [layer for layer in graph.flat() if layer.op.weights(*layer.input_types) and not layer.training_only]
    wanted = {layer.path: layer.output_types[0].shape for layer in weighted}
    assert {path: shapes[path] for path in wanted} == wanted
    assert counter.get_total_flops() == 2 * told.macs
    if name in SLOW | UNBUILT:
        assert_gradients(module, *results_of(module.train(), graph, 2, "meta"))


def runs_with_gradients(name: str) -> None:
    graph = graph_of(name)
    module = Net(graph).module(seed=0).train(name not in WEIGHTY)
    inputs, outputs = results_of(module, graph, 1 if name in WEIGHTY else 2, "cpu")
    assert all(bool(output.isfinite().all()) for output in outputs)
    assert_gradients(module, inputs, outputs)


@pytest.mark.parametrize("name", [name for name in NETS if name not in SLOW | UNBUILT])
def test_a_net_runs_with_gradients(name: str) -> None:
    runs_with_gradients(name)


@pytest.mark.sweep
@pytest.mark.parametrize("name", sorted(SLOW))
def test_a_large_net_runs_with_gradients(name: str) -> None:
    runs_with_gradients(name)


def test_only_what_is_too_large_is_not_run() -> None:
    assert all(4 * totals(graph_of(name)).params > 4e9 for name in UNBUILT)
    assert NETS.keys() >= SLOW | UNBUILT
