"""The loop of `archlang train` against one by hand, of equal steps: `python -m benchmarks.training_overhead`.

Both have the same module, data in memory and optimiser, and read the loss of each step. Their steps take turns, some of
the one and then as many of the other, in one thread and in seconds of the processor; the ratio is the median of the
rounds. The bar is 0.97. Then the loader: a step that sleeps as long as one of a GPU must find its batch ready, with 0,
1 and 2 workers; `python -m benchmarks.training_overhead loader` measures that alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from archlang.compiler import prepared
from archlang.train.running import Where, run
from archlang.train.session import Session

if TYPE_CHECKING:
    import torch

RECIPE = """
use "{file}": {net}
train timed = {net} {{
  data npz
  loss crossentropy
  optimizer sgd lr=0.01 momentum=0.9 weight_decay=1e-4
  batch {batch}; steps {steps}
}}
"""
CASES = {  # file, net, shape, batch, steps of a turn
    "LeNet-5, batch 64": ("lenet", "lenet5", (1, 32, 32), 64, 20),
    "ResNet-20, batch 32": ("resnet_cifar", "resnet20", (3, 32, 32), 32, 2),
}
ROUNDS = 15
SLEEP = 0.02  # seconds of a step on a GPU


class Enough(Exception):
    """Ends a run that has been measured."""


def arrays(folder: Path, shape: tuple[int, ...], samples: int) -> Path:
    """Write random images and labels to a file, and return it."""
    import numpy
    import torch

    generator = torch.Generator().manual_seed(0)
    images = torch.randn(samples, *shape, generator=generator).numpy()
    labels = torch.randint(10, (samples,), generator=generator).numpy()
    numpy.savez(folder / "data.npz", image=images, label=labels)
    return folder / "data.npz"


def by_hand(session: Session, images: torch.Tensor, labels: torch.Tensor, batch: int) -> Iterator[float]:
    """Yield the loss of each step of a loop that trains a copy of the module of a session."""
    import copy

    import torch

    model = copy.deepcopy(session.module).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    criterion = torch.nn.CrossEntropyLoss()
    while True:
        order = torch.randperm(len(labels))
        for start in range(0, len(labels) - batch + 1, batch):
            chosen = order[start : start + batch]
            loss = criterion(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # pyright: ignore[reportUnknownMemberType]
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]
            yield loss.item()


def in_turns(name: str, rounds: int = ROUNDS) -> float:
    """Return the speed of archlang's loop over that of the one by hand."""
    import torch

    file, net, shape, batch, turn = CASES[name]
    spans: list[tuple[float, float]] = []
    hand: list[Iterator[float]] = []
    began = 0.0
    with TemporaryDirectory() as text:
        folder = Path(text)
        steps = (rounds + 2) * turn
        data = arrays(folder, shape, steps * batch * 5 // 4 + 5)  # a fifth is held out; no epoch ends in between

        def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
            nonlocal began
            if loss is None or session.step % turn:
                return
            own = process_time() - began
            if not hand:  # what was before warms up
                rows: Any = torch.load(folder / "rows.pt")
                hand.append(by_hand(session, rows["image"], rows["label"], batch))
                for _ in range(turn):
                    next(hand[0])
            else:
                start = process_time()
                for _ in range(turn):
                    next(hand[0])
                spans.append((own, process_time() - start))
            if len(spans) == rounds:
                raise Enough
            began = process_time()

        _save_rows(data, folder / "rows.pt")
        _run(folder, RECIPE.format(file=file, net=net, batch=batch, steps=steps), data, show)
    return median(other / own for own, other in spans)


def _save_rows(data: Path, path: Path) -> None:
    import numpy
    import torch

    with numpy.load(data) as found:
        torch.save({name: torch.from_numpy(found[name]) for name in found.files}, path)  # pyright: ignore[reportUnknownMemberType]


def _run(folder: Path, text: str, data: Path, show: Callable[..., None], workers: int = 0) -> None:
    spec = folder / "timed.arch"
    spec.write_text(text, encoding="utf-8")
    made = prepared(str(spec), {}, None)
    assert made is not None
    with suppress(Enough):
        run(made[0].recipe, made[0].graph, Where(folder / "run", data, workers=workers), {}, show)


@dataclass(frozen=True, slots=True)
class Fed:
    """How a step was fed: the seconds that it slept, those that it waited for its batch, and the images of a batch."""

    slept: float
    waited: float
    batch: int

    @property
    def images(self) -> float:
        """Images a second."""
        return self.batch / (self.slept + self.waited)

    def __str__(self) -> str:
        share = self.waited / (self.slept + self.waited)
        return f"{self.images:,.0f} images/s of {self.batch / self.slept:,.0f}, waits {share:.0%} of the time"


def fed(workers: int, steps: int = 60, batch: int = 64) -> Fed:
    """Return how a step that sleeps is fed, in medians; images are cropped and flipped."""
    ends: list[float] = []
    augment = "view normalize\n  augment randomcrop 32 padding=4 -> randomhorizontalflip\n  batch"
    text = RECIPE.format(file="lenet", net="lenet5", batch=batch, steps=steps).replace("batch", augment, 1)

    def asleep(session: Session, batch: Any) -> float:
        begin = perf_counter()
        if ends:
            gaps.append(begin - ends[-1])
        sleep(SLEEP)
        session.step += 1
        ends.append(perf_counter())
        spans.append(ends[-1] - begin)
        return 0.0

    gaps: list[float] = []
    spans: list[float] = []
    with TemporaryDirectory() as folder:
        data = arrays(Path(folder), (1, 32, 32), batch * steps * 2)
        with patch.object(Session, "train_step", asleep):
            _run(Path(folder), text, data, lambda *_: None, workers)
    return Fed(median(spans), median(gaps[steps // 6 :]), batch)  # the first ones wait for the workers to start


def main() -> None:
    """Print the ratios; with `loader`, how a step is fed alone."""
    import torch

    torch.set_num_threads(1)
    for name in CASES if sys.argv[1:] != ["loader"] else ():
        sys.stdout.write(f"{name}: {in_turns(name):.3f} of the speed of a loop by hand\n")
    for workers in (0, 1, 2):
        sys.stdout.write(f"a step of {1000 * SLEEP:.0f} ms, {workers} workers: {fed(workers)}\n")


if __name__ == "__main__":
    main()
