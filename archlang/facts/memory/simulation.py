"""A step of training, or an inference, run on the heap: forward, loss, backward, the optimiser's step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archlang.facts.memory.backward import Gradients
from archlang.facts.memory.casts import AutocastUnknown, Held
from archlang.facts.memory.forward import Forward
from archlang.facts.memory.heap import Heap, Kind
from archlang.facts.memory.history import DiesLater
from archlang.facts.memory.loss import losses, run_back
from archlang.facts.memory.operations import Operations
from archlang.facts.memory.optimizers import OPTIMIZERS
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.tape import Owned
from archlang.facts.memory.values import Operators
from archlang.facts.untold import Untold, united
from archlang.ir import Graph, Layer
from archlang.program import Program
from archlang.program.passes import overwriting


@dataclass(frozen=True, slots=True)
class Simulated:
    """The heap at the end; what is allocated all the time, by kind and path; the names of calls that were run once.

    `growths` are the bytes that each call of the forward pass leaves allocated. If something is `untold`, temporaries
    are missing, and the heap is a lower bound. So it is with scratch if some of that is `unscratched`. `weights` are
    the bytes of each weight and buffer, and of the targets; `states` those of each tensor of the optimiser's state but
    for counts. Of a layer that is run once in place of many, both have them once.
    """

    heap: Heap
    lasting: Counter[tuple[Kind, str]]
    runs: Mapping[str, str]
    growths: Mapping[str, int]
    untold: tuple[Untold, ...] = ()
    unscratched: tuple[Untold, ...] = ()
    weights: tuple[int, ...] = ()
    states: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """A weight that got a gradient: the path of its layer, its bytes, and how many such weights there are."""

    path: str
    bytes: int
    times: int


def simulate(program: Program, setup: Setup, *, folds: bool = True) -> Simulated:
    """Run a step of training in its steady state, when the optimiser has its state; or an inference.

    If a row of equal calls cannot be folded, each is run. Raises AutocastUnknown if it is not known in which dtype a
    layer computes under autocast.
    """
    program = overwriting(program)
    if setup.autocast and any(call.recomputed for call in program.walk()):
        raise ValueError("recomputed calls under autocast cannot be simulated")
    try:
        return _simulated(program, setup, folds)
    except DiesLater:
        return _simulated(program, setup, folds=False)
    except AutocastUnknown as unknown:
        unknown.help = _without_autocast(program.graph, unknown.layer.op.word)
        raise


def _without_autocast(graph: Graph, word: str) -> str:
    """Return what to ask instead, and which other operators of the net have an unknown dtype."""
    unknown = {layer.op.word: None for layer in graph.flat() if _is_unknown(layer)}
    others = [other for other in unknown if other != word]
    also = f"; not known in this net are {', '.join(others)} as well" if others else ""
    return f"leave autocast out, or use `dtype` instead, where everything computes in one dtype{also}"


def _is_unknown(layer: Layer) -> bool:
    how = layer.op.autocast(*layer.input_types)
    return not layer.op.declared and (how is None or how.known == "result")


def _simulated(program: Program, setup: Setup, folds: bool) -> Simulated:
    heap = Heap()
    heap.begin("forward", "", "input")
    operations = Operations(setup, heap, Operators(setup, program.root.memory_format))
    forward = Forward(program, operations, folds)
    outputs = forward.run()
    growths = dict(forward.growths)
    trained = _train(operations, outputs) if setup.training else []
    lasting = _lasting(operations.owned, trained, setup)
    lasting["inputs", "target"] += operations.targets
    known = operations.operators
    weights = *(size for one in operations.owned for size in one.sizes), operations.targets
    states = tuple(one.bytes for one in trained for _ in range(OPTIMIZERS[setup.optimizer].kept))
    unknown = united(tuple(known.untold)), united(tuple(known.unscratched))
    return Simulated(heap, lasting, forward.runs, growths, *unknown, weights, states)


def _train(operations: Operations, outputs: Sequence[Held]) -> list[Trained]:
    """Run loss, backward and the optimiser's step; the weights that got a gradient, and so have a state."""
    heap = operations.heap
    gradients = Gradients(heap)
    found = losses(outputs, operations)
    operations.copies.end()
    run_back(found, operations, gradients)
    optimizer = operations.setup.optimizer
    found_by_key = {
        key: Trained(one.path, size, one.times)
        for one in operations.owned
        for key, size in one.trained
        if key in gradients.weights
    }
    trained = [found_by_key[key] for key in _as_torch_lists(list(found_by_key))]
    heap.begin("step", "", optimizer)
    heap.drop(heap.take(OPTIMIZERS[optimizer].temporary_bytes([one.bytes for one in trained]), "temporaries", ""))
    return trained


def _as_torch_lists(keys: Sequence[str]) -> list[str]:
    """Return keys in the order of `nn.Module.parameters`: of each module its own, then those of the modules in it."""
    own = [key for key in keys if "." not in key]
    parts: dict[str, list[str]] = {}
    for key in keys:
        head, dot, rest = key.partition(".")
        if dot:
            parts.setdefault(head, []).append(rest)
    return [*own, *(f"{head}.{rest}" for head, inner in parts.items() for rest in _as_torch_lists(inner))]


def _lasting(owned: Sequence[Owned], trained: Sequence[Trained], setup: Setup) -> Counter[tuple[Kind, str]]:
    found: Counter[tuple[Kind, str]] = Counter()
    state_bytes = OPTIMIZERS[setup.optimizer].state_bytes
    for one in owned:
        found["parameters", one.path] += one.parameters * one.times
        found["buffers", one.path] += one.buffers * one.times
    for weight in trained:
        found["optimizer state", weight.path] += state_bytes(weight.bytes) * weight.times
    return found
