"""Two optimisers that are one: each trains parameters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.optim import Optimizer


def both(first: Optimizer, second: Optimizer) -> Optimizer:
    """Return one optimiser that steps two. Its groups are those of both, so that a schedule sets all rates."""
    from torch.optim import Optimizer

    class Both(Optimizer):
        """Steps two optimisers, which share its state and have a part of its groups each."""

        def __init__(self) -> None:
            super().__init__([*first.param_groups, *second.param_groups], {})
            self._share()

        def _share(self) -> None:
            count = len(first.param_groups)
            first.param_groups, second.param_groups = self.param_groups[:count], self.param_groups[count:]
            first.state = second.state = self.state

        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            """Step both."""
            first.step()
            second.step()

        def load_state_dict(self, state_dict: Any) -> None:
            """Put both into a state."""
            super().load_state_dict(state_dict)
            self._share()

    return Both()
