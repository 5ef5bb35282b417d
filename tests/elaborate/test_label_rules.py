"""Names of Python, torch and modules as names of everything: refused where they are written, or modules that work."""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch
from pydantic import ValidationError

from archlang.diagnostics import Diagnostic
from archlang.elaborate import elaborate, nets
from archlang.ir import Graph
from archlang.lower import module, torch_source
from archlang.parse import parse
from archlang.source import Source
from tests.graphs import TIED
from tests.specs import graph_of

APPLIED = ["linear", "relu", "add", "mul"]  # by the nets of these tests
OURS = ["self", "x", "y", "it", "x0", "x1", "x2", "__a", "_a", "_", "a__", "width", "Net", "Block", "image", "append"]


@cache
def words() -> list[str]:
    """Return names that mean something to Python, torch or a module."""
    modules = [torch.nn.Module(), torch.nn.Sequential(torch.nn.Identity()), torch.nn.Parameter(torch.ones(1))]
    places = [*modules, builtins, torch.nn, math]
    found = {name for place in places for name in dir(place)}
    return sorted({*found, *keyword.kwlist, *keyword.softkwlist, *OURS})


def told(text: str) -> tuple[Graph | None, list[Diagnostic]]:
    file, found = parse(Source("names.arch", text))
    if found:
        return None, found
    return elaborate(file, nets(file)[-1].name)


def batched(names: list[str], count: int) -> Iterator[list[str]]:
    yield from (names[at : at + count] for at in range(0, len(names), count))


def accepted(spec: Callable[[list[str]], str]) -> list[str]:
    """Return the words that a spec of one name takes; each other one is refused with a message.

    A spec of several names is tried first: most words are right, so that few are tried alone.
    """
    good: list[str] = []
    for some in batched(words(), 12):
        several, _ = told(spec(some))
        good += some if several is not None else [word for word in some if accepts(spec, word)]
    return good


def accepts(spec: Callable[[list[str]], str], word: str) -> bool:
    """Return whether a spec takes this name; otherwise it is refused with a message."""
    graph, found = told(spec([word]))
    assert (graph is None) == bool(found), word
    return graph is not None


def steps(names: list[str]) -> str:
    lines = "\n".join(f"  {name}: linear 2 -> relu" for name in names)
    return f"net tried {{\n  input image: [2]\n{lines}\n  output\n}}"


def braces(names: list[str]) -> str:
    lines = "\n".join(
        f"  (last{at}) -> {name}: {{ linear 2 -> relu }}\n  (it, image, last{at}) -> add\n  last{at + 1}: it"
        for at, name in enumerate(names)
    )
    return f"net tried {{\n  input image: [2]\n  last0: it\n{lines}\n  output\n}}"


def stored(names: list[str]) -> str:
    lines = "\n".join(f"  param {name}: [2] init=ones\n  ({name}, it) -> mul" for name in names)
    return f"net tried {{\n  input image: [2]\n{lines}\n  output\n}}"


def inputs(names: list[str]) -> str:
    lines = "\n".join(f"  input {name}: [2]" for name in names)
    listed = ", ".join([*names, "other"])
    return f"net tried {{\n{lines}\n  input other: [2]\n  ({listed}) -> add -> linear 2\n  output\n}}"


def blocks(names: list[str]) -> str:
    kinds = "\n".join(
        f"block {name}(units) {{\n  kept: linear units -> relu\n  (kept, it) -> add\n}}" for name in names
    )
    calls = "\n".join(f"  {name} 2 -> {name} 3" for name in names)
    return f"{kinds}\nnet tried {{\n  input image: [2]\n{calls}\n  output\n}}"


def parameters(names: list[str]) -> str:
    units = " -> ".join(f"linear {name}" for name in names)
    calls = "\n".join(f"  unit {' '.join(str(at + 2 + turn) for at in range(len(names)))}" for turn in range(3))
    return f"block unit({', '.join(names)}) {{\n  {units}\n}}\nnet tried {{\n  input image: [2]\n{calls}\n  output\n}}"


def check_built(text: str) -> None:
    """Check that the net's module runs, has the keys of the report, and still has the methods of a module."""
    graph = graph_of(text)
    net = module(graph)
    images = [torch.randn(3, *graph.root.types[port.value].shape[1:]) for port in graph.root.inputs]
    assert torch.equal(net(*images).detach(), net.eval()(*images))
    keys = {
        f"{layer.path}.{one.name}".strip(".") for layer in graph.flat() for one in layer.op.weights(*layer.input_types)
    }
    assert set(net.state_dict()) == keys
    net.train().float().to("cpu").apply(lambda inner: None).requires_grad_(requires_grad=False)
    assert len(dict(net.named_parameters())) == len(keys)


@pytest.mark.parametrize("spec", [steps, braces, stored, inputs, blocks, parameters])
def test_a_name_is_refused_or_works(spec: Callable[[list[str]], str]) -> None:
    good = accepted(spec)
    assert 700 < len(good) < len(words())
    plain = [word for word in good if word not in APPLIED]  # a value named `relu` would hide the operator
    for names in [*batched(plain, 100), *([word] for word in good if word in APPLIED)]:
        check_built(spec(list(names)))


def test_every_word_can_name_a_net() -> None:
    for word in words():
        text = f"net {word} {{\n  input image: [2]\n  a: linear 2 -> relu\n  (a, image) -> add\n  output\n}}"
        graph, found = told(text)
        assert (graph is None) == bool(found), word
        assert graph is None or torch_source(graph), word  # which is compared with the Graph


@pytest.mark.parametrize("name", ["__a", "__a__", "__class__", "__call__", "__debug__"])
def test_two_underscores_are_refused(name: str) -> None:
    for spec in (steps, braces, stored, inputs):
        assert [one.code for one in told(spec([name]))[1]] == ["mangled-label"]


# ---- a Graph from elsewhere


HOSTILE = 'x=__import__("os").system("echo")'


def _texts(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the places of names and paths in JSON, including keys of objects."""
    found: list[tuple[object, ...]] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            if path and path[-1] in ("arguments", "labels", "ties", "open_sizes"):
                found.append((*path, key, "key"))
            if key in ("name", "scope", "module") and isinstance(inner, str) and inner:
                found.append((*path, key))
            found += _texts(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            if path and path[-1] in ("frozen", "scopes"):
                found.append((*path, at))
            found += _texts(inner, (*path, at))
    return found


def _replaced(graph: Graph, place: tuple[object, ...], name: str) -> object:
    import json

    top = json.loads(graph.model_dump_json())
    inner = top
    is_key = place[-1] == "key"
    *way, last = place[:-1] if is_key else place
    for part in way:
        inner = inner[part]
    if is_key:
        inner[name] = inner.pop(last)
    else:
        inner[last] = name
    return top


def test_a_graph_with_a_name_that_is_code_is_refused() -> None:
    import json

    graph = graph_of(TIED)
    places = _texts(json.loads(graph.model_dump_json()))
    assert {place[-1] for place in places} >= {"name", "scope", "key", 0}
    assert len(places) > 20
    for place in places:
        for name in (HOSTILE, "a\nimport os", 'a"', "a.__class__", "a b", ""):
            if name == "" and place[-1] in ("scope", 0, "key"):
                continue  # the outermost scope, and the weight of a tensor that is a module's own
            text = json.dumps(_replaced(graph, place, name))
            with pytest.raises(ValidationError):
                Graph.model_validate_json(text)


def test_the_emitter_refuses_such_a_name_as_well() -> None:
    graph = graph_of(TIED)
    hostile = graph.root.inputs[0].model_copy(update={"name": HOSTILE})
    root = graph.root.model_copy(update={"inputs": (hostile,)})
    changed = graph.model_copy(update={"blocks": (*graph.blocks[:-1], root)})
    with pytest.raises(ValueError, match="cannot be the name of an input"):
        torch_source(changed)
    with pytest.raises(ValueError, match="cannot be the name of a net"):
        torch_source(graph.model_copy(update={"name": 'n"""'}))
