"""The comparison: pairs the keys, copies the reference's weights, runs both modules, and finds the first difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.shapes import TensorType
from archlang.verify.keys import Keys, match, paths
from archlang.verify.parting import Parting, Pool, entry_differs
from archlang.verify.reference import told
from archlang.verify.running import Pair, Trial, evaluated, in_evaluation, in_training, trained
from archlang.verify.tensors import compare, shape
from archlang.verify.tracing import modules, observe, trace
from archlang.verify.verdict import Check, Difference, Verdict

if TYPE_CHECKING:
    from torch import Tensor, nn


def verify(make: Callable[[], nn.Module], theirs: nn.Module, graph: Graph, trial: Trial) -> Verdict:
    """Compare the module that `make` returns for the Graph with a copy of `theirs`, on the CPU.

    Weights that are initialised to a constant (biases to 0, scales of norms to 1) are first shifted by random numbers;
    otherwise two that are swapped would look equal. Raises `Rejected` with the code `run-failed` if either fails.
    """
    import torch

    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        torch.manual_seed(trial.seed)  # pyright: ignore[reportUnknownMemberType]
        dtype = getattr(torch, trial.dtype) if trial.dtype else None
        ours = make().to(dtype)
        with told("the reference cannot be copied"):
            theirs = deepcopy(theirs).cpu().to(dtype)
        inputs = [_input(graph.root.types[port.value], trial) for port in graph.root.inputs]
        mine, other = ours.state_dict(), theirs.state_dict()
        keys = match(_shapes(mine), _shapes(other), trial.renames, trial.by_order)
        shapes = tuple((key, shape(mine[key]), shape(other[keys.pairs[key]])) for key in keys.misshapen)
        pair = Pair(ours, theirs, graph, inputs, keys, trial)
        verdict = Verdict(graph.name, tuple(map(shape, inputs)), keys, shapes)
        tables = _tables(mine, other, keys)
        _shift_constants(theirs)
        _copy_weights(pair)
        return _judged(pair, verdict, tables) if keys.agree else _parted(pair, verdict)


def _copy_weights(pair: Pair) -> None:
    """Copy the reference's weights into the net, as far as keys and shapes agree."""
    state = pair.theirs.state_dict()
    fitting = {key: state[name] for key, name in pair.keys.pairs.items() if key not in pair.keys.misshapen}
    pair.ours.load_state_dict(fitting, strict=pair.keys.agree)


def _parted(pair: Pair, verdict: Verdict) -> Verdict:
    """Return the verdict if the keys differ. Both run with the weights that agree, to find the first difference."""
    try:
        return replace(verdict, first=_first(pair, evaluated))
    except Rejected as rejected:
        return replace(verdict, notes=(f"the first layer that differs is not known: {rejected.message}",))


def _judged(pair: Pair, verdict: Verdict, tables: Check) -> Verdict:
    """Return the verdict if the keys agree: weights, outputs, gradients and buffers are compared."""
    outputs, notes = in_evaluation(pair)
    checks = [*([tables] if tables.compared else []), outputs, *in_training(pair)]
    first = None
    if outputs.differences:
        first = _first(pair, evaluated)
    elif checks[-3].differences:
        first = _first(pair, trained)
    return replace(verdict, checks=tuple(checks), first=first, notes=notes)


def _input(type: TensorType, trial: Trial) -> Tensor:
    import torch

    sizes = [size * trial.batch if axis == "n" else size for size, axis in zip(type.shape, type.axes, strict=True)]
    if len(trial.size) >= len(sizes):
        size = "x".join(map(str, trial.size))
        raise Rejected("run-failed", f"an input of {type} has no {len(trial.size)} sizes to take {size}")
    if trial.size:
        sizes[-len(trial.size) :] = trial.size
    if type.is_float:
        return torch.randn(sizes, dtype=getattr(torch, trial.dtype or type.dtype))
    return torch.randint(2 if type.dtype == "bool" else trial.below, sizes).to(getattr(torch, type.dtype))


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _tables(mine: Mapping[str, Tensor], other: Mapping[str, Tensor], keys: Keys) -> Check:
    """Compare integer buffers, such as indexes, before the weights are copied, as copying would hide a difference."""
    fixed = {key: name for key, name in keys.pairs.items() if mine[key].dim() and not mine[key].is_floating_point()}
    ours: dict[str, Tensor | None] = {key: mine[key] for key in fixed}
    theirs: dict[str, Tensor | None] = {key: other[name] for key, name in fixed.items()}
    return compare("buffers as made", ours, theirs, 0.0)


def _shift_constants(module: nn.Module) -> None:
    """Add random numbers from 0 to 0.1 to each float weight or statistic whose values are all equal."""
    import torch

    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.numel() and bool((tensor == tensor.flatten()[0]).all()):
            tensor.add_(0.1 * torch.rand_like(tensor))


def _first(pair: Pair, run: Callable[[nn.Module, list[Tensor]], object]) -> Difference | None:
    """Return the first layer that differs. The weights are copied again, since training may have changed statistics."""

    _copy_weights(pair)
    mine, other = modules(pair.ours), modules(pair.theirs)
    known, tolerance = paths(pair.keys, pair.trial.renames, list(mine), list(other)), pair.trial.tolerance
    theirs = observe(pair.theirs, lambda module: pair.run(module, run))
    pool = Pool([tensor for _, tensor in theirs.computed], tolerance)
    return Parting(
        trace(
            pair.ours,
            lambda module: pair.run(module, run),
            pool.holds,
            partial(entry_differs, theirs, known, tolerance),
        ),
        theirs,
        known,
        weighted={path for path, part in mine.items() if part.state_dict()},
        containers=_containers(pair.graph),
        tolerance=tolerance,
    ).first()


def _containers(graph: Graph) -> set[str]:
    """Return the paths of the net, its blocks and its braces: all paths above a step."""
    parts = (layer.path.split(".") for layer in graph.flat())
    return {".".join(names[:depth]) for names in parts for depth in range(len(names))}
