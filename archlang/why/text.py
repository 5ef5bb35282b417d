"""The answer of `why` for a terminal, 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from archlang.shapes import TensorType, Window
from archlang.sheets import aligned
from archlang.source import Source, Span
from archlang.why.answer import Part, Why, WhyLayer, WhyScope
from archlang.why.filling import Filled
from archlang.why.passing import WORK_WORDS, backward_text, kept_text, seen_text
from archlang.why.wrapping import COLUMNS, folded


def why_text(why: Why, sources: Mapping[str, Source]) -> str:
    """Return the answer as text. A source line is shown if its file is among the sources."""
    lines: list[str] = []
    for layer in why.layers:
        lines += ["", *_layer(layer, f"{why.path} of {why.net}: {layer.op}", sources)]
    if why.scope is not None:
        lines += ["", *_scope(why.scope, why.net, sources)]
    return "\n".join(lines[1:])


# ---- one layer


def _layer(layer: WhyLayer, title: str, sources: Mapping[str, Source]) -> Iterator[str]:
    yield title
    yield from folded(layer.summary, "", "")
    yield ""
    yield from _facts([*_places(layer.written, layer.called, sources), *facts_of(layer)])
    yield ""
    yield from _law(layer)


def facts_of(layer: WhyLayer) -> list[tuple[str, str]]:
    """Return what is told of a layer, each with its name; some have several lines, and some are empty."""
    return [
        ("arguments", " ".join(f"{name}={value}" for name, value in layer.arguments.items())),
        ("when run", "\n".join(f"{name}={value}" for name, value in layer.sizes.items())),
        *(("input", _type(type)) for type in layer.inputs),
        *(("output", _type(type)) for type in layer.outputs),
        ("weights", ", ".join(f"{w.name} {Window(w.shape)}".strip() for w in layer.weights if not w.buffer)),
        ("buffers", ", ".join(f"{w.name} {Window(w.shape)}".strip() for w in layer.weights if w.buffer)),
        ("sees", seen_text(layer.receptive)),
        ("backward", backward_text(layer)),
        *(("keeps" if not at else "", line) for at, line in enumerate(kept_text(layer))),
        ("note", _notes(layer)),
    ]


def _facts(facts: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, text in facts:
        if text:
            first, *rest = text.split("\n")
            yield from folded(first, f"  {name:<11}", " " * 13)
            yield from (" " * 13 + line for line in rest)


def _places(written: Span, called: Sequence[Span], sources: Mapping[str, Source]) -> list[tuple[str, str]]:
    found = [("written", written), *(("called", span) for span in called)]
    return [(name, _place(span, sources)) for name, span in found]


def _place(span: Span, sources: Mapping[str, Source]) -> str:
    """Return a file, a line and the line itself, cut to the width: `resnet.arch:21  conv2: conv 3x3 ...`."""
    place = f"{span.file}:{span.line}"
    if span.file not in sources:
        return place
    row = sources[span.file].lines()[span.line - 1]
    line = row.strip().replace("\t", " ")
    room, gap = COLUMNS - 15 - len(place), "  "
    if room < 60 and len(line) > room:  # a long name has a line of its own
        room, gap = COLUMNS - 13, "\n"
    if len(line) > room:
        before = max(0, min(span.column - 1 - len(row) + len(row.lstrip()) - 12, len(line) - room + 4))
        line = ("... " if before else "") + line[before:]
        line = line if len(line) <= room else f"{line[: room - 4]} ..."
    return f"{place}{gap}{line}"


def _type(type: TensorType) -> str:
    """Return `c=64 h=56 w=56`, and the dtype unless it is float32. The batch and a parameter's axes have no names."""
    sizes = zip(type.axes, type.shape, strict=True)
    named = [f"{axis}={size}" for axis, size in sizes if (axis, size) != ("n", 1)]
    named = [str(Window(type.shape))] if "_" in type.axes else named
    return " ".join([*(named or ["one number"]), *([type.dtype] if type.dtype != "float32" else [])])


def _notes(part: WhyLayer | WhyScope) -> str:
    """Return remarks: whether it is reused, frozen, tied, or runs in training alone."""
    if isinstance(part, WhyScope):
        notes = {
            "it runs in training only, and does nothing in evaluation": part.training_only,
            "layers that `reuse` applies again count their weights once and their work each time": part.reused,
        }
    else:
        notes = {
            "it shares its weights with an earlier layer": part.reused,
            "it is frozen": part.frozen,
            "it runs in training only": part.training_only,
        } | {f"its {own} is that of {other}": True for own, other in part.ties.items()}
        notes |= {f"its {name} starts as {start}": True for name, start in part.starts.items()}
    return "; ".join(note for note, holds in notes.items() if holds)


def _law(layer: WhyLayer) -> Iterator[str]:
    before, after = layer.axes
    if after:
        yield f"  {before} -> {after}"
    width = max((len(line.name) for line in layer.law), default=0)
    for line in layer.law:
        yield from _formula(line, width)
    absent = [word for word, count in (("weights", layer.params), ("MACs", layer.work.macs)) if not count]
    if absent:
        yield f"  no {' and no '.join(absent)}"
    told = {line.name for line in layer.law}
    for name, amount in asdict(layer.work).items():
        if amount and name in WORK_WORDS and name not in told:
            yield f"  {amount:,} {WORK_WORDS[name]}"


def _formula(line: Filled, width: int) -> Iterator[str]:
    """Yield the steps of a formula, on one line if they fit."""
    steps = steps_of(line)
    if not steps:
        return
    names = f"  {line.name:<{width}} = "
    one_line = names + " = ".join(steps)
    if len(one_line) <= COLUMNS and len(line.formula) <= 40:
        yield one_line
        return
    for number, step in enumerate(steps):
        yield from folded(step, names if not number else " " * (width + 3) + "= ", " " * (width + 5))


def steps_of(line: Filled) -> list[str]:
    """Return the formula, its numbers and the result, each once; none for a count that is 0 by its formula."""
    if line.value == 0 and line.formula == "0":
        return []
    steps = list(dict.fromkeys((line.formula, line.numbers)))
    if steps[-1] != str(line.value):
        steps.append(f"{line.value:,}")
    else:
        steps[-1] = f"{line.value:,}"
    return steps


# ---- a scope


def _scope(scope: WhyScope, net: str, sources: Mapping[str, Source]) -> Iterator[str]:
    yield f"{scope.path} of {net}: {scope.what}" if scope.path else f"{net}, the whole net"
    yield ""
    facts = [
        *_places(scope.written, scope.called, sources),
        ("arguments", " ".join(f"{name}={value}" for name, value in scope.arguments.items())),
        *(("input", _type(type)) for type in scope.inputs),
        *(("output", _type(type)) for type in scope.outputs),
        ("note", _notes(scope)),
    ]
    yield from _facts(facts)
    yield ""
    yield from _sum(scope)
    for join in scope.joins:
        yield from ("", *_join(join, sources))


def _join(join: WhyLayer, sources: Mapping[str, Source]) -> Iterator[str]:
    """Yield a join in short: its place, its inputs and outputs, its law."""
    first, *rest = _place(join.written, sources).split("\n")
    yield from folded(first, f"  ({join.op})  ", "    ")
    yield from (f"    {line}" for line in rest)
    given = f"{', '.join(map(str, join.inputs))} -> {', '.join(map(str, join.outputs))}"
    yield from folded(given, "    ", "    ")
    for line in _law(join):
        if not line.startswith("  no "):
            yield f"  {line}"


def _sum(scope: WhyScope) -> Iterator[str]:
    """Yield the parts and their sum, as a table."""
    total = Part("sum", "", (), scope.params, scope.macs)
    rows = [("part", "is", "output", "parameters", "MACs"), *map(_part, (*scope.parts, total))]
    heading, *body, last = (f"  {line}" for line in aligned(rows, (False, False, False, True, True)))
    rule = "  " + "-" * (max(map(len, (heading, *body, last))) - 2)
    yield from (heading, rule, *body, rule, last)


def _part(part: Part) -> tuple[str, ...]:
    name = part.name or f"({part.what})"
    return name, part.what, ", ".join(map(str, part.outputs)), f"{part.params:,}", f"{part.macs:,}"
