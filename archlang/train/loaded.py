"""The objects of a recipe for training loops of users' own: module, batches, loss, optimiser, schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.recipes.fitting import Fitted, fed
from archlang.train.batches import Keys, held_out_batches, loader, order, steps_of
from archlang.train.data import Data, open_data
from archlang.train.fields import check_data
from archlang.train.labelled import returning
from archlang.train.making import mixes, optimizer, schedule, terms
from archlang.train.penalizing import penalties
from archlang.train.session import Session
from archlang.train.transforming import Transformed, transformed

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.utils.data import DataLoader


class EpochBatches:
    """The batches of an epoch as keys of samples, in the order of `archlang train`. `set_epoch` names the epoch."""

    def __init__(self, recipe: Recipe, samples: int) -> None:
        self.recipe, self.samples, self.epoch = recipe, samples, 0
        self.batch_size, self.drop_last = recipe.batch, False  # what accelerate asks of a sampler

    @property
    def sampler(self) -> EpochBatches:
        """The object itself: Lightning and accelerate call `set_epoch` of a batch sampler's sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Name the epoch whose order comes next, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return steps_of(self.samples, self.recipe.batch, self.recipe.accumulate)

    def __iter__(self) -> Iterator[Keys]:
        recipe = self.recipe
        return iter(order(recipe.seed, self.epoch, self.samples, recipe.batch, recipe.accumulate))


@dataclass(frozen=True)
class LoadedRecipe:
    """A checked recipe and what it makes, for a loop of your own. `archlang.load_recipe` returns one.

    `settings` has every setting of the recipe, `graph` is its net, `path` the file or folder of its data. What such a
    loop does itself is not done here: `accumulate`, `clip`, `ema`, `swa`, `freeze`, `stop` and `steps` or `epochs`.
    """

    settings: Recipe
    graph: Graph
    path: Path | None = field(default=None)

    def __repr__(self) -> str:
        return f"<Recipe {self.settings.name}: {self.settings.net} on {self.settings.data.word}>"

    # ---- data

    @cached_property
    def data(self) -> Data:
        """The samples to train on and the held-out ones, before any transform. Raises `Rejected` for wrong data."""
        return open_data(self.settings.data, self.path, self.graph)

    @cached_property
    def _parts(self) -> tuple[Transformed, Transformed]:
        training, held_out = transformed(self.settings, self.data)
        check_data(self.settings, self.graph, self.data, training, held_out)
        return training, held_out

    def train_dataloader(self, workers: int = 0) -> DataLoader[Any]:
        """Return torch's loader of the training batches: dicts of tensors, by the names of the data's fields.

        Its `batch_sampler.set_epoch(epoch)` chooses the order and the augmentation of an epoch, those of
        `archlang train`; without it, each epoch is the first one.
        """
        training = self._parts[0]
        made: DataLoader[Any] = loader(training, cast(Any, EpochBatches(self.settings, len(training))), workers)
        return made

    def held_out_dataloader(self, workers: int = 0) -> DataLoader[Any]:
        """Return torch's loader of the held-out batches, in order."""
        samples, batch = self._parts[1], self.settings.batch
        made: DataLoader[Any] = cast(Any, held_out_batches(samples, batch, workers))
        return made

    @property
    def steps(self) -> int:
        """The steps of the whole run."""
        return self.settings.steps or (self.settings.epochs or 0) * self.steps_per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """The batches of an epoch."""
        return len(EpochBatches(self.settings, len(self._parts[0])))

    # ---- objects of torch

    @cached_property
    def _returning(self) -> Graph:
        """The net that also returns the labels which the losses compare."""
        example = self._parts[0][0, 0]
        names = [name for term in terms(self._fitted, example) for name in term.names]
        return returning(self.graph, [name for name in names if name not in example])

    @cached_property
    def _fitted(self) -> Fitted:
        return Fitted(self.settings, self.graph)

    def module(self, seed: int | None = None) -> nn.Module:
        """Return the module with its first weights: those of the recipe's seed, or of another one."""
        from archlang.lower import module
        from archlang.program import program_of

        return module(program_of(self._returning), self.settings.seed if seed is None else seed)

    def optimizer(self, module: nn.Module) -> Optimizer:
        """Return the optimiser for a module, with the groups of the recipe."""
        return optimizer(self._fitted, self._plain(module))

    def scheduler(self, optimizer: Optimizer) -> Any:
        """Return the schedule of an optimiser; None for a constant rate.

        `settings.schedule.by` says whether its `step()` belongs behind each step or behind each epoch.
        """
        by_step = self.settings.schedule.by == "step"
        return schedule(self.settings, optimizer, self.steps if by_step else -(-self.steps // self.steps_per_epoch))

    def loss(self, module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Run a module on a batch, and return the loss: the sum of the recipe's terms, with mixes and penalties.

        `module` may be wrapped, by DistributedDataParallel or an engine. In evaluation nothing is mixed or penalised.
        """
        return self._session(module).loss_of(batch, module)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Return the mean loss and the measures of a module over the held-out samples. It is left in evaluation."""
        return self._session(module).measure(self.held_out_dataloader())

    def _plain(self, module: nn.Module) -> nn.Module:
        """Return the net's own module behind what wraps it."""
        names = self._fitted.parameters
        while names and not any(name in names for name, _ in module.named_parameters()):
            module = cast("nn.Module", module.module)
        return module

    def _session(self, module: nn.Module) -> Session:
        """Return a run of this module, without an optimiser."""
        example, device = self._parts[0][0, 0], str(next(module.parameters()).device)
        return Session(
            self.settings,
            self._returning,
            module,
            terms(self._fitted, example, device),
            cast(Any, None),
            None,
            None,
            None,
            self.steps,
            self.steps_per_epoch,
            device,
            mixes(self.settings, len(self.data.classes)),
            fed(self.settings, [port.name for port in self.graph.root.inputs], list(example)),
            penalties(self._fitted, self._plain(module)) if self.settings.penalties else None,
        )
