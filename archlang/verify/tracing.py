"""Records what a module computes while it runs: each tensor operation, and the inputs and outputs of its submodules.

The net is recorded at the level of torch's functions, which shows what each result is computed from. The reference is
recorded at the level of the operations below them, so that all its values are seen, however its code is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import ref

from archlang.verify.tensors import flat

if TYPE_CHECKING:
    from torch import Tensor, nn


class Call(NamedTuple):
    """One call of a module: its path, and which call it is, from 1."""

    path: str
    number: int


@dataclass(frozen=True, slots=True)
class Step:
    """An operation, or the entry into a module, which has no outputs. Values are numbers."""

    call: Call
    inputs: tuple[int, ...]
    outputs: tuple[int, ...] = ()

    @property
    def is_entry(self) -> bool:
        return not self.outputs


@dataclass
class Trace:
    """What a run of the net computed, in order. `values` are copies, since operations may work in place."""

    steps: list[Step] = field(default_factory=list[Step])
    values: list[Tensor] = field(default_factory=list["Tensor"])
    made_by: dict[int, int] = field(default_factory=dict[int, int])  # the step that computed a value
    calls: Counter[str] = field(default_factory=Counter[str])
    outputs: tuple[int, ...] = ()


@dataclass
class Reference:
    """What a run of the reference computed: values with the calls around them, and each call's inputs and outputs."""

    computed: list[tuple[tuple[Call, ...], Tensor]] = field(default_factory=list[tuple[tuple[Call, ...], "Tensor"]])
    taken: dict[Call, list[Tensor]] = field(default_factory=dict[Call, list["Tensor"]])
    given: dict[Call, list[Tensor]] = field(default_factory=dict[Call, list["Tensor"]])
    calls: Counter[str] = field(default_factory=Counter[str])
    outputs: list[Tensor] = field(default_factory=list["Tensor"])


def modules(module: nn.Module) -> dict[str, nn.Module]:
    """Return a module and all its submodules by path; the module's own path is empty."""
    return dict(cast("Iterable[tuple[str, nn.Module]]", module.named_modules()))


def trace(module: nn.Module, run: Callable[[nn.Module], object]) -> Trace:
    """Run the net, and record the inputs and outputs of each of torch's functions."""
    made = Trace()
    numbers: dict[int, int] = {}  # of live tensors, by identity
    alive: list[Tensor] = []  # keeps them alive, so that no identity is reused

    def numbered(tensor: Tensor) -> int:
        return numbers[id(tensor)] if id(tensor) in numbers else added(tensor)

    def added(tensor: Tensor) -> int:
        alive.append(tensor)
        numbers[id(tensor)] = len(made.values)
        made.values.append(tensor.detach().clone())
        return numbers[id(tensor)]

    def called(function: Callable[[], object], given: object) -> object:
        inputs = tuple(map(numbered, flat(given)))
        result = function()
        outputs = tuple(map(added, flat(result)))
        if outputs:
            made.made_by.update(dict.fromkeys(outputs, len(made.steps)))
            made.steps.append(Step(around[-1], inputs, outputs))
        return result

    def enter(call: Call, given: object) -> None:
        made.steps.append(Step(call, tuple(map(numbered, flat(given)))))

    with _entered(module, made.calls, enter, lambda call, given: None) as around, _watched(called, _passed):
        result = run(module)
    made.outputs = tuple(map(numbered, flat(result)))
    return made


def observe(module: nn.Module, run: Callable[[nn.Module], object]) -> Reference:
    """Run the reference, and record every tensor that any operation returns."""
    seen = Reference()
    copied = _copier()

    def called(operation: Callable[[], object], given: object) -> object:
        result = operation()
        seen.computed += [(tuple(around), copied(tensor)) for tensor in flat(result)]
        return result

    def enter(call: Call, given: object) -> None:
        seen.taken[call] = list(map(copied, flat(given)))

    def leave(call: Call, given: object) -> None:
        seen.given[call] = list(map(copied, flat(given)))

    with _entered(module, seen.calls, enter, leave) as around, _watched(_passed, called):
        result = run(module)
    seen.outputs = list(map(copied, flat(result)))
    return seen


Called = Callable[
    [Callable[[], object], object], object
]  # gets the call as a function without parameters, and its arguments


def _passed(call: Callable[[], object], given: object) -> object:
    return call()


@contextmanager
def _watched(function: Called, operation: Called) -> Generator[None]:
    """Send each call of one of torch's functions through `function`, and each operation below through `operation`.

    Both are always active: torch computes attention in another way when it is watched, which rounds differently.
    """
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> object:
            return function(lambda: func(*args, **(kwargs or {})), (args, kwargs))

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> object:
            return operation(lambda: func(*args, **(kwargs or {})), (args, kwargs))

    with Functions(), Operations():  # type: ignore[no-untyped-call]
        yield


def _copier() -> Callable[[Tensor], Tensor]:
    """Return a function that copies tensors. A tensor is copied again only after an operation changed it."""
    made: dict[int, tuple[ref[Tensor], int, Tensor]] = {}

    def copied(tensor: Tensor) -> Tensor:
        version = -1 if tensor.is_inference() else tensor._version  # noqa: SLF001  torch has no other name for it
        known = made.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == version >= 0:
            return known[2]
        made[id(tensor)] = ref(tensor), version, tensor.detach().clone()
        return made[id(tensor)][2]

    return copied


@contextmanager
def _entered(
    module: nn.Module,
    calls: Counter[str],
    enter: Callable[[Call, object], None],
    leave: Callable[[Call, object], None],
) -> Generator[list[Call]]:
    """Track the module calls that are running, the innermost last. `enter` and `leave` are called for each."""
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
