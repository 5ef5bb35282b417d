"""The transforms of samples: the stages of a recipe as modules of torchvision, with seeds for each sample."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part, Recipe, Stage
from archlang.recipes.transforms import TRANSFORMS
from archlang.train.data import Data, InMemory, Sample, Samples
from archlang.train.framing import framed, unframed
from archlang.train.keys import key
from archlang.train.native import Native, native
from archlang.train.pca import PcaColor, principal_axes
from archlang.train.vision import transforms_v2

if TYPE_CHECKING:
    from torch import Tensor

MEASURED = 10_000  # samples at most from which the mean and deviation of `normalize` are taken
IN_MEMORY = 2**30  # bytes up to which transformed samples are kept
Transform = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Described:
    """A transform as data: its word and arguments. Another process makes it anew."""

    word: str
    arguments: Mapping[str, Any]
    is_random: bool
    ignored: int | None = None  # the class of pixels of a mask that a transform adds

    def made(self) -> Transform:
        """Return the transform of torchvision."""
        v2 = transforms_v2()
        if self.word == "normalize":
            import torch

            normalize: Transform = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(**self.arguments)])
            return normalize
        if self.word == "pcacolor":
            return PcaColor(**self.arguments)
        arguments = dict(self.arguments)
        if self.word == "autoaugment":
            arguments["policy"] = v2.AutoAugmentPolicy(arguments.get("policy", "imagenet"))
        if self.ignored is not None and "fill" in TRANSFORMS[self.word].arguments:
            from torchvision import tv_tensors

            arguments["fill"] = {tv_tensors.Mask: self.ignored, "others": arguments.get("fill", 0)}
        transform: Transform = getattr(v2, TRANSFORMS[self.word].name)(**arguments)
        return transform


@dataclass(frozen=True)
class Steps:
    """Transforms one after the other: those of torch alone where they suffice, else torchvision's."""

    described: tuple[Described, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return Steps, (self.described,)  # without the transforms that are made here

    @cached_property
    def native(self) -> tuple[Native, ...]:
        """The transforms of torch alone; empty if there are none, or one of them needs torchvision."""
        found = [native(one.word, one.arguments) for one in self.described]
        return tuple(one for one in found if one is not None) if None not in found else ()

    @cached_property
    def vision(self) -> list[Transform]:
        """The transforms of torchvision."""
        return [one.made() for one in self.described]

    def are_native(self, fields: Collection[str]) -> bool:
        """Return whether torch suffices for a sample of these fields: a mask and boxes are moved by torchvision."""
        return bool(self.native) and not {"mask", "boxes"} & set(fields)

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return a sample behind the transforms: its `image`, a `mask` and `boxes` with it. Other fields stay.

        The fields may be rows of many samples, if nothing is random.
        """
        if not self.described:
            return dict(sample)
        if not self.are_native(sample):
            return applied(sample, self.vision)
        image = sample["image"]
        many = image if image.dim() > 3 else image.unsqueeze(0)
        for step in self.native:
            size = int(many.shape[-2]), int(many.shape[-1])
            many = step.images(many, [step.draw(step.room(size))] * len(many))
        return {**sample, "image": many if image.dim() > 3 else many[0]}


@dataclass(frozen=True)
class Transformed:
    """Samples behind transforms. A key (epoch, index) gives the same sample every time, in whichever process.

    `every` has all transforms, also those that `samples` are behind already.
    """

    samples: Samples
    described: tuple[Described, ...]
    seed: int
    every: tuple[Described, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def __reduce__(self) -> tuple[Any, ...]:
        return Transformed, (self.samples, self.described, self.seed)  # without the transforms that are made here

    @cached_property
    def steps(self) -> Steps:
        """The transforms, made when the first sample is asked for."""
        return Steps(self.described)

    @cached_property
    def is_random(self) -> bool:
        """Whether a transform draws numbers."""
        return any(one.is_random for one in self.described)

    def __getitem__(self, at: tuple[int, int]) -> Sample:
        self._seed(*at)
        return self.steps(self.samples[at[1]])

    def _seed(self, epoch: int, index: int) -> None:
        import torch

        if self.is_random:
            torch.default_generator.manual_seed(key(self.seed, "sample", epoch, index))

    def at_once(self, keys: Sequence[tuple[int, int]]) -> dict[str, Any] | None:
        """Return the samples of these keys as rows; None if they are not rows in memory, or torchvision is needed."""
        import torch

        if not isinstance(self.samples, InMemory):
            return None
        fields = self.samples.fields
        if self.described and not self.steps.are_native(fields):
            return None
        chosen = torch.tensor([index for _, index in keys])
        found: dict[str, Any] = {name: rows[chosen] for name, rows in fields.items()}
        if self.described:
            found["image"] = self._images(found["image"], keys)
        return found

    def _images(self, images: Tensor, keys: Sequence[tuple[int, int]]) -> Tensor:
        size, rooms = (int(images.shape[-2]), int(images.shape[-1])), list[tuple[int, int]]()
        for step in self.steps.native:
            rooms.append(step.room(size))
            size = step.size(size)
        drawn: list[list[tuple[int, int]]] = [[] for _ in rooms]
        for one in keys if self.is_random else ():
            self._seed(*one)
            for step, found, room in zip(self.steps.native, drawn, rooms, strict=True):
                found.append(step.draw(room))
        for step, found in zip(self.steps.native, drawn, strict=True):
            images = step.images(images, found)
        return images


def applied(sample: Mapping[str, Any], transforms: Sequence[Transform]) -> dict[str, Any]:
    """Return a sample behind transforms of torchvision."""
    import torch

    moved = {name: _wrapped(name, value) for name, value in sample.items()}
    if "boxes" in sample:
        moved["boxes"] = framed(sample["boxes"], sample["image"])
    for transform in transforms:
        moved = transform(moved)
    if "boxes" in sample:
        moved["boxes"] = unframed(sample["boxes"], moved["boxes"])
    return {name: value.as_subclass(torch.Tensor) for name, value in moved.items()}


def _wrapped(name: str, value: Any) -> Any:
    from torchvision import tv_tensors

    if name == "image":
        return tv_tensors.Image(value)
    return tv_tensors.Mask(value) if name == "mask" else value


def transformed(recipe: Recipe, data: Data) -> tuple[Transformed, Transformed]:
    """Return the samples of both parts behind the transforms of a recipe.

    `normalize` without numbers takes the mean and deviation of the training samples, before what is random. What is
    neither random nor large is done once, and kept.
    """
    stages = recipe.stages
    if not stages:
        return Transformed(data.training, (), recipe.seed), Transformed(data.held_out, (), recipe.seed)
    if "image" not in data.training[0]:
        raise Rejected("bad-data", f"`{stages[0].where}` transforms images, and `data {recipe.data.word}` has none")
    ignored = recipe.data.arguments.get("ignore")
    training, held_out = _described(data.training, stages, ignored if isinstance(ignored, int) else None)
    return behind(data.training, training, recipe.seed), behind(data.held_out, held_out, recipe.seed)


def _described(
    samples: Samples, stages: Sequence[Stage], ignored: int | None
) -> tuple[list[Described], list[Described]]:
    """Return the transforms of both parts. Each `normalize` is measured behind the deterministic ones before it."""
    training: list[Described] = []
    held_out: list[Described] = []
    before = Steps(())
    for stage in stages:
        for part in stage.parts:
            one = replace(_one(part, samples, before, is_random=stage.where == "augment"), ignored=ignored)
            training += [one] if stage.where != "evaluate" else []
            held_out += [one] if stage.where != "augment" else []
            before = Steps((*before.described, one)) if stage.where == "view" else before
    return training, held_out


def _one(part: Part, samples: Samples, before: Steps, is_random: bool) -> Described:
    arguments = {name: _listed(value) for name, value in part.arguments.items() if name in part.given}
    if part.word == "normalize" and len(arguments) < 2:
        mean, std = _measured(samples, before)
        arguments = {"mean": mean, "std": std} | arguments
    if part.word == "pcacolor":
        variances, axes = principal_axes(before(samples[at])["image"] for at in _chosen(samples))
        arguments = {"sigma": part.number("sigma"), "variances": variances, "axes": axes}
    return Described(part.word, arguments, is_random)


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _measured(samples: Samples, before: Steps) -> tuple[list[float], list[float]]:
    """Return mean and deviation of each channel over the samples, some `MEASURED` of them at least, spread evenly.

    Sums of bytes are whole numbers, which float64 holds exactly: their order does not matter.
    """
    import torch

    count, total, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    scale = 1.0
    for at in _chosen(samples):
        image = before(samples[at])["image"]
        scale = 1.0 if image.is_floating_point() else 255.0
        pixels = image.double().flatten(1)
        count += pixels.shape[1]
        total = total + pixels.sum(1)
        squares = squares + pixels.square().sum(1)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp_min(0).sqrt()
    return [float(one) for one in mean / scale], [float(one) for one in (deviation / scale).clamp_min(1e-8)]


def _chosen(samples: Samples) -> range:
    """Return the samples from which transforms are measured."""
    return range(0, len(samples), max(1, len(samples) // MEASURED))


def behind(samples: Samples, steps: Sequence[Described], seed: int) -> Transformed:
    """Return samples behind steps. The steps before the first random one run now, if the results fit into memory."""
    every = tuple(steps)
    ready = next((at for at, step in enumerate(steps) if step.is_random), len(steps))
    if ready and isinstance(samples, InMemory):
        fixed = Steps(every[:ready])
        if sum(value.nbytes for value in fixed(samples[0]).values()) * len(samples) <= IN_MEMORY:
            samples = InMemory(fixed(samples.fields))  # these transforms take all rows at once
            steps = steps[ready:]
    return Transformed(samples, tuple(steps), seed, every)
