"""The first layer at which two modules part, found by hooks in the order of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from archlang.verify.tensors import differs, flat
from archlang.verify.verdict import Difference

if TYPE_CHECKING:
    from torch import Tensor, nn

Event = tuple[str, int, str]  # the module's path, the number of the call, `in` or `out`


@dataclass
class _Seen:
    """What went into and came out of each module, each call by itself, in order. Copies: a layer may work in place."""

    events: dict[Event, list[Tensor]]
    calls: Counter[str]

    def enter(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.calls[path] += 1
        self.keep((path, self.calls[path], "in"), (args, kwargs))

    def leave(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        self.keep((path, self.calls[path], "out"), output)

    def keep(self, event: Event, value: object) -> None:
        self.events[event] = [tensor.detach().clone() for tensor in flat(value)]


@contextmanager
def _watched(module: nn.Module) -> Generator[_Seen]:
    seen = _Seen({}, Counter())
    hooks: list[Any] = []
    for path, part in modules(module).items():
        hooks.append(part.register_forward_pre_hook(partial(seen.enter, path), with_kwargs=True))
        hooks.append(part.register_forward_hook(partial(seen.leave, path)))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def modules(module: nn.Module) -> dict[str, nn.Module]:
    """A module and all modules in it by path, the empty path being its own."""
    return dict(cast("Iterable[tuple[str, nn.Module]]", module.named_modules()))


def first_difference(
    ours: nn.Module, theirs: nn.Module, run: Callable[[nn.Module], object], paths: Mapping[str, str], tolerance: float
) -> Difference | None:
    """Run both and compare, in the order of the net's calls, what goes into and comes out of each module of both.

    `paths` gives the reference's modules by the net's. A module without weights is compared where both call it as
    often: activations are shared at will. None where all that can be compared is equal.
    """
    with _watched(theirs) as other:
        run(theirs)
    with _watched(ours) as mine:
        run(ours)
    weighted = {path for path, part in modules(ours).items() if part.state_dict()}
    before = "the input"
    for (path, call, side), tensors in mine.events.items():
        theirs_path = paths.get(path)
        if theirs_path is None or (path not in weighted and mine.calls[path] != other.calls[theirs_path]):
            continue
        against = other.events.get((theirs_path, call, side))
        place = _place(path, call, mine.calls[path])
        if against is None:
            return Difference(place, f"it is called {mine.calls[path]} times, in the reference {call - 1}")
        how = _parted(tensors, against, tolerance)
        if how is not None and side == "in":
            return Difference(place, f"what flows into it differs, after {before}: {how}")
        if how is not None:
            return Difference(place, how)
        if side == "out":
            before = place
    return None


def _parted(mine: list[Tensor], other: list[Tensor], tolerance: float) -> str | None:
    if len(mine) != len(other):
        return f"{len(mine)} tensors, in the reference {len(other)}"
    told = (differs(a, b, tolerance) for a, b in zip(mine, other, strict=True))
    return next((how for how in told if how is not None), None)


def _place(path: str, call: int, calls: int) -> str:
    name = f"`{path}`" if path else "the whole net"
    return f"{name}, call {call}" if calls > 1 else name
