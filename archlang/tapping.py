"""Looks into a module while it runs: what a part of it computes, and the gradient that comes back to it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from archlang.library import CallError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Tap", "tap"]


class Tap:
    """What a part of a module computed: `activation`, and after a backward pass `gradient`, that of the activation.

    Both are None before there is one. `activations` and `gradients` have one entry for each call since the tap was set,
    as a part can be applied several times; the other two are those of the last call. They are copies, which no later
    step changes. Values of a part with several results are tuples. Use it in a `with`, or call `remove()`.
    """

    def __init__(self, part: nn.Module, path: str) -> None:
        self.path = path
        self.activations: list[Any] = []
        self.gradients: list[Any] = []
        self._handle = part.register_forward_hook(self._seen)

    def _seen(self, part: nn.Module, inputs: object, output: object) -> None:
        from torch import Tensor
        from torch.utils import _pytree as trees

        values = [value for value in trees.tree_leaves(output) if isinstance(value, Tensor)]
        call = len(self.activations)
        copies = tuple(value.detach().clone() for value in values)
        self.activations.append(copies[0] if len(copies) == 1 else copies)
        self.gradients.append(None if len(copies) == 1 else (None,) * len(copies))
        for place, value in enumerate(values):
            if value.requires_grad:
                cast(Any, value).register_hook(self._arrived(call, place))

    def _arrived(self, call: int, place: int) -> Callable[[Tensor], None]:
        def keep(gradient: Tensor | None) -> None:
            if gradient is None:  # torch calls the hook of a result that was not used
                return
            copied, kept = gradient.detach().clone(), self.gradients[call]
            self.gradients[call] = (*kept[:place], copied, *kept[place + 1 :]) if isinstance(kept, tuple) else copied

        return keep

    @property
    def activation(self) -> Any:
        """What the part gave at its last call; None if it has not run."""
        return self.activations[-1] if self.activations else None

    @property
    def gradient(self) -> Any:
        """The gradient of the last call's activation; None if no backward pass has reached it."""
        return self.gradients[-1] if self.gradients else None

    def remove(self) -> None:
        """Look no more. What was seen stays."""
        self._handle.remove()

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Tap of {self.path}: {len(self.activations)} calls>"


def tap(module: nn.Module, path: str) -> Tap:
    """Look at the part of a module with this path, a label of the spec or a path of the report, while it runs.

    `with archlang.tap(module, "layer4") as seen:` keeps what `layer4` computes in `seen.activation`, and after a
    backward pass its gradient in `seen.gradient`. The module itself stays as it is. Raises CallError if no part has
    this path: a step without weights has one only if it is labelled.
    """
    parts: dict[str, nn.Module] = dict(cast(Any, module).named_modules())
    if path in parts and path:
        return Tap(parts[path], path)
    near = get_close_matches(path, [name for name in parts if name], 1, 0.5)
    told = f"; did you mean {near[0]!r}?" if near else ""
    help = "a step without weights has a path of its own if it has a label: `pooled: globalavgpool`"
    raise CallError(f"{type(module).__name__} has no part {path!r}{told or f': {help}'}")
