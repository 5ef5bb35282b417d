"""Runs a recipe: epochs of steps, a measurement after each, checkpoints that survive whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.source import Source
from archlang.train.averaging import refresh_statistics
from archlang.train.batches import Plan, held_out_batches, training_batches
from archlang.train.checkpoints import Progress, save, writing
from archlang.train.data import Data, open_data
from archlang.train.fields import check_data
from archlang.train.folder import RunFolder
from archlang.train.making import learning_rates
from archlang.train.measuring import is_better_than, watched
from archlang.train.planning import MemoryPlan, keep
from archlang.train.record import record_of
from archlang.train.resuming import parts_before, prepare, resumed
from archlang.train.session import Session, session_of
from archlang.train.stamps import stamp
from archlang.train.starting import start_from
from archlang.train.survival import Interrupted, check_weights, restored, signals, surviving
from archlang.train.transforming import Transformed, transformed
from archlang.train.world import ALONE, World, shared

if TYPE_CHECKING:
    from torch import Tensor

SAVED_EVERY = 60.0  # seconds between checkpoints within an epoch


@dataclass(frozen=True, slots=True)
class Where:
    """Where and how a recipe runs, which changes nothing about its result on one machine.

    `data` is the file or folder of the data, `resume` goes on where the run folder was left, `anyway` even if the
    recipe or the net changed since. A new run starts from `weights`, as far as they fit. `world` are the processes that
    train together. `plan` says how the module takes less memory.
    """

    folder: Path
    data: Path | None = None
    device: str = "cpu"
    workers: int = 0
    resume: bool = False
    anyway: bool = False
    weights: Path | None = None
    scaled_input: bool = False
    world: World = ALONE
    plan: MemoryPlan | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run: a row for each epoch, and whether it ran to its end or was interrupted.

    `session`, `data`, the batches of the held-out part and the `plan` are those that it ran with.
    """

    rows: tuple[Mapping[str, float], ...]
    interrupted: bool
    folder: RunFolder
    session: Session
    data: Data
    held_out: Iterable[Mapping[str, Tensor]]
    plan: MemoryPlan | None = None

    @property
    def last(self) -> Mapping[str, float]:
        """The measures after the last epoch."""
        return self.rows[-1] if self.rows else {}


Show = Callable[[Session, float | None, Mapping[str, float] | None], None]
Tell = Callable[[str], None]


def run(
    recipe: Recipe,
    graph: Graph,
    where: Where,
    sources: Mapping[str, Source],
    show: Show = lambda session, loss, row: None,
    tell: Tell = lambda line: None,
) -> Outcome:
    """Train a net by its recipe, and return the measures of each epoch.

    `show` is called after each step with its loss, and after each epoch with its row; `tell` with lines about what was
    resumed. Raises `Rejected` if the data does not fit, before the first step; if the loss is no number any more; and
    if a file cannot be written. What was saved before is whole.
    """
    data = open_data(recipe.data, where.data, graph)
    training, held_out = transformed(recipe, data)
    check_data(recipe, graph, data, training, held_out)
    folder = RunFolder(where.folder)
    recipe = shared(recipe, where.world, parts_before(folder) if where.resume else None)
    with restored(where.device):
        example, classes = training[0, 0], len(data.classes)
        session = session_of(
            recipe, graph, example, len(training), classes, where.device, world=where.world, plan=where.plan
        )
        progress = _begun(session, folder, where, sources, tell)
        if where.world.is_first:
            with writing(folder.path):
                record_of(session, graph, data, held_out).write(folder.path)
                keep(folder.path, where.plan)
        # as many at once as a step takes: a loss that is summed over a batch stays comparable
        batches = held_out_batches(held_out, -(-recipe.batch // recipe.accumulate), where.workers, where.device)
        made_from = stamp(recipe, session.graph)
        runner = _Runner(session, folder, made_from, data, training, batches, where, show)
        with surviving(folder.path):
            outcome = runner.run(progress)
        if where.world.shards:  # one process alone can measure with a module that is whole
            alone = session_of(recipe, graph, example, len(training), classes, where.device)
            alone.step = session.step
            return replace(outcome, session=alone)
        return outcome


def _begun(session: Session, folder: RunFolder, where: Where, sources: Mapping[str, Source], tell: Tell) -> Progress:
    """Begin a run, or go on where its last checkpoint left it; return what it has measured."""
    goes_on = where.resume and where.world.told(folder.last.exists())
    progress = Progress()
    if goes_on:
        progress, notes = resumed(folder.last, session, where.anyway)
        for note in notes:
            tell(note)
    elif where.resume:
        tell("there is no checkpoint yet: the run begins anew")
    if not goes_on and where.weights is not None:
        with writing(folder.path):
            start_from(session, where.weights, folder.path, tell, scaled_input=where.scaled_input)
    if where.world.is_first:
        prepare(folder, None if goes_on else (session.recipe, sources))
    return progress


@dataclass
class _Runner:
    """One run under way."""

    session: Session
    folder: RunFolder
    made_from: Mapping[str, str]
    data: Data
    training: Transformed
    held_out: Iterable[Mapping[str, Tensor]]
    where: Where
    show: Show
    stopping: list[int] = field(default_factory=list[int])  # the signals that came

    def run(self, progress: Progress) -> Outcome:
        """Train to the end of the recipe, or until a signal or `stop` ends it."""
        self._write_table(progress)
        try:
            with signals(self.stopping):
                return self._outcome(self._trained(progress), interrupted=False)
        except Interrupted as interrupted:
            return self._outcome(interrupted.progress, interrupted=True)

    def _outcome(self, progress: Progress, *, interrupted: bool) -> Outcome:
        return Outcome(progress.rows, interrupted, self.folder, self.session, self.data, self.held_out, self.where.plan)

    def _trained(self, progress: Progress) -> Progress:
        session = self.session
        losses, saved = list(progress.losses), monotonic()
        if losses and self._ends:  # it was interrupted while it measured an epoch
            progress, losses = self._measured(progress), []
            self._save(progress)
        if self._is_enough(progress):
            return progress
        for batch in self._batches():
            losses.append(session.train_step(batch))
            self.show(session, losses[-1], None)
            ends = self._ends
            stops, is_late = self._agreed(bool(self.stopping), monotonic() - saved > SAVED_EVERY)
            if ends or stops or is_late:
                progress, losses = self._kept(replace(progress, losses=tuple(losses)), ends), [] if ends else losses
                saved = monotonic()
            if stops:
                raise Interrupted(progress)
            if ends and self._is_enough(progress):
                break
        return progress

    def _kept(self, progress: Progress, ends: bool) -> Progress:
        """Save the run as it is; at the end of an epoch, measure it first."""
        session = self.session
        check_weights(session)
        for module in (session.module, session.measured):
            self.where.world.share_buffers(module)
        if ends:
            progress = self._measured(progress)
        self._save(progress)
        return progress

    def _agreed(self, stops: bool, is_late: bool) -> tuple[bool, bool]:
        """Return whether any process was told to stop, and whether the first one finds that it is time to save."""
        world = self.where.world
        if world.size == 1:
            return stops, is_late
        every = world.gathered([stops, is_late], self.session.device)
        return any(every[::2]), bool(every[1])

    @property
    def _ends(self) -> bool:
        """Whether an epoch, or the run, ends with the step that was made last."""
        return self.session.step % self.session.per_epoch == 0 or self.session.step == self.session.steps

    def _batches(self) -> Iterable[Mapping[str, Tensor]]:
        session, recipe, world = self.session, self.session.recipe, self.where.world
        counts = session.step, session.steps, session.per_epoch
        plan = Plan(recipe.seed, recipe.batch, *counts, recipe.accumulate, world.size, world.rank)
        return training_batches(self.training, plan, self.where.workers, self.where.device)

    def _save(self, progress: Progress) -> None:
        save(self.folder.last, self.session, progress, self.made_from)
        self._write_table(progress)

    def _write_table(self, progress: Progress) -> None:
        if not self.where.world.is_first:
            return
        with writing(self.folder.path):
            self.folder.table(progress.rows)

    def _held_out(self, progress: Progress) -> Iterator[Mapping[str, Tensor]]:
        """Yield what is measured; a signal in between saves the run as it was before, and ends it."""
        for batch in self.held_out:
            if self.stopping and self.where.world.size == 1:
                self._save(progress)
                raise Interrupted(progress)
            yield batch

    def _measured(self, progress: Progress) -> Progress:
        """Measure the held-out part, and keep the weights if they are the best so far."""
        session = self.session
        self._refresh()
        results = self.where.world.told(session.measure(self._held_out(progress)))
        row: dict[str, float] = {
            "epoch": -(-session.step // session.per_epoch),
            "step": session.step,
            "lr": max(learning_rates(session.optimizer)),
            "training loss": sum(progress.losses) / len(progress.losses),
            **{f"held-out {name}": value for name, value in results.items()},
        }
        chosen_by = watched(session.recipe)
        value = results[chosen_by]
        is_better = progress.best is None or is_better_than(chosen_by, value, progress.best)
        if session.waits_for_result:
            session.schedule.step(results["loss"])
        progress = replace(
            progress,
            rows=(*progress.rows, row),
            losses=(),
            best=value if is_better else progress.best,
            waited=0 if is_better else progress.waited + 1,
        )
        if is_better:
            save(self.folder.best, session, progress, self.made_from)
        self.show(session, None, row)
        return progress

    def _refresh(self) -> None:
        """Measure the statistics of batch norm over the epoch's batches, for weights that `swa` averaged."""
        session = self.session
        if session.recipe.swa is None or session.measured is session.module:
            return
        first = (session.step - 1) // session.per_epoch * session.per_epoch
        recipe, per_epoch = session.recipe, session.per_epoch
        plan = Plan(recipe.seed, recipe.batch, first, first + per_epoch, per_epoch, recipe.accumulate)
        refresh_statistics(session, training_batches(self.training, plan, self.where.workers, self.where.device))

    def _is_enough(self, progress: Progress) -> bool:
        """Return whether `stop` ends the run."""
        stop = self.session.recipe.stop
        return stop is not None and progress.waited >= stop.number("after")
