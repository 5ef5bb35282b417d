"""The transforms of a script: what is done once to all images, and what is drawn for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from archlang.lower.written import Written
from archlang.recipes.recipe import Part, Stage
from archlang.recipes.transforms import RANDOM, TRANSFORMS
from archlang.train.script.moving import PRINCIPAL_AXES, add_behind, add_moved, add_pca
from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading import Reading
from archlang.train.script.rows import Laid, Row, called
from archlang.train.script.values import keywords, literal, made
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


@dataclass(frozen=True, slots=True)
class _Measured:
    """A transform with numbers from the training samples, the transforms before it, and what its numbers are called."""

    part: Part
    before: Sequence[Part]
    names: tuple[str, str]


@dataclass(frozen=True)
class _Steps:
    """The transforms of both parts, and those that are measured."""

    training: Sequence[Part]
    held_out: Sequence[Part]
    measured: Sequence[_Measured]


def transforming(plan: Plan, reading: Reading, script: Script) -> Transforming:
    """Write the functions of the transforms, and return the lines that apply them."""
    raw = plan.dtypes.get("image")
    steps = _steps(plan.recipe.stages)
    found = Transforming(training=_behind(steps.training, raw), held_out=_behind(steps.held_out, raw))
    if plan.recipe.stages:
        _Writing(plan, script, raw or "uint8", found, reading).write(steps)
    return found


def _steps(stages: Sequence[Stage]) -> _Steps:
    training = [part for stage in stages if stage.where != "evaluate" for part in stage.parts]
    held_out = [part for stage in stages if stage.where != "augment" for part in stage.parts]
    before: list[Part] = []
    measured: list[_Measured] = []
    for stage in stages:
        for part in stage.parts:
            if is_measured(part):
                number = sum(one.part.word == part.word for one in measured) + 1
                names = ("mean", "deviation") if part.word == "normalize" else ("variances", "axes")
                ending = str(number) if number > 1 else ""
                measured.append(_Measured(part, tuple(before), (names[0] + ending, names[1] + ending)))
            before += [part] if stage.where == "view" else []
    return _Steps(training, held_out, measured)


def is_measured(part: Part) -> bool:
    """Return whether a transform takes numbers from the training samples."""
    return part.word == "pcacolor" or (part.word == "normalize" and len(part.given) < 2)


def _behind(parts: Sequence[Part], raw: str | None) -> str | None:
    return "float32" if any(part.word == "normalize" for part in parts) else raw


@dataclass(frozen=True)
class _Writing:
    plan: Plan
    script: Script
    raw: str
    found: Transforming
    reading: Reading
    names: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])  # of what is measured

    def write(self, steps: _Steps) -> None:
        """Write the transforms of both parts."""
        self.names.update({id(one.part): one.names for one in steps.measured})
        if self._is_plain(steps):
            self._normalize_alone(steps)
            return
        self.script.imports.add("from torchvision.transforms import v2")
        if self.plan.moved:
            add_moved(self.plan, self.script)
        self._measure(steps)
        if self.reading.in_memory:
            self._rows(steps)
        else:
            self._samples(steps)

    def _rows(self, steps: _Steps) -> None:
        """Write the lines for rows in memory: what is not random is done once, if there is room for the results."""
        ready = next((at for at, part in enumerate(steps.training) if part.word in RANDOM), len(steps.training))
        ready = ready if self._fits() else 0
        once, rest = steps.training[:ready], steps.training[ready:]
        if not self._fits():
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
        if rest:
            self.found.augment = "augment"
            self._named("augment", rest)

    def _samples(self, steps: _Steps) -> None:
        """Write the lines for samples that are read one by one."""
        lines = self.found.lines
        if any(part.word in RANDOM for part in steps.training):
            self.found.augment = "augment"
        name = self.found.augment or "view"
        add_behind(self.plan, self.script, bool(self.found.augment))
        is_same = name == "view" and self._same(steps.training, steps.held_out)
        if steps.training:
            self._named(name, steps.training)
            lines.append(f"training = {'Augmented' if self.found.augment else 'Viewed'}(training, {name})")
        if steps.held_out:
            if not is_same:
                self._named("view", steps.held_out)
            lines.append("held_out = Viewed(held_out, view)")

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
        """Write how the numbers of transforms are measured."""
        for word, text in (("normalize", _STATISTICS), ("pcacolor", PRINCIPAL_AXES)):
            floats = [self._is_float(one.before) for one in steps.measured if one.part.word == word]
            if not floats:
                continue
            if any(floats) and not all(floats):
                told = "        scale = 1 if image.is_floating_point() else 255\n"
                text = text.replace("        pixels = ", f"{told}        pixels = ").replace("SCALE", "scale")
            self.script.add(text.replace(" / SCALE", "" if all(floats) else " / 255"), "import torch")
        if any(one.part.word == "pcacolor" for one in steps.measured):
            add_pca(self.plan, self.script)
        for one in steps.measured:
            images = self._images(one.before)
            names = list(one.names)
            if one.part.word == "normalize":
                keys = zip(("mean", "std"), names, strict=True)
                names = ["_" if key in one.part.given else name for key, name in keys]
            function = "statistics" if one.part.word == "normalize" else "principal_axes"
            self.found.lines.append(called(f"{', '.join(names)} = ", function, images))

    def _is_float(self, before: Sequence[Part]) -> bool:
        return _behind(before, self.raw) != "uint8"

    def _images(self, before: Sequence[Part]) -> str:
        """Write the lines that choose what is measured; return the expression of its images."""
        lines = self.found.lines
        if before:
            self._named("before", before)
        if self.reading.in_memory:
            chosen = f'images = training["image"][:: max(1, len(training["image"]) // {MEASURED:_})]'
            lines += [chosen] if chosen not in lines else []
            return "[before(image) for image in images]" if before else "images"
        chosen = f"chosen = range(0, len(training), max(1, len(training) // {MEASURED:_}))"
        lines += [chosen] if chosen not in lines else []
        image = 'before(training[at]["image"])' if before else 'training[at]["image"]'
        return f"({image} for at in chosen)"

    def _apply(self, training: str, held_out: str) -> None:
        for name, transform in (("training", training), ("held_out", held_out)):
            if transform and self.plan.moved:
                self.found.lines.append(f"{name} = moved({name}, {transform})")
            elif transform:
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
        mean, deviation = self.names.get(id(part), ("mean", "deviation"))
        return given.get("mean", mean), given.get("std", deviation)

    def _named(self, name: str, parts: Sequence[Part]) -> None:
        """Write a transform, or several one after the other, as a variable."""
        calls = [call for part in parts for call in self._calls(part)]
        call = calls[0] if len(calls) == 1 else Written("v2.Compose", (Written("", tuple(calls), "[]"),))
        self.found.lines.append(Laid(f"{name} = ", call))

    def _calls(self, part: Part) -> list[Written]:
        if part.word == "normalize":
            mean, deviation = self._numbers(part)
            to_floats = Written("v2.ToDtype", ("torch.float32", "scale=True"))
            return [to_floats, Written("v2.Normalize", (mean, deviation))]
        if part.word == "pcacolor":
            return [Written("PcaColor", (literal(part.arguments["sigma"]), *self.names[id(part)]))]
        known = TRANSFORMS[part.word]
        if part.word == "autoaugment":
            policy = str(part.arguments["policy"]).upper()
            rest = keywords(part, skip=["policy"])
            return [Written("v2.AutoAugment", (f"v2.AutoAugmentPolicy.{policy}", *rest))]
        ignored = self.plan.recipe.data.arguments.get("ignore")
        if isinstance(ignored, int) and "fill" in known.arguments:
            self.script.imports.add("from torchvision import tv_tensors")
            fill = f'fill={{tv_tensors.Mask: {ignored}, "others": {literal(part.arguments["fill"])}}}'
            made_so = made(f"v2.{known.name}", part, known)
            kept = tuple(one for one in made_so.arguments if not str(one).startswith("fill="))
            return [replace(made_so, arguments=(*kept, fill))]
        return [made(f"v2.{known.name}", part, known)]
