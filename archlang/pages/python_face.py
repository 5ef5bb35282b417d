"""The page docs/python.md: the public names of archlang in Python, from their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from textwrap import dedent
from typing import Any

import archlang
from archlang.diff import Diff
from archlang.export import Exported
from archlang.facts.memory import Alive, Memory, Moment
from archlang.fit import Largest, Plan
from archlang.net.fitting import Fit
from archlang.net.open_sizes import Sizes
from archlang.report import LayerRow, Report
from archlang.sizes import OpenSize, Tried
from archlang.tapping import Tap
from archlang.train.loaded import LoadedRecipe
from archlang.verify import Verdict
from archlang.why import Why

RESULTS: tuple[type[Any], ...] = (
    Report, LayerRow, Why, Memory, Moment, Alive, Fit, Largest, Plan, Sizes, OpenSize, Tried, Diff, Exported,
    Verdict, LoadedRecipe, Tap,
)  # fmt: skip

WIDTH = 100  # of a signature on one line

INTRODUCTION = '''# archlang in Python

A net in Python gives what the commands give: `archlang report`, `memory`, `fit`, `sizes` and `diff` print the objects
that its methods return, and `to_json()` of each is what the command prints with `--format json`. This page is
generated from the docstrings.

```pycon
>>> import archlang
>>> archlang.load("resnet18")
<Net resnet18: 69 operators, output 1000>
>>> text = """
... net shrink(width=8) {
...   input image: [3, H=64, W=64]
...   residual { conv 3x3 3 pad=1 } shortcut { down: conv 4x4/4 width -> upsample 4 -> conv 1x1 3 }
...   output
... }
... """
>>> net = archlang.loads(text)
>>> net.report(batch=2)
<Report of shrink, batch 2, eval: 5 layers, 503 parameters, 1,056,768 MACs>
>>> net.report().layers[0].output
(3, 64, 64)
>>> net.memory(batch=32, dtype="bf16", optimizer="adam")
<Memory of shrink (training, batch 32, bfloat16, adam): peak 7.25 MiB in the backward pass of 3 (conv)>
>>> net.fit("64MiB")
<Fit of shrink (training, momentum) within 64.00 MiB: largest batch 68, largest H 4,396, largest W 4,396>
>>> net.sizes({"H": range(1, 33)})["H"].right
[4, 8, 12, 16, 20, 24, 28, 32]
>>> net.diff(archlang.loads(text, width=16))
<Diff of shrink and shrink: 3 changes, +416 parameters, +196,608 MACs>
>>> net.module(seed=0).down.weight.shape
torch.Size([8, 3, 4, 4])
```
'''


def python_page() -> str:
    """Return the page as Markdown: an example that the tests run, the functions, `Net`, and what its methods return."""
    lines = [INTRODUCTION]
    names = [getattr(archlang, name) for name in sorted(archlang.__all__)]
    for found in (one for one in names if not isinstance(one, type)):
        lines += _function(f"archlang.{found.__name__}", found, "##")
    for kind in (archlang.CallError, archlang.SpecError, archlang.Net):
        lines += _class(f"archlang.{kind.__name__}", kind)
    lines += ["## What the methods return", ""]
    for kind in RESULTS:
        lines += _class(kind.__name__, kind, "###")
    return "\n".join(lines).rstrip("\n") + "\n"


def _class(name: str, kind: type[Any], level: str = "##") -> Iterator[str]:
    """Return a class with its fields, its properties and its methods."""
    yield from (f"{level} {name}", "", *_text(kind), "")
    values = {one.name: str(one.type) for one in fields(kind) if one.repr} if is_dataclass(kind) else {}
    if values:
        yield from ("| field | type |", "|---|---|")
        yield from (f"| `{field}` | `{_cell(type)}` |" for field, type in values.items())
        yield ""
    for member in (one for one in vars(kind) if not one.startswith("_") and one not in values):
        found = vars(kind)[member]
        if isinstance(found, property) or hasattr(found, "func"):
            getter = found.fget if isinstance(found, property) else found.func
            assert getter is not None
            result = inspect.signature(getter).return_annotation
            yield from (f"`{member}`: `{result}`. {' '.join(_text(getter))}", "")
        elif callable(found):
            yield from _function(f"{'net.' if kind is archlang.Net else ''}{member}", found, level + "#")


def _function(name: str, function: Callable[..., Any], level: str) -> Iterator[str]:
    yield from (f"{level} {name}", "", "```text", *_signature(name, function), "```", "", *_text(function), "")


def _signature(name: str, function: Callable[..., Any]) -> Iterator[str]:
    """Return a call with the types and the defaults of its arguments, on one line or one line for each."""
    signature = inspect.signature(function)
    given: list[str] = []
    before = ""
    for one in signature.parameters.values():
        kind = one.kind.name
        given += ["/"] if before == "POSITIONAL_ONLY" != kind else []
        given += ["*"] if kind == "KEYWORD_ONLY" != before else []
        default = "" if one.default is one.empty else f" = {one.default!r}"
        stars = "**" if kind == "VAR_KEYWORD" else ""
        given += [] if one.name == "self" else [f"{stars}{one.name}: {one.annotation}{default}"]
        before = kind
    line = f"{name}({', '.join(given)}) -> {signature.return_annotation}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield from (f"{name}(", *(f"    {one}," for one in given), f") -> {signature.return_annotation}")


def _text(of: Any) -> Iterator[str]:
    """Return a docstring as paragraphs of one line each."""
    text = dedent(inspect.getdoc(of) or "")
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text)):
        yield from ([""] if number else [])
        yield " ".join(paragraph.split())


def _cell(type: str) -> str:
    return type.replace("|", "\\|")
