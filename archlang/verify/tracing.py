"""What a module computes while it runs: each tensor operation, and what goes into and comes out of each module in it.

The net is traced by torch's functions, which tell what each result is made of. The reference is traced by the
operations below them, so that whatever it computes on the way is seen, however its code is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from archlang.verify.tensors import flat

if TYPE_CHECKING:
    from torch import Tensor, nn


class Call(NamedTuple):
    """The path of a module and the number of a call of it, from 1."""

    path: str
    number: int


@dataclass(frozen=True, slots=True)
class Step:
    """An operation, or the entry into a module, which has inputs alone. Values go by their numbers in the trace."""

    call: Call
    inputs: tuple[int, ...]
    outputs: tuple[int, ...] = ()

    @property
    def is_entry(self) -> bool:
        return not self.outputs


@dataclass
class Trace:
    """What a run of the net computed, in order. `values` are copies, since an operation may work in place."""

    steps: list[Step] = field(default_factory=list[Step])
    values: list[Tensor] = field(default_factory=list["Tensor"])
    made_by: dict[int, int] = field(default_factory=dict[int, int])  # the step that computed a value
    calls: Counter[str] = field(default_factory=Counter[str])
    outputs: tuple[int, ...] = ()


@dataclass
class Reference:
    """What a run of the reference computed: values with the calls that they were computed in, and each module's own."""

    computed: list[tuple[tuple[Call, ...], Tensor]] = field(default_factory=list[tuple[tuple[Call, ...], "Tensor"]])
    taken: dict[Call, list[Tensor]] = field(default_factory=dict[Call, list["Tensor"]])
    given: dict[Call, list[Tensor]] = field(default_factory=dict[Call, list["Tensor"]])
    calls: Counter[str] = field(default_factory=Counter[str])
    outputs: list[Tensor] = field(default_factory=list["Tensor"])


def modules(module: nn.Module) -> dict[str, nn.Module]:
    """A module and all modules in it by path, the empty path being its own."""
    return dict(cast("Iterable[tuple[str, nn.Module]]", module.named_modules()))


def trace(module: nn.Module, run: Callable[[nn.Module], object]) -> Trace:
    """Run a module by torch's functions, and keep what each of them took and gave."""
    from torch.overrides import TorchFunctionMode

    made = Trace()
    numbers: dict[int, int] = {}  # of the tensors that are there, by identity
    alive: list[Tensor] = []  # holds them, so that no identity is given away again

    def numbered(tensor: Tensor) -> int:
        return numbers[id(tensor)] if id(tensor) in numbers else added(tensor)

    def added(tensor: Tensor) -> int:
        alive.append(tensor)
        numbers[id(tensor)] = len(made.values)
        made.values.append(copied(tensor))
        return numbers[id(tensor)]

    class Recorder(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> object:
            inputs = tuple(map(numbered, flat((args, kwargs))))
            result = func(*args, **(kwargs or {}))
            outputs = tuple(map(added, flat(result)))
            if outputs:
                made.made_by.update(dict.fromkeys(outputs, len(made.steps)))
                made.steps.append(Step(around[-1], inputs, outputs))
            return result

    def enter(call: Call, given: object) -> None:
        made.steps.append(Step(call, tuple(map(numbered, flat(given)))))

    with _entered(module, made.calls, enter, lambda call, given: None) as around, Recorder():
        result = run(module)
    made.outputs = tuple(map(numbered, flat(result)))
    return made


def observe(module: nn.Module, run: Callable[[nn.Module], object]) -> Reference:
    """Run a module, and keep every tensor that any operation below its code gives."""
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = Reference()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> object:
            result = func(*args, **(kwargs or {}))
            seen.computed += [(tuple(around), copied(tensor)) for tensor in flat(result)]
            return result

    def enter(call: Call, given: object) -> None:
        seen.taken[call] = list(map(copied, flat(given)))

    def leave(call: Call, given: object) -> None:
        seen.given[call] = list(map(copied, flat(given)))

    with _entered(module, seen.calls, enter, leave) as around, Recorder():  # type: ignore[no-untyped-call]
        result = run(module)
    seen.outputs = list(map(copied, flat(result)))
    return seen


def copied(tensor: Tensor) -> Tensor:
    """The values of a tensor as they are now, whatever is done to it later."""
    return tensor.detach().clone()


@contextmanager
def _entered(
    module: nn.Module,
    calls: Counter[str],
    enter: Callable[[Call, object], None],
    leave: Callable[[Call, object], None],
) -> Generator[list[Call]]:
    """The calls around what runs at the moment, the innermost last; `enter` and `leave` are told of each."""
    around = [Call("", 0)]

    def before(path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        calls[path] += 1
        around.append(Call(path, calls[path]))
        enter(around[-1], (args, kwargs))

    def after(path: str, module: nn.Module, args: Any, output: Any) -> None:
        leave(around.pop(), output)

    hooks: list[Any] = []
    for path, part in modules(module).items():
        hooks.append(part.register_forward_pre_hook(partial(before, path), with_kwargs=True))
        hooks.append(part.register_forward_hook(partial(after, path)))
    try:
        yield around
    finally:
        for hook in hooks:
            hook.remove()
