"""Reads the lines of a recipe into a Recipe: one function for each word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.state.mistakes import Mistake
from archlang.recipes import optimizers
from archlang.recipes.arguments import COUNT, FROM_ZERO, POSITIVE, REQUIRED, Known, Number, Word, known
from archlang.recipes.binding import bound, fitting, plain
from archlang.recipes.lines import Line
from archlang.recipes.measures import MEASURES
from archlang.recipes.phrases import chain_of, first_word, found, named, setting_of, without_arrows
from archlang.recipes.recipe import Clock, Freeze, Goal, Group, Named, Part, Penalty, Rest, Schedule, Stage
from archlang.recipes.schedules import SCHEDULES, TIME_BASED, WARMUP
from archlang.recipes.sources import DATA
from archlang.recipes.transforms import MIXES, RANDOM, TRANSFORMS

CLOCKS = ("step", "epoch")
PRECISIONS = ("fp32", "bf16", "fp16")
CLIP = known("clip", norm=(POSITIVE, None), value=(POSITIVE, None))
EMA = known("ema", decay=(Number("(0, 1)"), None), every=(COUNT, 1))
STOP = known("stop", after=(COUNT, None), on=(Word(tuple(MEASURES)), "loss"))
SWA = known(
    "SWALR",
    start=(COUNT, REQUIRED),
    lr=(POSITIVE, REQUIRED),
    anneal_epochs=(COUNT, 10),
    anneal_strategy=(Word(("cos", "linear")), "cos"),
)
REGULARIZE = known("regularize", l1=(POSITIVE, None), l2=(POSITIVE, None), maxnorm=(POSITIVE, None))
NOISE = ("normal", "uniform")  # what may feed an input besides a field of the data


# ---- the words


def stage(line: Line) -> Stage:
    """Read `view`, `augment` or `evaluate`: transforms of torchvision, one after the other."""
    item = setting_of(line)
    if item.factor is not None:
        raise Mistake(Rejected("unknown-setting", f"`{line.word}` takes no factor"), item.span)
    steps = chain_of(item, "randomcrop 32 padding=4 -> randomhorizontalflip")
    parts = tuple(bound(name, found(name, TRANSFORMS, "transform"), rest, line.here) for name, rest in steps)
    for part in parts:
        if part.word in RANDOM and line.word != "augment":
            message = f"`{part.word}` is random, and `{line.word}` is for samples that must not change"
            help = f"write `augment {part.word} ...`, which runs in training alone"
            raise Mistake(Rejected("out-of-range", message, help=help), part.span)
    return Stage(cast(Literal["view", "augment", "evaluate"], line.word), parts)


def mixes(lines: Sequence[Line]) -> tuple[Part, ...]:
    """Read `mix`: of several, one is drawn for each batch."""
    parts: list[Part] = []
    for line in lines:
        name, arguments = first_word(without_arrows(line), without_arrows(line).arguments, "mixup alpha=0.2")
        parts.append(bound(name, found(name, MIXES, "mix"), arguments, line.here))
    return tuple(parts)


def data(line: Line) -> Part:
    """Read `data`: the kind and its arguments."""
    item = without_arrows(line)
    name, arguments = first_word(item, item.arguments, "mnist")
    return bound(
        name, found(name, {word: kind.known for word, kind in DATA.items()}, "kind of data"), arguments, line.here
    )


def optimizer(line: Line) -> Part:
    """Read `optimizer`."""
    item = without_arrows(line)
    name, arguments = first_word(item, item.arguments, "sgd lr=0.1 momentum=0.9")
    kind = found(name, optimizers.OPTIMIZERS, "optimizer", optimizers.ELSEWHERE)
    part = bound(name, kind, arguments, line.here)
    if (
        name.text == "sgd"
        and part.arguments["nesterov"]
        and not (part.number("momentum") > 0 == part.number("dampening"))
    ):
        message = "Nesterov momentum needs `momentum` above 0 and no `dampening`"
        raise Mistake(Rejected("out-of-range", message), part.given["nesterov"])
    return part


def rest(line: Line) -> Rest:
    """Read `rest`: the optimiser of what the first one does not take, and of the paths that follow."""
    item = without_arrows(line)
    name, arguments = first_word(item, item.arguments, "adamw lr=3e-4")
    kind = found(name, optimizers.OPTIMIZERS, "optimizer", optimizers.ELSEWHERE)
    if name.text in optimizers.MATRICES:
        message = f"`{name.text}` trains matrices alone; `rest` is for all else"
        raise Mistake(Rejected("out-of-range", message, help="write `rest adamw lr=3e-4`"), name.span)
    targets = tuple(named(one.value, line.here, "`rest`") for one in arguments if one.name is None)
    return Rest(bound(name, kind, [one for one in arguments if one.name is not None], line.here), targets)


def groups(lines: Sequence[Line], optimizer: Part) -> tuple[Group, ...]:
    """Read `group`: paths or words without a name, and what they replace of the optimiser's arguments."""
    made: list[Group] = []
    for line in lines:
        item = without_arrows(line)
        targets = tuple(named(one.value, line.here, "a group") for one in item.arguments if one.name is None)
        settings = [one for one in item.arguments if one.name is not None]
        if not targets or not settings:
            message = "a group is paths and what differs for them: `group norms biases weight_decay=0`"
            raise Mistake(Rejected("missing-argument", message), item.span)
        kind = optimizers.OPTIMIZERS[optimizer.word]
        part = bound(s.Name(optimizer.word, item.word.span), kind, settings, line.here)
        made.append(Group(targets, {name: part.arguments[name] for name in part.given}, item.span))
    return tuple(made)


def freezes(lines: Sequence[Line]) -> tuple[Freeze, ...]:
    """Read `freeze`: paths, and the epoch from which they train."""
    made: list[Freeze] = []
    for line in lines:
        item = without_arrows(line)
        targets = tuple(named(one.value, line.here, "`freeze`") for one in item.arguments if one.name is None)
        rest = [one for one in item.arguments if one.name is not None]
        part = bound(item.word, known("freeze", until=(COUNT, None)), rest, line.here)
        until = part.arguments["until"]
        if not targets:
            raise Mistake(Rejected("missing-argument", "`freeze` names what does not train"), item.span)
        made.append(Freeze(targets, until if isinstance(until, int) else None, item.span))
    return tuple(made)


def penalties(lines: Sequence[Line]) -> tuple[Penalty, ...]:
    """Read `regularize`: paths, or none for all parameters, and what is asked of them."""
    made: list[Penalty] = []
    for line in lines:
        item = without_arrows(line)
        targets = tuple(named(one.value, line.here, "`regularize`") for one in item.arguments if one.name is None)
        rest = [one for one in item.arguments if one.name is not None]
        part = bound(item.word, REGULARIZE, rest, line.here)
        if not part.given:
            message = "`regularize` needs `l1`, `l2` or `maxnorm`: `regularize fc maxnorm=3`"
            raise Mistake(Rejected("missing-argument", message), item.span)
        made.append(Penalty(targets, part))
    return tuple(made)


def schedule(line: Line) -> Schedule:
    """Read `schedule`: schedules one after the other; `by=epoch` or `by=step` says what each of their steps is."""
    item = setting_of(line)
    if item.factor is not None:
        raise Mistake(Rejected("unknown-setting", "a schedule takes no factor"), item.span)
    table = {**SCHEDULES, "warmup": WARMUP, "timebased": TIME_BASED}
    by: str = ""
    parts: list[Part] = []
    for name, arguments in chain_of(item, "multistep milestones=[80, 120] gamma=0.1"):
        clock = [one for one in arguments if one.name == "by"]
        if clock and by:
            raise Mistake(Rejected("argument-twice", "`by` is given twice"), clock[0].span)
        if clock:
            by = str(fitting("`by`", Word(CLOCKS), clock[0].value, line.here))
        kind = found(name, table, "schedule", {"cosine": "cosineannealing", "plateau": "reduceonplateau"})
        parts.append(bound(name, kind, [one for one in arguments if one.name != "by"], line.here))
    _check_order(parts)
    return Schedule(tuple(parts), cast(Clock, by or "epoch"))


def _check_order(parts: Sequence[Part]) -> None:
    """Raise `Mistake` for schedules that cannot follow one another."""
    for part in parts[:-1]:
        if part.word not in ("warmup", "constant", "linear"):
            message = f"`{part.word}` has no end at which another schedule could begin; only `warmup`, `constant` and"
            raise Mistake(Rejected("out-of-range", f"{message} `linear` have one"), part.span)
    for part in parts[1:]:
        if part.word in ("warmup", "onecycle") or (part.word == "reduceonplateau" and len(parts) > 2):
            why = "has a warm-up of its own" if part.word == "onecycle" else "cannot follow another schedule"
            why = "follows a warm-up alone" if part.word == "reduceonplateau" else why
            raise Mistake(Rejected("out-of-range", f"`{part.word}` {why}"), part.span)


def measures(lines: Sequence[Line]) -> tuple[Part, ...]:
    """Read `metric`: what is measured beside the loss."""
    parts: list[Part] = []
    for line in lines:
        item = without_arrows(line)
        name, arguments = first_word(item, item.arguments, "accuracy")
        parts.append(bound(name, found(name, MEASURES, "metric"), arguments, line.here))
    return tuple(parts)


def count(line: Line, least: Literal[0, 1] = 1) -> int:
    """Read a setting that is one whole number: `batch 64`."""
    item = without_arrows(line)
    if not item.arguments:
        raise Mistake(Rejected("missing-argument", f"`{item.word.text}` needs a number: `{line.word} 64`"), item.span)
    kind = COUNT if least else FROM_ZERO
    part = bound(item.word, known(item.word.text, number=(kind, "(required)")), item.arguments, line.here)
    value = part.arguments["number"]
    assert isinstance(value, int)
    return value


def word(line: Line, words: tuple[str, ...]) -> str:
    """Read a setting that is one word: `precision bf16`."""
    item = without_arrows(line)
    if not item.arguments:
        message = f"`{line.word}` needs a word: {Word(words).told()}"
        raise Mistake(Rejected("missing-argument", message), item.span)
    part = bound(item.word, known(item.word.text, word=(Word(words), "(required)")), item.arguments, line.here)
    return str(part.arguments["word"])


def arguments_alone(line: Line, kind: Known) -> Part:
    """Read a setting whose arguments follow at once: `clip norm=1.0`."""
    item = without_arrows(line)
    part = bound(item.word, kind, item.arguments, line.here)
    if kind is CLIP and len(part.given) != 1:
        message = "`clip` takes `norm`, of all gradients together, or `value`, of each number"
        raise Mistake(Rejected("missing-argument", message), item.span)
    needed = {"ema": "decay", "stop": "after"}.get(kind.name, "")
    if needed and needed not in part.given:
        raise Mistake(Rejected("missing-argument", f"`{kind.name}` needs `{needed}`"), item.span)
    return part


def feeds(lines: Sequence[Line]) -> dict[str, Named]:
    """Read `feed`: an input of the net, and the field or noise that fills it."""
    made: dict[str, Named] = {}
    for line in lines:
        item = without_arrows(line)
        names = [named(one.value, line.here, "`feed`") for one in item.arguments]
        if len(names) != 2:
            message = "`feed` names an input and what fills it: a field of the data, `normal` or `uniform`"
            raise Mistake(Rejected("missing-argument", message), item.span)
        if names[0].text in made:
            raise Mistake(Rejected("duplicate-setting", f"`{names[0].text}` is fed twice"), item.span)
        made[names[0].text] = names[1]
    return made


def goals(lines: Sequence[Line]) -> tuple[Goal, ...]:
    """Read `expect`: a measure and the number that is promised."""
    made: list[Goal] = []
    for line in lines:
        item = line.item
        assert isinstance(item, s.Expect)
        if not isinstance(item.subject, s.Name) or item.subject.text not in MEASURES:
            message = "a recipe promises what is measured on the held-out part"
            listed = f"the measures are {', '.join(MEASURES)}"
            raise Mistake(Rejected("bad-promise", message, help=listed), item.subject.span)
        if item.comparison not in ("<", "<=", ">", ">="):
            raise Mistake(Rejected("bad-promise", "a result of training is compared by >=, >, <= or <"), item.span)
        value = plain("the number promised", item.promised, line.here)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Mistake(Rejected("bad-promise", "a promise of a recipe must be a number"), item.promised.span)
        at = bound(s.Name("at", item.span), known("at", seeds=(COUNT, 1)), item.settings, line.here)
        seeds = at.arguments["seeds"]
        assert isinstance(seeds, int)
        made.append(Goal(item.subject.text, item.comparison, value, seeds, item.span))
    return tuple(made)
