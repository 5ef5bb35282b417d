"""A training run as an object: module, loss, optimiser and schedule, one step at a time.

Nothing here depends on how often it was interrupted: what is random is seeded by its place in the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.recipes.fitting import Fitted, fed
from archlang.recipes.reading import NOISE
from archlang.train.averaging import average_of
from archlang.train.batches import Batch, as_dtype, parts_of, steps_of
from archlang.train.data import Sample
from archlang.train.freezing import thaw
from archlang.train.keys import key
from archlang.train.labelled import returning
from archlang.train.making import Term, in_order, learning_rates, mixes, optimizer, schedule, terms
from archlang.train.measuring import Measuring, measured
from archlang.train.penalizing import Penalties, penalties
from archlang.train.phases import check_lengths, tick
from archlang.train.replicas import part_of_step, replica, spread
from archlang.train.world import ALONE, World

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from archlang.train.planning import MemoryPlan


@dataclass
class Session:
    """The objects of a run. `steps` is how many steps it has, `per_epoch` how many of them are one epoch."""

    recipe: Recipe
    graph: Graph
    module: nn.Module
    terms: Sequence[Term]
    optimizer: Optimizer
    schedule: Any
    average: Any
    scaler: Any
    steps: int
    per_epoch: int
    device: str
    mixes: Sequence[Any] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    penalties: Penalties | None = None
    world: World = ALONE
    step: int = 0
    replica: nn.Module | None = None  # the module as one of several processes trains it
    thawed: int = -1  # the epoch for which parameters train or not, as `freeze` says

    @property
    def epoch(self) -> int:
        """The epoch of the next step, from 0."""
        return self.step // self.per_epoch

    @property
    def measured(self) -> nn.Module:
        """The module that is measured and kept: the moving average of the weights, if there is one."""
        if self.average is None or (self.recipe.swa is not None and not int(self.average.n_averaged)):
            return self.module
        made: nn.Module = self.average.module
        return made

    @property
    def cure(self) -> str:
        """What to try if the loss or the weights become infinite."""
        return f"try a learning rate below {max(learning_rates(self.optimizer)):g}, or `clip norm=1.0`"

    # ---- one step

    def train_step(self, batch: Batch) -> float:
        """Train on a batch and return its loss. Raises `Rejected` if the loss is not a number."""
        _ = self.module.training or self.module.train()
        if self.recipe.freezes and self.thawed != self.epoch:
            self.thawed, self.replica = self.epoch, None  # a replica knows which parameters train
            thaw(Fitted(self.recipe, self.graph), self.module, self.epoch)
        self.optimizer.zero_grad(set_to_none=True)
        world, module = self.world, self._trained_module()
        count = self.recipe.accumulate // world.size
        first, losses = world.rank * count, list[float]()
        for number, part in enumerate(parts_of(batch, count), first):
            self._seed(number)
            with part_of_step(self, module, is_last=len(losses) == count - 1):
                loss = self.loss_of(part, module) / self.recipe.accumulate
                self._backward(loss if world.size == 1 else loss * world.size)  # gradients become the mean of processes
            losses.append(float(loss.detach()))
        total = sum(world.gathered(losses, self.device))
        if not isfinite(total):
            raise Rejected("training-diverged", f"the loss of step {self.step + 1:,} is {total}", help=self.cure)
        self._update()
        return total

    def _seed(self, part: int) -> None:
        """Seed what is drawn in a step, or in one of its parts."""
        import torch

        seed = key(self.recipe.seed, "step", self.step, *([part] if self.recipe.accumulate > 1 else ()))
        # on a CPU, `torch.manual_seed` takes 40 times as long, and keeps a trace of each call for CUDA
        (torch.default_generator if self.device == "cpu" else cast(Any, torch)).manual_seed(seed)

    def _trained_module(self) -> nn.Module:
        """Return the module that is called in training: of several processes, one that exchanges gradients."""
        if self.world.size == 1 or self.world.shards:
            return self.module
        if self.replica is None:
            self.replica = replica(self)
        return self.replica

    def _backward(self, loss: Tensor) -> None:
        scaled: Tensor = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()  # pyright: ignore[reportUnknownMemberType]

    def _update(self) -> None:
        """Clip the gradients, step the optimiser, the schedule and the moving average."""
        import torch

        clip, swa = self.recipe.clip, self.recipe.swa
        if swa is not None and self.step == int(swa.number("start")) * self.per_epoch:
            self.schedule.begin()
        if clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            if "norm" in clip.given:
                torch.nn.utils.clip_grad_norm_(self.module.parameters(), clip.number("norm"))
            else:
                torch.nn.utils.clip_grad_value_(self.module.parameters(), clip.number("value"))
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        if self.penalties is not None:
            self.penalties.limit()
        self.step += 1
        ends, ema = self.step % self.per_epoch == 0, self.recipe.ema
        if (ema is not None and self.step % int(ema.number("every")) == 0) or (ends and self.is_averaged):
            self.average.update_parameters(self.module)
        if not self.is_averaged and (self.recipe.schedule.by == "step" or ends):
            tick(self.schedule)
        elif self.is_averaged and ends:
            self.schedule.average()

    @property
    def is_averaged(self) -> bool:
        """Whether the last step was one of the epochs that `swa` averages."""
        swa = self.recipe.swa
        return swa is not None and self.step > int(swa.number("start")) * self.per_epoch

    @property
    def waits_for_result(self) -> bool:
        """Whether the schedule is stepped by the result of each epoch."""
        return any(part.word == "reduceonplateau" for part in self.recipe.schedule.parts)

    # ---- values

    def _mixed(self, batch: Batch) -> Batch:
        """Return the batch behind one of the mixes, drawn for this batch: images and labels of pairs are mixed."""
        if not self.mixes:
            return batch
        import torch

        chosen = self.mixes[int(torch.randint(len(self.mixes), ()))] if len(self.mixes) > 1 else self.mixes[0]
        image, label = chosen(as_dtype(batch["image"], "float32"), batch["label"])
        return {**batch, "image": image, "label": label}

    def values(self, batch: Batch, module: nn.Module) -> dict[str, Tensor]:
        """Run a module on a batch; return the fields, the inputs and the outputs by name."""
        import torch

        on_device = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        count = len(next(iter(batch.values())))
        inputs: dict[str, Tensor] = {}
        for port in self.graph.root.inputs:
            source, type = self.sources[port.name], self.graph.root.types[port.value]
            if source in NOISE:
                draw = torch.randn if source == "normal" else torch.rand
                inputs[port.name] = draw(count, *type.shape[1:]).to(self.device)
            else:
                inputs[port.name] = as_dtype(on_device[source], type.dtype)
        names = [port.name for port in self.graph.root.outputs if module.training or not port.training]
        with self._autocast():
            outputs = in_order(module(*inputs.values()), names)
        return {**on_device, **inputs, **outputs}

    def _autocast(self) -> Any:
        import torch

        if self.recipe.precision == "fp32":
            return nullcontext()
        dtype = torch.bfloat16 if self.recipe.precision == "bf16" else torch.float16
        return torch.autocast(self.device.partition(":")[0], dtype)

    def loss_of(self, batch: Batch, module: nn.Module) -> Tensor:
        """Return the loss of a batch by a module; in training with mixes and penalties."""
        values = self.values(self._mixed(batch) if module.training else batch, module)
        loss = self._sum(values, self.recipe.accumulate if module.training else 1)
        return self.penalties.added_to(loss) if self.penalties is not None and module.training else loss

    def _sum(self, values: Mapping[str, Tensor], parts: int = 1) -> Tensor:
        """Return the sum of the terms whose values are there, for one of the parts of a batch."""
        with self._autocast():
            found = [term.of(values, parts) for term in self.terms if term.can_take(values)]
        return sum(found[1:], found[0])

    def measure(self, batches: Any, look: Callable[[Sequence[Tensor]], None] | None = None) -> dict[str, float]:
        """Return the mean loss and the measures of the module in evaluation, over all batches.

        `look` is called with the values that the first loss compares, batch by batch.
        """
        import torch

        module = self.measured.eval()
        measuring = Measuring(measured(self.recipe), self.recipe.losses[0].part)
        torch.manual_seed(key(self.recipe.seed, "held out"))  # pyright: ignore[reportUnknownMemberType]
        with torch.inference_mode():
            for batch in batches:
                values = self.values(batch, module)
                loss, first = float(self._sum(values)), float(self.terms[0].of(values))
                compared = self.terms[0].compared(values)
                measuring.add(compared, loss, first, len(next(iter(batch.values()))))
                if look is not None:
                    look(compared)
        return measuring.results()


def session_of(  # noqa: PLR0913  (what a run is made of)
    recipe: Recipe,
    graph: Graph,
    example: Sample,
    samples: int,
    classes: int,
    device: str,
    module: nn.Module | None = None,
    world: World = ALONE,
    plan: MemoryPlan | None = None,
) -> Session:
    """Return the objects of a run over this many training samples; `example` is one sample.

    The weights start from the recipe's seed, or are those of `module`, made of the same net. The `plan` says how the
    module takes less memory.
    """
    fitted = Fitted(recipe, graph)
    summands = terms(fitted, example, device)
    graph = returning(graph, [name for term in summands for name in term.names if name not in example])
    made = (_fresh(graph, recipe.seed, plan) if module is None else module).to(device)
    moving = average_of(recipe, made)
    spread(recipe, graph, [made] if moving is None else [made, moving.module], world, device)
    per_epoch = steps_of(samples, recipe.batch, recipe.accumulate)
    steps = recipe.steps or (recipe.epochs or 0) * per_epoch
    check_lengths(recipe, steps, per_epoch)
    chosen = optimizer(fitted, made)
    length = steps if recipe.schedule.by == "step" else -(-steps // per_epoch)
    return Session(
        recipe,
        graph,
        made,
        summands,
        chosen,
        schedule(recipe, chosen, length),
        moving,
        _scaler(device) if recipe.precision == "fp16" else None,
        steps,
        per_epoch,
        device,
        mixes(recipe, classes),
        fed(recipe, [port.name for port in graph.root.inputs], list(example)),
        penalties(fitted, made) if recipe.penalties else None,
        world,
    )


def _fresh(graph: Graph, seed: int, plan: MemoryPlan | None) -> nn.Module:
    from archlang.lower import module

    return module(graph if plan is None else plan.program(graph), seed)


def _scaler(device: str) -> Any:
    import torch

    return torch.amp.GradScaler(device)
