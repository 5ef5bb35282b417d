"""Checks that a recipe fits its net and its data: values, shapes, dtypes, paths, lengths."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.diagnostics import Diagnostic
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.ir import Graph
from archlang.recipes.fitting import Fitted, classes_first, values_of
from archlang.recipes.lasting import outlasting
from archlang.recipes.losses import Compared, loss_of
from archlang.recipes.measures import OF_BOXES, OF_CLASSES, OF_NUMBERS
from archlang.recipes.optimizers import MATRICES
from archlang.recipes.own_loss import misfit_of_own
from archlang.recipes.reading import NOISE
from archlang.recipes.recipe import Named, Part, Recipe

KINDS = ("norms", "biases", "embeddings")  # words of `group` and `freeze` besides paths


def misfits(recipe: Recipe, graph: Graph) -> list[Diagnostic]:
    """Return a diagnostic for everything in a recipe that does not fit its net or its data."""
    fitted = Fitted(recipe, graph)
    return [
        *_losses(fitted),
        *_measures(fitted),
        *_targets(fitted),
        *_lengths(fitted),
        *_rates(fitted),
        *_averages(fitted),
        *_rest(fitted),
        *_penalties(fitted),
        *_inputs(fitted),
    ]


def _losses(fitted: Fitted) -> Iterator[Diagnostic]:
    for term in fitted.recipe.losses:
        loss, values = loss_of(term.part.word), values_of(term, fitted)
        if term.own is None and len(values) != len(loss.takes):
            message = f"`{term.part.word}` compares {len(loss.takes)} values: {', '.join(loss.takes)}"
            yield Diagnostic("missing-argument", message, term.part.span)
            continue
        found = [_value(value, fitted) for value in values]
        wrong = [one for one in found if isinstance(one, Diagnostic)]
        yield from wrong
        compared = [one for one in found if isinstance(one, Compared)]
        if wrong or len(compared) < len(values):
            continue
        if term.own is not None:
            reason = misfit_of_own(term.own, [fitted.type(value.text) for value in values])
        else:
            reason = loss.law(classes_first(compared, term, fitted), dict(term.part.arguments))
        if reason is not None:
            yield Diagnostic("loss-does-not-fit", f"`{term.part.word}`: {reason}", term.part.span)
        elif term.part.word == "bce" and fitted.recipe.precision != "fp32":
            message = f"`bce` does not run with `precision {fitted.recipe.precision}`: its logarithms need float32"
            help = "leave out the net's last sigmoid, and write `bcewithlogits`"
            yield Diagnostic("loss-does-not-fit", message, term.part.span, help=help)


def _value(value: Named, fitted: Fitted) -> Compared | Diagnostic | None:
    """Return the value that a loss names: of the net, or a field. None for a field that only the data will tell."""
    found = fitted.value(value.text)
    if found is not None:
        return found
    if value.text in fitted.fields:
        return fitted.fields[value.text]
    if not fitted.fields:
        return Compared(value.text, None, None)
    root = fitted.graph.root
    names = [*fitted.fields, *root.labels, *(port.name for port in (*root.inputs, *root.outputs)), "it"]
    listed = f"the fields of `{fitted.recipe.data.word}` are {', '.join(fitted.fields)}"
    help = did_you_mean(value.text, names) or listed
    message = f"`{value.text}` is no value of {fitted.graph.name} and no field of the data"
    return Diagnostic("unknown-name", message, value.span, help=help)


def _measures(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield measures that do not fit the values of the first loss, which they compare."""
    recipe = fitted.recipe
    if not recipe.losses:
        return
    loss = loss_of(recipe.losses[0].part.word)
    watched = recipe.stop.arguments["on"] if recipe.stop is not None else "loss"
    names = [(part.word, part.span) for part in recipe.metrics] + [(goal.metric, goal.span) for goal in recipe.goals]
    if recipe.stop is not None:
        names.append((str(watched), recipe.stop.given.get("on", recipe.stop.span)))
    for name, span in names:
        if name in OF_CLASSES and not loss.of_classes:
            message = f"`{name}` measures classes, and the first loss of the recipe compares none"
            yield Diagnostic("loss-does-not-fit", message, span)
        if name in OF_BOXES and recipe.losses[0].part.word != "yolov1":
            message = f"`{name}` measures boxes, and the first loss of the recipe is not `yolov1`"
            yield Diagnostic("loss-does-not-fit", message, span)
        if name in OF_NUMBERS and not loss.of_numbers:
            message = f"`{name}` measures numbers, and the first loss of the recipe compares none"
            yield Diagnostic("loss-does-not-fit", message, span)


def _targets(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what groups and `freeze` name and the net does not have, and parameters that are in two groups."""
    recipe, seen = fitted.recipe, dict[str, Named]()
    for group in recipe.groups:
        for target in group.targets:
            found = fitted.chosen(target.text)
            if not found:
                yield _nothing(target, fitted)
            twice = next((path for path in found if path in seen and seen[path] not in group.targets), None)
            if twice is not None:
                message = f"`{twice}` is in two groups: `{seen[twice].text}` and `{target.text}`"
                yield Diagnostic("duplicate-setting", message, target.span)
            seen |= dict.fromkeys(found, target)
    for freeze in recipe.freezes:
        for target in freeze.targets:
            if not fitted.chosen(target.text):
                yield _nothing(target, fitted)
    if recipe.freezes and all(freeze.until is None for freeze in recipe.freezes):
        frozen = {path for freeze in recipe.freezes for target in freeze.targets for path in fitted.chosen(target.text)}
        if frozen and len(frozen) == len(fitted.parameters):
            message = f"all parameters of {fitted.graph.name} are frozen: nothing would train"
            yield Diagnostic("nothing-trains", message, recipe.freezes[0].span)


def _nothing(target: Named, fitted: Fitted) -> Diagnostic:
    paths = {".".join(path.split(".")[:depth]) for path in fitted.parameters for depth in range(1, path.count(".") + 2)}
    message = f"`{target.text}` names no trainable parameter of {fitted.graph.name}"
    help = did_you_mean(target.text, [*KINDS, *sorted(paths)]) or f"paths of it begin with {_listed(paths)}"
    return Diagnostic("unknown-name", message, target.span, help=help)


def _listed(paths: set[str]) -> str:
    tops = sorted(path for path in paths if "." not in path)
    return ", ".join(tops[:6]) + (f" and {len(tops) - 6} more" if len(tops) > 6 else "")


def _lengths(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what is longer than the run, and parts of a batch that are unequal."""
    recipe = fitted.recipe
    yield from outlasting(recipe)
    if recipe.batch % recipe.accumulate:
        message = f"a batch of {recipe.batch} does not divide into {recipe.accumulate} equal parts"
        yield Diagnostic("out-of-range", message, recipe.origins["accumulate"])


def _inputs(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield inputs of the net that nothing fills, and feeds of what does not exist."""
    recipe, inputs = fitted.recipe, [port.name for port in fitted.graph.root.inputs]
    for name, source in recipe.feeds.items():
        if name not in inputs:
            message = f"{fitted.graph.name} has no input `{name}`"
            yield Diagnostic("unknown-name", message, source.span, help=did_you_mean(name, inputs))
        if fitted.fields and source.text not in (*fitted.fields, *NOISE):
            listed = ", ".join((*fitted.fields, *NOISE))
            message = f"`{source.text}` is no field of `{recipe.data.word}`"
            yield Diagnostic("unknown-name", message, source.span, help=f"an input takes {listed}")
    for at, name in enumerate(inputs):
        if name not in recipe.feeds and at > 0 and fitted.fields and name not in fitted.fields:
            message = f"nothing fills the input `{name}` of {fitted.graph.name}"
            help = f"write `feed {name} FIELD`; the fields of `{recipe.data.word}` are {', '.join(fitted.fields)}"
            yield Diagnostic("data-does-not-fit", message, recipe.data.span, help=help)


def _rates(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield settings of the optimiser that a schedule replaces, so that they would have no effect."""
    recipe = fitted.recipe
    optimizer = recipe.optimizer
    for part in recipe.schedule.parts:
        replaced = {"onecycle": "max_lr", "cyclic": "base_lr"}.get(part.word)
        if replaced is None:
            continue
        rate = part.arguments[replaced]
        if "lr" in optimizer.given and optimizer.arguments["lr"] != rate:
            message = f"`{part.word}` sets the rate by its `{replaced}`, and `lr` of `{optimizer.word}` is another"
            help = f"write `{replaced}={optimizer.number('lr'):g}`, or leave `lr` out"
            yield Diagnostic("duplicate-setting", message, part.given[replaced], help=help)
        if not part.arguments["cycle_momentum"]:
            continue
        if not {"momentum", "betas"} & {*optimizer.arguments}:
            message = f"`{part.word}` cycles the momentum, and `{optimizer.word}` has none"
            yield Diagnostic("out-of-range", message, part.span, help="write `cycle_momentum=false`")
        for group in recipe.groups:
            if both := {"momentum", "betas"} & {*group.settings}:
                message = f"`{part.word}` cycles the momentum of all groups, so that `{min(both)}` has no effect"
                yield Diagnostic("duplicate-setting", message, group.span, help="write `cycle_momentum=false`")


def _rest(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what an optimiser of matrices cannot train, and a `rest` that does not fit."""
    rest, word = fitted.recipe.rest, fitted.recipe.optimizer.word
    if rest is None:
        odd = next((path for path, rank in fitted.ranks.items() if rank != 2), None)
        if word in MATRICES and odd is not None:
            message = f"`{word}` trains matrices alone, and `{odd}` has {fitted.ranks[odd]} axes"
            yield Diagnostic("out-of-range", message, fitted.recipe.optimizer.span, help="write `rest adamw lr=3e-4`")
        return
    yield from (_nothing(target, fitted) for target in rest.targets if not fitted.chosen(target.text))
    if word not in MATRICES:
        message = f"`{word}` trains all parameters, and leaves none to a `rest`"
        yield Diagnostic("out-of-range", message, rest.part.span)
    elif len(fitted.left) in (0, len(fitted.parameters)):
        whose = word if not fitted.left else rest.part.word
        yield Diagnostic("out-of-range", f"all parameters are those of `{whose}`", rest.part.span)
    yield from _beside_rest(fitted, rest.part)


def _beside_rest(fitted: Fitted, rest: Part) -> Iterator[Diagnostic]:
    """Yield schedules and groups that do not fit two optimisers."""
    for part in fitted.recipe.schedule.parts:
        if part.word in ("onecycle", "cyclic"):
            message = f"`{part.word}` sets one rate, and two optimisers have two"
            yield Diagnostic("out-of-range", message, part.span, help="write `warmup` and `cosineannealing`")
    for group in fitted.recipe.groups:
        names = {path for target in group.targets for path in fitted.chosen(target.text)}
        lacks = [name for name in group.settings if name not in rest.arguments]
        if lacks and names & fitted.left:
            message = f"`{rest.word}`, which trains a part of this group, has no argument `{lacks[0]}`"
            yield Diagnostic("unknown-argument", message, group.span)


def _averages(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield a second average of the weights."""
    recipe = fitted.recipe
    if recipe.swa is not None and recipe.ema is not None:
        message = "`ema` and `swa` both average the weights, and one average is kept"
        yield Diagnostic("duplicate-setting", message, recipe.swa.span)


def _penalties(fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what `regularize` names and the net does not have, and norms of what has no units."""
    for penalty in fitted.recipe.penalties:
        for target in penalty.targets:
            if not fitted.chosen(target.text):
                yield _nothing(target, fitted)
            elif "maxnorm" in penalty.part.given and not fitted.with_units([target.text]):
                message = f"`maxnorm` limits the weights of each unit, and `{target.text}` has none with units"
                yield Diagnostic("out-of-range", message, target.span)
