"""Evaluates a recipe: its lines, its net, and every setting with its default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from archlang import syntax as s
from archlang.diagnostics import Diagnostic, Rejected
from archlang.elaborate import Files, Meter, net_with, top_of
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.state.kinds import Given, RecipeValue
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here, Session
from archlang.ir import Graph
from archlang.recipes import reading
from archlang.recipes.lines import Line, Unfolded, unfolded
from archlang.recipes.overriding import changed
from archlang.recipes.reading_losses import loss_terms
from archlang.recipes.recipe import Part, Precision, Recipe, Schedule, Stage
from archlang.source import Span

_Read = TypeVar("_Read")

NEEDED = {
    "data": "data mnist",
    "loss": "loss crossentropy",
    "optimizer": "optimizer adamw lr=1e-3",
    "batch": "batch 64",
}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A recipe with the Graph of its net."""

    recipe: Recipe
    graph: Graph


def evaluated(
    file: s.File,
    name: str,
    settings: Mapping[str, s.Expression] | None = None,
    files: Files | None = None,
    meter: Meter | None = None,
) -> tuple[Evaluated | None, list[Diagnostic]]:
    """Return a recipe of a file with the Graph of its net, and the diagnostics of both.

    `settings` replace parameters of the recipe or its net, and settings of the recipe: `lr`, `batch`, `optimizer.lr`.
    """
    here = top_of(file, files, meter)
    try:
        return _evaluated(name, dict(settings or {}), here), here.session.diagnostics
    except Mistake as mistake:
        here.session.report(mistake)
    except Silent:
        pass
    return None, here.session.diagnostics


def _evaluated(name: str, settings: dict[str, s.Expression], here: Here) -> Evaluated | None:
    value = here.builder.home.declared(name)
    if not isinstance(value, RecipeValue):
        raise Silent
    own = {parameter.name for parameter in value.recipe.parameters}
    span = value.recipe.name.span
    given = [_given(word, settings.pop(word), here) for word in list(settings) if word in own]
    found = unfolded(value, given, span, here)
    if found.net is None:
        message = f"`{name}` is a group of settings: it names no net"
        raise Mistake(Rejected("missing-setting", message, help=f"write `train {name} = NET {{`"), span)
    lines = changed(found.lines, settings, here)
    arguments = [*found.net[1], *(_given(word, node, here) for word, node in settings.items())]
    recipe = _recipe(name, replace(found, lines=lines), span)
    graph = net_with(found.net[0].text, arguments, found.net[2])
    return None if graph is None else Evaluated(recipe, graph)


def _given(word: str, node: s.Expression, here: Here) -> Given:
    return Given(word, evaluate(node, here), node.span, node.span)


def _recipe(name: str, found: Unfolded, span: Span) -> Recipe:
    """Read all lines. Each mistake is reported, and the others are read all the same."""
    session = found.here.session
    by_word: dict[str, list[Line]] = {}
    for line in found.lines:
        by_word.setdefault(line.word, []).append(line)
    for mistake in _missing(name, by_word, span):
        session.report(mistake)
    read = _Reading(by_word, found.here)
    optimizer = read.one("optimizer", reading.optimizer)
    recipe = Recipe(
        name=name,
        net=found.net[0].text if found.net else "",
        data=cast(Part, read.one("data", reading.data)),
        losses=read.all("loss", loss_terms) or (),
        optimizer=cast(Part, optimizer),
        batch=read.one("batch", reading.count) or 0,
        epochs=read.one("epochs", reading.count),
        steps=read.one("steps", reading.count),
        schedule=read.one("schedule", reading.schedule) or Schedule((), "epoch"),
        stages=_stages(found.lines, session),
        mixes=read.all("mix", reading.mixes) or (),
        groups=(read.all("group", lambda lines: reading.groups(lines, optimizer)) or ()) if optimizer else (),
        freezes=read.all("freeze", reading.freezes) or (),
        metrics=read.all("metric", reading.measures) or (),
        clip=read.one("clip", lambda line: reading.arguments_alone(line, reading.CLIP)),
        accumulate=read.one("accumulate", reading.count) or 1,
        precision=cast(Precision, read.one("precision", lambda line: reading.word(line, reading.PRECISIONS)) or "fp32"),
        ema=read.one("ema", lambda line: reading.arguments_alone(line, reading.EMA)),
        stop=read.one("stop", lambda line: reading.arguments_alone(line, reading.STOP)),
        penalties=read.all("regularize", reading.penalties) or (),
        rest=read.one("rest", reading.rest),
        swa=read.one("swa", lambda line: reading.arguments_alone(line, reading.SWA)),
        feeds=read.all("feed", reading.feeds) or {},
        goals=read.all("expect", reading.goals) or (),
        seed=read.one("seed", lambda line: reading.count(line, 0)) or 0,
        span=span,
        origins={word: lines[-1].item.span for word, lines in by_word.items()},
    )
    if session.diagnostics:
        raise Silent
    return recipe


def _missing(name: str, by_word: Mapping[str, Sequence[Line]], span: Span) -> Iterator[Mistake]:
    """Yield the mistakes of lines that every recipe needs, and this one does not have."""
    missing = [word for word in NEEDED if word not in by_word]
    if "epochs" not in by_word and "steps" not in by_word:
        missing.append("epochs")
    for word in missing:
        help = f"write `{NEEDED.get(word, 'epochs 30')}`"
        yield Mistake(Rejected("missing-setting", f"`{name}` says no `{word}`", help=help), span)


def _stages(lines: Sequence[Line], session: Session) -> tuple[Stage, ...]:
    """Read the transforms, in the order of the lines."""
    stages: list[Stage] = []
    for line in lines:
        if line.word in ("view", "augment", "evaluate"):
            try:
                stages.append(reading.stage(line))
            except Mistake as mistake:
                session.report(mistake)
    return tuple(stages)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads the lines of each word, and reports their mistakes."""

    lines: Mapping[str, Sequence[Line]]
    here: Here

    def one(self, word: str, read: Callable[[Line], _Read]) -> _Read | None:
        """Return what the only line of a word says; None if there is none, or it has a mistake."""
        return self.all(word, lambda lines: read(lines[-1]))

    def all(self, word: str, read: Callable[[Sequence[Line]], _Read]) -> _Read | None:
        """Return what the lines of a word say; None if there are none, or one has a mistake."""
        if word not in self.lines:
            return None
        try:
            return read(self.lines[word])
        except Mistake as mistake:
            self.here.session.report(mistake)
        except Silent:
            pass
        return None
