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
    """What a run of the net computed, in order. Each value is compared when it is computed, and is then freed.

    `unknown` are the values that the reference does not compute. `values` holds copies of the net's outputs, and of the
    unknown results of steps whose inputs are all known. `entries` says how the inputs of a call differ from those of
    the same call in the reference.
    """

    steps: list[Step] = field(default_factory=list[Step])
    count: int = 0  # of values
    values: dict[int, Tensor] = field(default_factory=dict[int, "Tensor"])
    unknown: set[int] = field(default_factory=set[int])
    entries: dict[Call, str | None] = field(default_factory=dict[Call, "str | None"])
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


def trace(
    module: nn.Module,
    run: Callable[[nn.Module], object],
    is_known: Callable[[Tensor], bool],
    entry_differs: Callable[[Call, list[Tensor]], str | None],
) -> Trace:
    """Run the net, and record the inputs and outputs of each of torch's functions.

    `is_known` says whether the reference computes a value too; `entry_differs` how the inputs of a call differ from
    those of the same call in the reference.
    """
    recording = _Recording(is_known, entry_differs)
    made = recording.trace
    with (
        _entered(module, made.calls, recording.enter, _ignored) as recording.around,
        _watched(recording.called, _passed),
    ):
        result = run(module)
    made.outputs = tuple(map(recording.numbered, flat(result)))
    made.values.update(zip(made.outputs, (y.detach().clone() for y in flat(result)), strict=True))
    return made


class _Recording:
    """A run of the net in the making: its trace so far, and the numbers of the tensors in it."""

    def __init__(
        self, is_known: Callable[[Tensor], bool], entry_differs: Callable[[Call, list[Tensor]], str | None]
    ) -> None:
        self.trace = Trace()
        self.around: list[Call] = []
        self._is_known, self._entry_differs = is_known, entry_differs
        self._numbers: dict[int, tuple[ref[Tensor], int]] = {}  # by identity, which a later tensor may get again
        self._is_comparing = False  # at the entry of a module torch's functions are watched, ours among them

    def numbered(self, tensor: Tensor) -> int:
        """Return the number of a tensor, a new one if it was not seen before."""
        known = self._numbers.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else self._added(tensor)

    def _added(self, tensor: Tensor) -> int:
        self._numbers[id(tensor)] = ref(tensor), self.trace.count
        self.trace.count += 1
        return self.trace.count - 1

    def called(self, function: Callable[[], object], given: object) -> object:
        """Call one of torch's functions and record its inputs and outputs."""
        if self._is_comparing:
            return function()
        made, inputs = self.trace, tuple(map(self.numbered, flat(given)))
        result = function()
        tensors = flat(result)
        outputs = tuple(map(self._added, tensors))
        if outputs:
            made.made_by.update(dict.fromkeys(outputs, len(made.steps)))
            made.steps.append(Step(self.around[-1], inputs, outputs))
            new = {value: y for value, y in zip(outputs, tensors, strict=True) if not self._is_known(y.detach())}
            made.unknown.update(new)
            if made.unknown.isdisjoint(inputs):
                made.values.update({value: y.detach().clone() for value, y in new.items()})
        return result

    def enter(self, call: Call, given: object) -> None:
        """Record the entry into a module, and how what enters differs from the reference."""
        tensors = flat(given)
        self._is_comparing = True
        self.trace.entries[call] = self._entry_differs(call, [x.detach() for x in tensors])
        self._is_comparing = False
        self.trace.steps.append(Step(call, tuple(map(self.numbered, tensors))))


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


def _ignored(call: Call, given: object) -> None:
    return None


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
