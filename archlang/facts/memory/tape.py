"""What a forward pass leaves for the backward pass: a step for each operation, in order."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from archlang.facts.memory.heap import Heap
from archlang.ops.base import GradientPlace


@dataclass(frozen=True, slots=True)
class Wish:
    """A gradient wanted of an input: the value's number, bytes and layer, and where the gradient is allocated.

    If it is a `view`, a further gradient is added to it in new memory. If it is computed in a wider dtype than the
    value's, it has `wide` bytes before it is cast.
    """

    value: int
    bytes: int
    path: str
    place: GradientPlace
    view: bool = False
    wide: int = 0


@dataclass(frozen=True, slots=True)
class Wanting:
    """A weight whose gradient is wanted: its key, its bytes, and whether torch returns its gradient as a view.

    One that is `relaid` is copied when it is accumulated.
    """

    key: str
    bytes: int
    view: bool = False
    relaid: bool = False


@dataclass(frozen=True, slots=True)
class Owned:
    """The weights of a layer: key and bytes of each trainable one, bytes of each and of each buffer.

    `buffers` are the bytes of all buffers; `times` is how many equal layers run.
    """

    path: str
    trained: tuple[tuple[str, int], ...]
    sizes: tuple[int, ...]
    buffers: int
    times: int

    @property
    def parameters(self) -> int:
        return sum(self.sizes) - self.buffers


@dataclass(frozen=True, slots=True)
class Unit:
    """An operator as a moment is named: its path and word; a number if it runs in parts."""

    number: int | None
    path: str
    word: str


@dataclass(frozen=True, slots=True)
class Step:
    """An operation: its outputs, the gradients wanted of its inputs, the storages saved for it, by number.

    `weights` are the weights whose gradient is wanted; `bytes` is the size of the first output. A `declared` step
    is a parameter of the net: the gradient of its value is the parameter's. `partial` lists storages that are saved
    for some of the outputs alone: these outputs, and the storages. If it is not known to be `one_call`, its gradients
    may be allocated after what it saves is freed. `unit` is the number of the operator of which it is a part. `scratch`
    are the bytes that its kernels allocate and free by themselves. What it needs and does not keep is made `again`,
    which returns the storages to free after it.
    """

    path: str
    word: str
    outputs: tuple[int, ...]
    wishes: tuple[Wish, ...]
    weights: tuple[Wanting, ...]
    kept: tuple[int, ...]
    bytes: int
    declared: bool = False
    partial: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    one_call: bool = True
    unit: int | None = None
    scratch: int = 0
    again: Callable[[Heap], list[int]] | None = None

    def kept_for(self, given: Container[int]) -> list[int]:
        """Return the saved storages, given which values have a gradient."""
        serving = (kept for values, kept in self.partial if any(value in given for value in values))
        return [*self.kept, *(storage for kept in serving for storage in kept)]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Steps that run several times."""

    times: int
    steps: list[Entry] = field(default_factory=list["Entry"])


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A call that saves only its inputs (`kept`, their storages): the backward pass runs it again.

    `again` runs it and returns its steps and its new outputs, which replace the `outputs`.
    """

    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    again: Callable[[], tuple[list[Entry], tuple[int, ...]]]


Entry = Step | Repeated | Recomputed
