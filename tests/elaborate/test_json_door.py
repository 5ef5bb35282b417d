"""A Graph from JSON is one that a spec could give, or it is refused; what is accepted passes through every stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from archlang.compiler import check
from archlang.ir import Graph
from archlang.lower import torch_source
from tests.graphs import AGAIN, HOSTILE, OPEN, SMALL, TIED, failures, foreign, mutated, outcome, texts
from tests.specs import graph_of

SEED = 7


@pytest.mark.parametrize("count", [250, pytest.param(1000, marks=pytest.mark.sweep)])
def test_mutated_graphs(count: int) -> None:
    """Some are still accepted, so that it is not the form of the JSON alone that is tried."""
    tally, failed = failures(count, SEED)
    assert not failed
    assert tally["taken"] >= count / 50 and tally["refused"] >= count / 2, tally


def test_a_mutant_follows_from_its_seed_and_number() -> None:
    assert mutated(SEED, 1) == mutated(SEED, 1)
    assert len({mutated(SEED, number) for number in range(60)}) > 50


def test_what_runs_code_in_a_source_is_found() -> None:
    assert foreign("import os")[:1] == ["os"]
    assert foreign(f"class A:\n    def f(self, x={HOSTILE}):\n        pass")
    assert foreign("x = eval('1')") and foreign("x = y.__class__.__mro__") and foreign("from os import path")
    assert not any(foreign(torch_source(Graph.model_validate_json(text))) for text in texts())


def test_a_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(graph: Graph) -> str:
        raise ZeroDivisionError(graph.name)

    monkeypatch.setattr("tests.graphs.torch_source", broken)
    assert outcome(texts()[0]).startswith("ZeroDivisionError at test_json_door.py:")


@pytest.mark.sweep
def test_every_graph_of_the_repository_comes_back() -> None:
    for path in (
        *Path("specs").rglob("*.arch"),
        *Path("tests/nets").glob("*.arch"),
        *Path("tests/found").glob("*.arch"),
    ):
        for graph in check(str(path), root=Path()).graphs:
            assert Graph.model_validate_json(graph.model_dump_json()) == graph, path


@pytest.mark.parametrize("text", SMALL)
def test_graphs_come_back(text: str) -> None:
    graph = graph_of(text)
    assert Graph.model_validate_json(graph.model_dump_json()) == graph


# ---- one rule after the other


def node(top: Any, at: int = 0) -> Any:
    return top["blocks"][-1]["nodes"][at]


def put(*way: Any, value: Any) -> Callable[[Any], None]:
    def change(top: Any) -> None:
        for part in way[:-1]:
            top = top[part]
        top[way[-1]] = value

    return change


BLOCK = ("blocks", -1)
WRONG: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "no blocks": (AGAIN, put("blocks", value=[]), "at least one block"),
    "id of another": (AGAIN, put(*BLOCK, "id", value="m"), "no id of its own"),
    "one id twice": (TIED, put("blocks", 0, "id", value="told"), "no id of its own"),
    "type that does not follow": (
        AGAIN,
        put(*BLOCK, "types", 2, "shape", value=[1, 4, 5, 4]),
        "does not give these outputs",
    ),
    "size beyond torch": (AGAIN, put(*BLOCK, "types", 0, "shape", value=[1, 3, 2**31, 8]), "no tensor can have"),
    "values beyond torch": (AGAIN, put(*BLOCK, "types", 0, "shape", value=[1, 2**30, 2**30, 8]), "no tensor can have"),
    "no dtype": (AGAIN, put(*BLOCK, "types", 0, "dtype", value="str"), "no tensor can have"),
    "axis that is code": (AGAIN, put(*BLOCK, "types", 0, "axes", value=["n", "c", HOSTILE, "w"]), "no tensor can have"),
    "later value": (AGAIN, put(*BLOCK, "nodes", 0, "inputs", value=[5]), "before it is made"),
    "value made twice": (AGAIN, put(*BLOCK, "nodes", 1, "outputs", value=[2]), "each once"),
    "output of nothing": (AGAIN, put(*BLOCK, "outputs", 0, "value", value=99), "does not exist"),
    "label of nothing": (AGAIN, put(*BLOCK, "labels", "s", value=99), "does not exist"),
    "no output in evaluation": (AGAIN, put(*BLOCK, "outputs", 0, "training", value=True), "in evaluation too"),
    "unused input": (OPEN, put(*BLOCK, "nodes", 0, "inputs", value=[]), "does not take 0 values"),
    "operator that does not apply": (AGAIN, put(*BLOCK, "nodes", 0, "op", "groups", value=2), "does not apply"),
    "weight beyond torch": (AGAIN, put(*BLOCK, "nodes", 0, "op", "kernel", value=[2**40, 3]), "1 validation error"),
    "number beyond torch": (AGAIN, put(*BLOCK, "nodes", 3, "op", "eps", value=1e300), r"must be less than 2\*\*63"),
    "initialiser beyond torch": (
        AGAIN,
        put(*BLOCK, "nodes", 0, "starts", "weight", value={"word": "normal", "values": [1e300, 0.0]}),
        "numbers stay below",
    ),
    "module that is none": (AGAIN, put(*BLOCK, "nodes", 1, "module", value="t"), "can be applied again"),
    "name and module": (AGAIN, put(*BLOCK, "nodes", 2, "name", value="t"), "a join has neither"),
    "one path twice": (AGAIN, put(*BLOCK, "nodes", 3, "name", value="s"), "have one path"),
    "step within a step": (AGAIN, put(*BLOCK, "nodes", 3, "name", value="s.t"), "within another step"),
    "braces that are none": (AGAIN, put(*BLOCK, "nodes", 0, "scope", value="q"), "no braces"),
    "frozen nothing": (AGAIN, put(*BLOCK, "frozen", value=["q"]), "nothing to freeze"),
    "tie to nothing": (TIED, put(*BLOCK, "nodes", -1, "ties", value={"weight": "b.first.bias"}), "cannot be tied"),
    "tie of nothing": (TIED, put(*BLOCK, "nodes", -1, "ties", value={"q": "b.first.weight"}), "cannot be tied"),
    "call of a later block": (TIED, put(*BLOCK, "nodes", 0, "block", value="told"), "no earlier block"),
    "call with other inputs": (TIED, put("blocks", 0, "types", value=[]), "each once"),
    "fact that is none": (AGAIN, put("promises", 0, "fact", value="macs.x"), "no fact"),
    "shape of a number": (AGAIN, put("promises", 0, "expected", value=[3]), "no fact"),
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_graph_that_no_spec_gives_is_refused(rule: str) -> None:
    text, change, message = WRONG[rule]
    top = json.loads(graph_of(text).model_dump_json())
    change(top)
    with pytest.raises(ValidationError, match=message):
        Graph.model_validate_json(json.dumps(top))


def test_calls_that_are_nested_too_deeply() -> None:
    top = json.loads(
        graph_of("block unit { linear 2 }\nnet n {\n  input x: [2]\n  unit\n  output\n}\n").model_dump_json()
    )
    block, net = top["blocks"]
    call = net["nodes"][0]
    chain = [block]
    for at in range(1, 45):
        inner = {**block, "id": f"unit#{at + 1}", "nodes": [{**call, "block": chain[-1]["id"]}]}
        chain.append(inner)
    top["blocks"] = [*chain, {**net, "nodes": [{**call, "block": chain[-1]["id"]}]}]
    with pytest.raises(ValidationError, match="nested more than 40 deep"):
        Graph.model_validate_json(json.dumps(top))
