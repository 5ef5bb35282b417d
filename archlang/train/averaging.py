"""Averages of the weights: a moving one (`ema`), or one over the last epochs (`swa`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from archlang.recipes import Recipe
from archlang.train.batches import Batch
from archlang.train.keys import key
from archlang.train.replicas import local

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from archlang.train.session import Session


def average_of(recipe: Recipe, module: nn.Module) -> Any:
    """Return torch's average of the weights that a recipe asks for; None if it asks for none."""
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    if recipe.swa is not None:
        return AveragedModel(module)
    if recipe.ema is None:
        return None
    update = cast(Any, get_ema_multi_avg_fn(recipe.ema.number("decay")))

    def of_shards(averages: Sequence[Tensor], values: Sequence[Tensor], count: Any) -> None:
        """Average what this process holds of each: buffers are whole, and parameters may be in shards."""
        update([*map(local, averages)], [*map(local, values)], count)

    return AveragedModel(module, multi_avg_fn=cast(Any, of_shards), use_buffers=True)


def swa_schedule(recipe: Recipe, optimizer: Optimizer) -> Any:
    """Return the schedule of the epochs that `swa` averages (Izmailov et al. 2018, arXiv:1803.05407)."""
    from torch.optim.swa_utils import SWALR

    assert recipe.swa is not None
    arguments = dict(recipe.swa.arguments)
    del arguments["start"]
    rate = float(str(arguments.pop("lr")))
    return SWALR(optimizer, rate, **cast("dict[str, Any]", arguments))


def refresh_statistics(session: Session, batches: Iterable[Batch]) -> None:
    """Measure the statistics of batch norm for weights that `swa` averaged, over these batches."""
    import torch
    from torch import nn
    from torch.optim.swa_utils import update_bn

    class Fed(nn.Module):
        """The averaged module on a batch of fields, as `update_bn` calls it."""

        def __init__(self) -> None:
            super().__init__()
            self.averaged = session.average.module

        def forward(self, batch: Batch) -> None:
            session.values(batch, self.averaged)

    torch.manual_seed(key(session.recipe.seed, "swa", session.step))  # pyright: ignore[reportUnknownMemberType]
    update_bn(cast(Any, batches), Fed())
