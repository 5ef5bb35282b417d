"""JSON of Graphs mutated from specs: `python -m tests.graphs --count 50000 --seed 7`.

Each mutant is refused where it is read, or it is a Graph that every pass takes: counts, report, memory and source. The
source holds nothing that a spec could not have brought there. A mutant follows from the seed and its number.
"""

from __future__ import annotations

import ast
import json
import sys
from functools import cache
from pathlib import Path
from time import process_time
from traceback import extract_tb
from typing import Any

from pydantic import ValidationError

from archlang.compiler import CallError, load
from archlang.diagnostics import Rejected
from archlang.facts.memory import memory
from archlang.facts.net import NetFacts
from archlang.facts.untold import UnknownFact
from archlang.ir import Block, CallNode, Graph, Guard, OpNode, Port, Promise, Start
from archlang.lower import torch_source
from archlang.net import Net
from archlang.promises import verify
from archlang.report import report
from tests.mutations import Choices
from tests.specs import graph_of
from tests.tallying import Tallied, command, tallied

HOSTILE = "__import__('os')._exit(3)"
SECONDS = 3.0  # of CPU, a mutant
ODD: list[Any] = [
    HOSTILE, f"x={HOSTILE}", f'"""\n{HOSTILE}\n"""', "a\nimport os", "", "a.b", "__a", "self", "None", "\x1b[31m", "é",
    0, -1, 1, 2, 7, 2**31, 2**63, 2**70, 1.5, -0.0, 1e308, True, False, None, [], {}, [0], ["x"], {"x": 0}, "x" * 200,
    "float32", "int64", "conv", "relu", "add", "n", "c", "h", "output", "zeros",
]  # fmt: skip
TIED = """
block unit(width) {
  a: linear width
  relu
  freeze a
}
net told(units=2) {
  input image: [H=2]
  "one-two": unit units
  b: { first: linear 2 -> relu }
  c: linear 2 weight=b.first.weight
  output
}
"""
AGAIN = """
net n {
  input a: 3x8x8
  input b: 3x8x8
  (a) -> s: conv 3x3/2 4 pad=1 init=he_normal
  (b) -> reuse s
  (s, it) -> concat
  batchnorm -> dropout 0.1 -> maxpool 2x2
  flatten -> linear 3
  output
  expect params > 3
}
"""
ATTENDING = """
net n {
  input x: [8, T=16]
  rearrange "n c t -> n t c"
  param place: 1x16x8 init=zeros
  (it, place) -> add -> attention 2
  linear 4
  output
}
"""
OPEN = """
net n {
  input image: [1, H=28, W=28]
  conv 3x3 4 pad=same
  resize [H, (W * 2)]
  output
}
"""
SMALL = [TIED, AGAIN, ATTENDING, OPEN]
SPECS = ["lenet5", "resnet18", "squeezenet1_0"]


@cache
def texts() -> list[str]:
    """Return the JSON of the Graphs that are mutated."""
    small = [graph_of(text) for text in SMALL]
    return [graph.model_dump_json() for graph in (*small, *(load(name).graph for name in SPECS))]


# ---- one mutant

_MODELS = (Graph, Block, OpNode, CallNode, Port, Promise, Start, Guard)
_FIELDS = {name for model in _MODELS for name in model.model_fields}


def places(value: object, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all values in some JSON."""
    found = [way] if way else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key != "span" or len(way) < 4:  # a few spans are enough
            found += places(inner, (*way, key))
    return found


@cache
def _ways(number: int) -> list[tuple[Any, ...]]:
    return places(json.loads(texts()[number]))


def mutated(seed: int, number: int) -> str:
    """Return the JSON of a mutant: up to three values replaced, removed, doubled, swapped or renamed."""
    choices = Choices(seed, number)
    chosen = choices.below(len(texts()))
    top = json.loads(texts()[chosen])
    for _ in range(1 + choices.below(3)):
        *before, last = choices.one(_ways(chosen))
        try:
            inner = _inner(top, before)
            _changed(inner, last, _alike(top, inner[last], _ways(chosen), choices), choices)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has removed the place
    return json.dumps(top)


def _alike(top: Any, value: Any, ways: list[tuple[Any, ...]], choices: Choices) -> Any:
    """Return another value of the JSON, of the same type if a few draws find one."""
    for _ in range(12):
        other = _inner(top, choices.one(ways))
        if type(other) is type(value):
            return other
    return None


def _inner(top: Any, way: Any) -> Any:
    for part in way:
        top = top[part]
    return top


def _changed(inner: Any, last: Any, other: Any, choices: Choices) -> None:
    kind, value = choices.below(8), inner[last]
    alike = [odd for odd in ODD if type(odd) is type(value)] if kind else ODD
    if kind == 1:
        inner[last] = json.loads(json.dumps(other))
    elif kind == 2 and isinstance(value, (int, float)):
        inner[last] += choices.one([1, -1, 2, 100, 2**31])
    elif kind == 3 and isinstance(inner, list):
        del inner[last]
    elif kind == 4 and isinstance(inner, list):
        inner.insert(last, json.loads(json.dumps(choices.one(inner))))
    elif kind == 5 and isinstance(inner, list):
        at = choices.below(len(inner))
        inner[last], inner[at] = inner[at], value
    elif kind == 6 and isinstance(inner, dict) and last not in _FIELDS:
        inner[choices.one([odd for odd in ODD if isinstance(odd, str)])] = inner.pop(last)
    else:
        inner[last] = choices.one(alike or ODD)


# ---- what a Graph that is accepted must stand


_MODULES = {"__future__", "collections.abc", "functools", "math", "torch", "typing", "torch.nn", "torch.nn.functional"}
_FOREIGN = {"exec", "eval", "compile", "open", "__import__", "globals", "breakpoint", "input"}


def foreign(source: str) -> list[str]:
    """Return what in a source is no part of a module: other imports, names that run code or open files."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [one.name for one in names if one.name.split(".")[0] not in ("torch", "math")]
            case ast.ImportFrom(module=module) if module not in _MODULES:
                found.append(str(module))
            case ast.Name(id=name) if name in _FOREIGN or (name.startswith("__") and name != "__class__"):
                found.append(name)
            case ast.Attribute(attr=name) if name.startswith("__") and name not in ("__init__", "__class__"):
                found.append(name)
            case ast.Call(func=ast.Attribute(attr="_exit" | "system" | "popen")):
                found.append("a call of the system")
            case _:
                pass
    return found


def outcome(text: str) -> str:
    """Return `refused` or `taken` for the JSON of a Graph, or what went wrong with it."""
    start = process_time()
    try:
        graph = Graph.model_validate_json(text)
    except ValidationError:
        return "refused"
    except Exception as error:  # noqa: BLE001  to find those that nobody meant is what this is for
        return _told(error)
    for use in (_written, _counted):
        try:
            wrong = use(graph)
        except (Rejected, UnknownFact, CallError):
            continue
        except Exception as error:  # noqa: BLE001
            return _told(error)
        if wrong:
            return wrong
    return "taken" if process_time() - start < SECONDS else "too slow"


def _told(error: Exception) -> str:
    frame = next(one for one in reversed(extract_tb(error.__traceback__)) if "site-packages" not in one.filename)
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} in {frame.name}: {str(error)[:150]}"


def _written(graph: Graph) -> str:
    source = torch_source(graph)
    found = foreign(source)
    return f"foreign in the source: {found[0]}" if found else ""


def _counted(graph: Graph) -> str:
    report(graph)
    verify(NetFacts(graph))
    memory(graph)
    Net(graph).render("dot")
    return ""


def failures(count: int, seed: int, first: int = 0) -> Tallied:
    """Return how often mutants were refused and taken, and the first mutant of each failure."""
    return tallied(range(first, first + count), lambda number: outcome(mutated(seed, number)), ("refused", "taken"))


if __name__ == "__main__":
    sys.exit(command("tests.graphs", __doc__, 2000, mutated, failures))
