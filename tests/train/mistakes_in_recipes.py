"""One mistake for each argument of each word of a recipe: of the wrong kind, out of its range, misspelt.

`python -m tests.train.mistakes_in_recipes` checks that each gets one located message before torch is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archlang.recipes.arguments import REQUIRED, Either, Flag, Kind, Known, Name, Number, Several, Word
from archlang.recipes.losses import LOSSES
from archlang.recipes.measures import MEASURES
from archlang.recipes.optimizers import OPTIMIZERS
from archlang.recipes.reading import CLIP, EMA, REGULARIZE, STOP, SWA
from archlang.recipes.schedules import SCHEDULES, TIME_BASED, WARMUP
from archlang.recipes.sources import DATA
from archlang.recipes.transforms import MIXES, RANDOM, TRANSFORMS
from tests.train.recipes import lines_of, told


@dataclass(frozen=True)
class Slip:
    """A line of a recipe with one mistake, the word of the line that it stands for, and the code of its message."""

    line: str
    replaces: str
    code: str


def slips() -> Iterator[Slip]:
    """Yield every mistake."""
    tables: Mapping[str, tuple[str, Mapping[str, Known]]] = {
        "optimizer": ("optimizer", OPTIMIZERS),
        "schedule": ("schedule", {**SCHEDULES, "warmup": WARMUP, "timebased": TIME_BASED}),
        "loss": ("loss", {word: loss.known for word, loss in LOSSES.items()}),
        "augment": ("augment", TRANSFORMS),
        "view": ("view", {word: known for word, known in TRANSFORMS.items() if word not in RANDOM}),
        "mix": ("mix", MIXES),
        "metric": ("metric", MEASURES),
        "data": ("data", {word: kind.known for word, kind in DATA.items()}),
    }
    for replaces, (begins, table) in tables.items():
        for word, known in table.items():
            yield from _of_class(f"{begins} {word}", replaces, known)
        some = next(iter(table))
        yield Slip(f"{begins} {some[:-1]}zq", replaces, "unknown-setting")
        yield Slip(f"{begins} 3", replaces, "missing-argument")
    for word, known in {"clip": CLIP, "ema": EMA, "stop": STOP, "swa": SWA, "regularize": REGULARIZE}.items():
        yield from _of_class(word, word, known)
    for word in ("batch", "epochs", "accumulate", "seed"):
        yield Slip(f"{word} -1", word, "out-of-range")
        yield Slip(f"{word} 1.5", word, "out-of-range")
        yield Slip(f"{word} true", word, "out-of-range")
        yield Slip(f"{word} 1 2", word, "too-many-arguments")
        yield Slip(word, word, "missing-argument")
    yield Slip("precision fp8", "precision", "out-of-range")
    yield from _unfit()


def _unfit() -> Iterator[Slip]:
    """Yield lines that are right by themselves, and do not fit the net, the data, the run or another line."""
    yield Slip("group conv9 lr=0.1", "group", "unknown-name")
    yield Slip("group lr=0.1", "group", "missing-argument")
    yield Slip("group conv1 weight_decai=0", "group", "unknown-argument")
    yield Slip("rest adamw", "rest", "out-of-range")
    yield Slip("rest lr=0.1", "rest", "missing-argument")
    yield Slip("rest muon", "rest", "out-of-range")
    yield Slip("rest adamv", "rest", "unknown-setting")
    yield Slip("optimizer muon", "optimizer", "out-of-range")
    yield Slip("loss multimargin it image", "loss", "loss-does-not-fit")
    yield Slip("regularize conv9 l1=0.1", "regularize", "unknown-name")
    yield Slip("regularize conv1", "regularize", "missing-argument")
    yield Slip("regularize biases maxnorm=3", "regularize", "out-of-range")
    yield Slip("swa start=2 lr=0.1", "swa", "out-of-range")
    yield Slip("schedule step step_size=3", "schedule", "out-of-range")
    yield Slip("schedule onecycle max_lr=0.3", "schedule", "duplicate-setting")
    yield Slip("schedule onecycle max_lr=0.1 total_steps=1", "schedule", "out-of-range")
    yield Slip("schedule warmup 1 -> onecycle max_lr=0.1", "schedule", "out-of-range")
    yield Slip("metric map", "metric", "loss-does-not-fit")
    yield Slip("stop 2 on=mae", "stop", "loss-does-not-fit")
    yield Slip("freeze conv9", "freeze", "unknown-name")
    yield Slip("freeze conv1 until=2", "freeze", "out-of-range")
    yield Slip("freeze conv1 until=0", "freeze", "out-of-range")
    yield Slip("feed image", "feed", "missing-argument")
    yield Slip("feed picture image", "feed", "unknown-name")
    yield Slip("feed image picture", "feed", "unknown-name")
    yield Slip("loss crossentropy it lable", "loss", "unknown-name")
    yield Slip("loss crossentropy it label label", "loss", "too-many-arguments")
    yield Slip("loss mse", "loss", "loss-does-not-fit")
    yield Slip("loss crossentropy features", "loss", "loss-does-not-fit")
    yield Slip("expect accuracy >= true", "expect", "bad-promise")
    yield Slip("expect acuracy >= 0.9", "expect", "bad-promise")
    yield Slip("expect accuracy == 0.9", "expect", "bad-promise")
    yield Slip("expect iou >= 0.9 at seed=3", "expect", "unknown-argument")
    yield Slip("optimiser sgd", "optimizer", "unknown-setting")
    yield Slip("batch_size 64", "batch", "unknown-setting")


def _of_class(begins: str, replaces: str, known: Known) -> Iterator[Slip]:
    needed = {name: right(kind) for name, (kind, default) in known.arguments.items() if default == REQUIRED}
    if known in (EMA, STOP):
        needed |= {"decay": "0.9"} if known is EMA else {"after": "3"}
    for name, (kind, _) in known.arguments.items():
        rest = " ".join(f"{other}={value}" for other, value in needed.items() if other != name)
        for wrong in _wrong(kind):
            yield Slip(f"{begins} {rest} {name}={wrong}", replaces, "out-of-range")
        if name not in needed or known not in (EMA, STOP):
            yield Slip(f"{begins} {rest} {name}zq={right(kind)}", replaces, "unknown-argument")
        if name in needed:
            yield Slip(f"{begins} {rest}", replaces, "missing-argument")


def right(kind: Kind) -> str:
    """Return a value of a kind, as it is written."""
    match kind:
        case Number():
            low, high, _, _ = kind.bounds()
            value = 1 if low < 1 <= high else max(low, 1)
            return f"{value:g}" if kind.whole or low < 1 < high else "0.5"
        case Flag():
            return "true"
        case Word(words):
            return words[0]
        case Name():
            return "column"
        case Several(of, lengths, rising):
            count = (lengths or (2,))[0]
            if isinstance(of, Name):
                return f"[{', '.join(f'column{at}' for at in range(count))}]"
            values = [float(right(of)) + (at if rising else 0) for at in range(count)]
            return f"[{', '.join(f'{value:g}' for value in values)}]"
        case Either(kinds):
            return right(kinds[0])


def _wrong(kind: Kind) -> Iterator[str]:
    """Yield values that are not of the kind: of another one, and beyond each end of a range."""
    match kind:
        case Number():
            yield from _no_number(kind)
        case Flag():
            yield "1"
        case Word(words):
            yield f"{words[0]}zq"
            yield "3"
        case Name():
            yield "3"
            yield '""'
        case Several(of):
            yield "3"
            yield "[true, true]" if isinstance(of, Name) else '["a", "b"]'
            if kind.rising:
                yield "[2, 1]"
        case Either(kinds):
            yield "3" if isinstance(kinds[0], Name) else '"much"'


def _no_number(kind: Number) -> Iterator[str]:
    yield '"much"'
    yield "true"
    low, high, low_open, high_open = kind.bounds()
    if low > float("-inf"):
        yield f"({low if low_open else low - 1:g})".replace("(-", "(0-")
    if high < float("inf"):
        yield f"{high if high_open else high + 1:g}"
    if kind.whole:
        yield "1.5"


def wrong_answers() -> list[str]:
    """Return what is wrong with the messages of all slips."""
    found: list[str] = []
    for slip in slips():
        text = lines_of(**{slip.replaces: slip.line})
        place = text[: text.index(f"\n  {slip.line}\n")].count("\n") + 2
        _, wrong = told(text)
        errors = [(one.code, one.span.line) for one in wrong]
        # a word that is no setting leaves the line away that it was meant for
        rest = [one for one in errors if one[0] != "missing-setting"]
        if rest != [(slip.code, place)]:
            found.append(
                f"{slip.line!r}: {[(one.code, one.message, one.span.line) for one in wrong]}, wanted {slip.code}"
            )
    return found


if __name__ == "__main__":
    answers = wrong_answers()
    sys.stdout.write("\n".join([*answers, f"{sum(1 for _ in slips())} mistakes, {len(answers)} answered wrongly\n"]))
    sys.exit("torch was imported" if "torch" in sys.modules else bool(answers))
