"""Collects the lines of a recipe: its own, those of the recipe it derives from, and those of groups that it names.

Later lines replace earlier ones. Each line is evaluated where it was written, with the parameters of its own recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.block_parameters import bind_parameters
from archlang.elaborate.evaluating.evaluate import evaluate, givens
from archlang.elaborate.state.builder import Builder
from archlang.elaborate.state.kinds import Function, Given, RecipeValue
from archlang.elaborate.state.lookup import Home, Lets, Scope, declared
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.shipped import shipped_help
from archlang.source import Span

MAX_DERIVED = 20  # recipes that derive from one another

WORDS = frozenset({
    "data", "view", "augment", "evaluate", "mix", "loss", "optimizer", "group", "freeze", "schedule", "epochs", "steps",
    "batch", "accumulate", "precision", "clip", "ema", "swa", "stop", "metric", "feed", "seed", "regularize", "rest",
})  # fmt: skip
# words that may be written several times; all of them are replaced together in a recipe that derives from another
SEVERAL = frozenset({
    "loss", "view", "augment", "evaluate", "mix", "metric", "group", "freeze", "feed", "expect", "regularize",
})  # fmt: skip
_SAME = {"steps": "epochs"}  # a run has one length


@dataclass(frozen=True, slots=True)
class Line:
    """A setting or promise, and the place where it is evaluated."""

    word: str
    item: s.Setting | s.Expect
    here: Here


@dataclass(frozen=True, slots=True)
class Unfolded:
    """The lines of a recipe, its net with the arguments, and the values of its parameters."""

    lines: tuple[Line, ...]
    net: tuple[s.Name, tuple[Given, ...], Here] | None
    here: Here = field(repr=False)


def unfolded(value: RecipeValue, given: Sequence[Given], span: Span, here: Here) -> Unfolded:
    """Return the lines of a recipe with these arguments. Words that are no settings name groups of them.

    Raises `Mistake` for a base or group that does not exist, and for a setting that is written twice.
    """
    return _unfolded(value, given, span, here, ())


def _unfolded(
    value: RecipeValue,
    given: Sequence[Given],
    span: Span,
    here: Here,
    chain: tuple[s.Recipe, ...],
) -> Unfolded:
    recipe = value.recipe
    if recipe in chain or len(chain) > MAX_DERIVED:
        raise Mistake(Rejected("endless-recursion", f"`{recipe.name.text}` is derived from itself"), span)
    inside = Here(here.session, Builder(here.builder.definition, value.home), Scope(), Lets({}))
    bind_parameters(recipe.name.text, recipe.parameters, given, span, inside, evaluate)
    inherited: tuple[Line, ...] = ()
    net = None
    if recipe.base is not None:
        arguments = givens(recipe.arguments, inside)
        base = declared(recipe.base.text, recipe.base.span, inside)
        if isinstance(base, RecipeValue):
            found = _unfolded(base, arguments, recipe.base.span, inside, (*chain, recipe))
            inherited, net = found.lines, found.net
        else:
            _net(recipe.base, value.home)
            net = (recipe.base, arguments, inside)
    own: list[Line] = []
    for item in recipe.lines:
        match item:
            case s.Broken():
                raise Silent
            case s.Let():
                inside.lets.names[item.name] = (
                    evaluate(item.value, inside) if item.parameters is None else Function(item.name, item, inside)
                )
            case s.Setting() if item.word.text not in WORDS:
                group = _group(item, inside)
                found = _unfolded(group, givens(item.arguments, inside), item.word.span, inside, (*chain, recipe))
                inherited = merged(inherited, found.lines)
            case s.Setting():
                own.append(_once(Line(item.word.text, item, inside), own))
            case s.Expect():
                own.append(Line("expect", item, inside))
    return Unfolded(merged(inherited, own), net, inside)


def merged(earlier: Sequence[Line], later: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of both. Those of a word that occurs in both stand where the first earlier one stood."""
    new: dict[str, list[Line]] = {}
    for line in later:
        new.setdefault(meant(line.word), []).append(line)
    replaced = {meant(line.word) for line in earlier} & new.keys()
    lines: list[Line] = []
    for line in earlier:
        word = meant(line.word)
        lines += new.pop(word, ()) if word in replaced else (line,)
    return (*lines, *(line for line in later if meant(line.word) in new))


def meant(word: str) -> str:
    """Return the word under which a setting is known: `steps` and `epochs` are the length of the run."""
    return _SAME.get(word, word)


def _once(line: Line, before: Sequence[Line]) -> Line:
    """Return the line. Raises `Mistake` if the recipe has such a line already."""
    same = [one for one in before if meant(one.word) == meant(line.word)]
    if same and line.word not in SEVERAL:
        first = same[0].item.span
        message = f"`{line.word}` is set twice"
        if same[0].word != line.word:
            message = f"`{line.word}` and `{same[0].word}` both say how long the run is"
        raise Mistake(Rejected("duplicate-setting", message), line.item.span, (Label(first, "the first one"),))
    return line


def _group(item: s.Setting, here: Here) -> RecipeValue:
    """Return the group of settings that a line names."""
    name = item.word.text
    found = declared(name, item.word.span, here)
    if not isinstance(found, RecipeValue):
        if name in here.builder.home.broken:
            raise Silent
        help = did_you_mean(name, sorted({*WORDS, *here.builder.home.declarations()})) or did_you_mean(
            OTHERS.get(name, name), sorted(WORDS)
        )
        listed = f"the settings are {', '.join(sorted(WORDS))}"
        rejected = Rejected("unknown-setting", f"a recipe has no setting `{name}`", help=help or listed)
        raise Mistake(rejected, item.word.span)
    if found.recipe.base is not None:
        message = f"`{name}` is a recipe of its own, with a net; only a group of settings can be included"
        help = f"write `train NAME = {name} {{` to derive from it"
        raise Mistake(Rejected("unknown-setting", message, help=help), item.word.span)
    if item.steps or item.factor is not None:
        raise Mistake(Rejected("unknown-setting", f"`{name}` is a group of settings: no arrow follows it"), item.span)
    return found


OTHERS = {"optimiser": "optimizer", "solver": "optimizer", "criterion": "loss", "objective": "loss", "lr": "optimizer",
          "scheduler": "schedule", "batch_size": "batch", "bs": "batch", "epoch": "epochs", "iterations": "steps",
          "transform": "view", "transforms": "view", "augmentation": "augment", "dataset": "data", "amp": "precision",
          "early_stopping": "stop", "regularise": "regularize", "regularizer": "regularize", "maxnorm": "regularize",
          "l1": "regularize", "l2": "regularize", "grad_clip": "clip", "metrics": "metric"}  # fmt: skip


def _net(name: s.Name, home: Home) -> None:
    """Raise `Mistake` if there is no net of that name."""
    if home.net(name.text) is not None:
        return
    if name.text in home.broken or name.text in home.used:
        raise Silent
    help = did_you_mean(name.text, list(home.nets)) or shipped_help(name.text)
    raise Mistake(Rejected("unknown-name", f"there is no net or recipe called `{name.text}`", help=help), name.span)
