"""Every setting of a recipe with its value and its origin, as rows for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archlang.parse import SETTINGS
from archlang.recipes.arguments import Setting
from archlang.recipes.recipe import Part, Recipe
from archlang.source import Span

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Listed:
    """A setting: its name, such as `optimizer.lr`, its value as the language writes it, and where it was written."""

    name: str
    value: str
    origin: str


def listed(recipe: Recipe) -> list[Listed]:
    """Return every setting of a recipe, those that were written and those that have their default."""
    return [
        *_part("data", recipe.data, recipe),
        *(row for stage in recipe.stages for part in stage.parts for row in _part(stage.where, part, recipe)),
        *_parts("mix", recipe.mixes, recipe),
        *_losses(recipe),
        *_part("optimizer", recipe.optimizer, recipe),
        *(_part("rest", recipe.rest.part, recipe) if recipe.rest is not None else ()),
        *_targets(recipe),
        *_parts("schedule", recipe.schedule.parts, recipe),
        *([_row("schedule.by", recipe.schedule.by, recipe)] if recipe.schedule.parts else []),
        *_counts(recipe),
        *(row for word in ("clip", "ema", "swa", "stop") for row in _own(word, getattr(recipe, word))),
        *(Listed(f"feed {name}", one.text, _place(one.span)) for name, one in recipe.feeds.items()),
        *_parts("metric", recipe.metrics, recipe),
        _row("seed", recipe.seed, recipe),
        *(Listed(f"argument {name}", shown(value), "") for name, value in recipe.arguments.items()),
    ]


def _counts(recipe: Recipe) -> Iterator[Listed]:
    for word in ("epochs", "steps"):
        if getattr(recipe, word) is not None:
            yield _row(word, getattr(recipe, word), recipe)
    for word in ("batch", "accumulate", "precision"):
        yield _row(word, getattr(recipe, word), recipe)


def _losses(recipe: Recipe) -> Iterator[Listed]:
    for term in recipe.losses:
        values = " ".join([term.part.word, *(value.text for value in term.values)])
        factor = "" if term.scale == 1 else f"{term.scale:g} * "
        yield Listed("loss", f"{factor}{values}", _place(term.part.span))
        yield from _arguments("loss", term.part)


def _targets(recipe: Recipe) -> Iterator[Listed]:
    for group in recipe.groups:
        names = " ".join(target.text for target in group.targets)
        values = " ".join(f"{name}={shown(value)}" for name, value in group.settings.items())
        yield Listed(f"group {names}", values, _place(group.span))
    for freeze in recipe.freezes:
        names = " ".join(target.text for target in freeze.targets)
        yield Listed("freeze", names + (f" until={freeze.until}" if freeze.until else ""), _place(freeze.span))
    for penalty in recipe.penalties:
        names = " ".join(target.text for target in penalty.targets) or "all"
        values = " ".join(f"{name}={shown(penalty.part.arguments[name])}" for name in penalty.part.given)
        yield Listed(f"regularize {names}", values, _place(penalty.part.span))


def _parts(word: str, parts: Sequence[Part], recipe: Recipe) -> Iterator[Listed]:
    for part in parts:
        yield from _part(word, part, recipe)


def _part(word: str, part: Part, recipe: Recipe) -> Iterator[Listed]:
    yield Listed(word, part.word, _place(part.span))
    yield from _arguments(word, part)


def _own(word: str, part: Part | None) -> Iterator[Listed]:
    """Yield the arguments of a setting that names nothing else, such as `clip`."""
    if part is not None:
        yield from _arguments(word, part)


def _arguments(word: str, part: Part) -> Iterator[Listed]:
    for name, value in part.arguments.items():
        origin = _place(part.given[name]) if name in part.given else DEFAULT
        yield Listed(f"{word}.{name}", shown(value), origin)


def _row(word: str, value: Setting, recipe: Recipe) -> Listed:
    place = recipe.origins.get(word.partition(".")[0])
    return Listed(word, shown(value), DEFAULT if place is None else _place(place))


def _place(span: Span) -> str:
    return SETTINGS if span.file == SETTINGS else f"{span.file}:{span.line}"


def shown(value: Setting) -> str:
    """Return a value as the language writes it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(shown, value))}]"
        case float():
            return f"{value:g}"
        case _:
            return str(value).strip("()")
