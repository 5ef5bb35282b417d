"""The transforms of a script: what is done once to all images, and what is drawn for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archlang.lower.written import Written
from archlang.recipes.recipe import Part, Stage
from archlang.recipes.transforms import RANDOM, TRANSFORMS
from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading import FILES, Reading
from archlang.train.script.rows import Laid, Row, called
from archlang.train.script.values import keywords, made
from archlang.train.transforming import IN_MEMORY, MEASURED

_STATISTICS = '''
def statistics(images):
    """Return mean and deviation of each channel, for pixels from 0 to 1."""
    count, total, squares = 0, 0, 0
    for image in images:
        pixels = image.double().flatten(1)
        count += pixels.shape[1]
        total += pixels.sum(1)
        squares += pixels.square().sum(1)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp_min(0).sqrt()
    return (mean / SCALE).tolist(), (deviation / SCALE).clamp_min(1e-8).tolist()
'''

_NORMALIZE = '''
def normalize(images, mean, deviation):
    """Return images with mean 0 and deviation 1 in each channel."""
    mean = torch.tensor(mean).view(-1, 1, 1)
    deviation = torch.tensor(deviation).view(-1, 1, 1)
    return (FLOATS - mean) / deviation
'''


@dataclass
class Transforming:
    """The lines that transform both parts, and the variable of the transform that draws anew for each sample.

    `training` and `held_out` are the dtypes of the images behind them, None where the data has no images.
    """

    lines: list[Row] = field(default_factory=list[Row])
    augment: str = ""
    training: str | None = None
    held_out: str | None = None
    view: str = ""  # the transform of held-out samples, where they are too many to be kept behind it


@dataclass(frozen=True)
class _Steps:
    """The transforms of both parts, and those before the `normalize` that is measured."""

    training: Sequence[Part]
    held_out: Sequence[Part]
    before: Sequence[Part]
    measured: Part | None


def transforming(plan: Plan, reading: Reading, script: Script) -> Transforming:
    """Write the functions of the transforms, and return the lines that apply them."""
    raw = plan.dtypes.get("image")
    steps = _steps(plan.recipe.stages)
    found = Transforming(training=_behind(steps.training, raw), held_out=_behind(steps.held_out, raw))
    if not plan.recipe.stages and reading.in_memory:
        return found
    _Writing(plan, script, raw or "uint8", found, reading).write(steps)
    return found


def _steps(stages: Sequence[Stage]) -> _Steps:
    training = [part for stage in stages if stage.where != "evaluate" for part in stage.parts]
    held_out = [part for stage in stages if stage.where != "augment" for part in stage.parts]
    before: list[Part] = []
    for stage in stages:
        for part in stage.parts:
            if is_measured(part):
                return _Steps(training, held_out, before, part)
            before += [part] if stage.where == "view" else []
    return _Steps(training, held_out, (), None)


def is_measured(part: Part) -> bool:
    """Return whether a transform takes numbers from the training samples."""
    return part.word == "normalize" and len(part.given) < 2


def _behind(parts: Sequence[Part], raw: str | None) -> str | None:
    return "float32" if any(part.word == "normalize" for part in parts) else raw


@dataclass(frozen=True)
class _Writing:
    plan: Plan
    script: Script
    raw: str
    found: Transforming
    reading: Reading

    def write(self, steps: _Steps) -> None:
        """Write the transforms of both parts."""
        if self._is_plain(steps):
            self._normalize_alone(steps)
            return
        self.script.imports.add("from torchvision.transforms import v2")
        self._measure(steps)
        ready = next((at for at, part in enumerate(steps.training) if part.word in RANDOM), len(steps.training))
        if not self._fits() or not self.reading.in_memory:
            ready = 0
        once, rest = steps.training[:ready], steps.training[ready:]
        if not self.reading.in_memory:
            self._files(steps)
        elif not self._fits():
            self._named("view", steps.held_out)
            self.found.view = "view" if steps.held_out else ""
        elif self._same(once, steps.held_out):
            self._named("view", once)
            self._apply("view", "view")
        else:
            for name, parts in (("training", once), ("held_out", steps.held_out)):
                if parts:
                    self._named(f"view_{name}", parts)
            self._apply("view_training" if once else "", "view_held_out" if steps.held_out else "")
        if rest and self.reading.in_memory:
            self.found.augment = "augment"
            self._named("augment", rest)

    def _is_plain(self, steps: _Steps) -> bool:
        """Return whether nothing but `normalize` is done, which needs no torchvision."""
        parts = [*steps.training, *steps.held_out]
        is_alone = len(steps.training) < 2 and len(steps.held_out) < 2 and all(one.word == "normalize" for one in parts)
        return self.reading.in_memory and self._fits() and is_alone

    def _fits(self) -> bool:
        """Return whether all images, transformed, are few enough to be kept in memory."""
        return self.reading.samples * self.plan.image_values * 4 <= IN_MEMORY

    def _same(self, one: Sequence[Part], other: Sequence[Part]) -> bool:
        return bool(one) and list(one) == list(other)

    def _measure(self, steps: _Steps) -> None:
        """Write how mean and deviation are measured."""
        part = steps.measured
        if part is None:
            return
        self.script.add(_STATISTICS.replace(" / SCALE", " / 255" if self.raw == "uint8" else ""))
        names = ["mean" if "mean" not in part.given else "_", "deviation" if "std" not in part.given else "_"]
        lines = self.found.lines
        if self.reading.in_memory:
            lines.append(f'images = training["image"][:: max(1, len(training["image"]) // {MEASURED:_})]')
            images = "images"
            if steps.before:
                self._named("before", steps.before)
                images = "[before(image) for image in images]"
        else:
            self._named("before", steps.before)
            lines.append(f"measured = {FILES}(training[:: max(1, len(training) // {MEASURED:_})], before)")
            images = '(measured[0, at]["image"] for at in range(len(measured)))'
        lines.append(called(f"{', '.join(names)} = ", "statistics", images))

    def _files(self, steps: _Steps) -> None:
        lines = self.found.lines
        self._named("augment", steps.training)
        self._named("view", steps.held_out)
        lines += [f"training = {FILES}(training, augment)", f"held_out = {FILES}(held_out, view)"]

    def _apply(self, training: str, held_out: str) -> None:
        for name, transform in (("training", training), ("held_out", held_out)):
            if transform:
                self.found.lines.append(f'{name}["image"] = {transform}({name}["image"])')

    def _normalize_alone(self, steps: _Steps) -> None:
        self._measure(steps)
        floats = "images.float() * (1 / 255)" if self.raw == "uint8" else "images.float()"
        self.script.add(_NORMALIZE.replace("(FLOATS - mean)", f"({floats} - mean)"), "import torch")
        for name, parts in (("training", steps.training), ("held_out", steps.held_out)):
            for part in parts:
                mean, deviation = self._numbers(part)
                images = f'{name}["image"]'
                self.found.lines.append(called(f"{images} = ", "normalize", images, mean, deviation))

    def _numbers(self, part: Part) -> tuple[str, str]:
        given = dict(text.split("=", 1) for text in keywords(part))
        return given.get("mean", "mean"), given.get("std", "deviation")

    def _named(self, name: str, parts: Sequence[Part]) -> None:
        """Write a transform, or several one after the other, as a variable."""
        calls = [call for part in parts for call in self._calls(part)]
        if not calls:
            calls = [Written("v2.Identity", ())]
        call = calls[0] if len(calls) == 1 else Written("v2.Compose", (Written("", tuple(calls), "[]"),))
        self.found.lines.append(Laid(f"{name} = ", call))

    def _calls(self, part: Part) -> list[Written]:
        if part.word == "normalize":
            mean, deviation = self._numbers(part)
            to_floats = Written("v2.ToDtype", ("torch.float32", "scale=True"))
            return [to_floats, Written("v2.Normalize", (mean, deviation))]
        known = TRANSFORMS[part.word]
        if part.word == "autoaugment":
            policy = str(part.arguments["policy"]).upper()
            rest = keywords(part, skip=["policy"])
            return [Written("v2.AutoAugment", (f"v2.AutoAugmentPolicy.{policy}", *rest))]
        return [made(f"v2.{known.name}", part, known)]
