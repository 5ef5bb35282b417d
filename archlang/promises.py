"""Checks `expect` lines against the facts of a net."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction

from archlang.diagnostics import Diagnostic, Label, Rejected
from archlang.facts.named_values import type_at, value_at
from archlang.facts.net import NetFacts
from archlang.facts.untold import UnknownFact, Untold, listed, united
from archlang.facts.work import Totals
from archlang.ir import Graph, Layer, Promise, is_at
from archlang.ops.base import Work
from archlang.shapes import Window

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_OF_LAYERS = {"backward_macs", "saved_bytes", *(column.name for column in fields(Work))} - {"macs"}


def verify(net: NetFacts) -> list[Diagnostic]:
    """Return a diagnostic for each broken promise, with both numbers, and for each whose path does not exist.

    `net` holds the facts of a net for one image in evaluation.
    """
    facts = _Facts(net, NetFacts(net.graph, training=True))
    return [diagnostic for promise in net.graph.promises if (diagnostic := _checked(facts, promise))]


@dataclass(frozen=True, slots=True)
class _Facts:
    """The facts that promises are about. Saved tensors are those of training, everything else is of evaluation."""

    evaluation: NetFacts
    training: NetFacts

    @property
    def graph(self) -> Graph:
        return self.evaluation.graph


def _checked(facts: _Facts, promise: Promise) -> Diagnostic | None:
    """Return what is wrong with a promise. A fact that takes more work than the limits allow is refused there."""
    try:
        return _verdict(facts, promise)
    except Rejected as rejected:
        return Diagnostic(rejected.code, rejected.message, promise.span, help=rejected.help)


def _verdict(facts: _Facts, promise: Promise) -> Diagnostic | None:
    if promise.fact == "shape":
        return _shape_verdict(facts.evaluation, promise)
    if promise.fact == "receptive_field":
        return _field_verdict(facts, promise)
    sides: list[Fraction] = []
    unknown: tuple[Untold, ...] = ()
    one = [(1, 1, path, fact) for path, fact in ((promise.path, promise.fact), *promise.more)]
    for terms in (one, promise.against):
        side = Fraction(0)
        for times, over, path, fact in terms:
            is_peak = fact.startswith("memory.")
            amount = _peak(facts.graph, fact, promise) if is_peak else _amount(facts, path, fact, promise)
            if isinstance(amount, Diagnostic):
                return amount
            if isinstance(amount, _Least):
                unknown, amount = united(unknown, amount.untold), amount.amount
            if amount is None:
                return _nothing_there(facts.graph, path, promise)
            side += Fraction(times, over) * amount
        sides.append(side)
    if not promise.against:
        return _number_verdict(facts.graph, promise, int(sides[0]), unknown)
    if unknown:
        return _unknown(facts.graph, promise, unknown)
    assert not isinstance(promise.expected, tuple)
    other = Fraction(str(promise.expected)) + sides[1]
    expected = other.numerator if other.denominator == 1 else float(other)
    return _number_verdict(facts.graph, promise.model_copy(update={"expected": expected}), int(sides[0]), unknown)


def _number_verdict(graph: Graph, promise: Promise, actual: int, untold: Sequence[Untold]) -> Diagnostic | None:
    """Check whether a number is as promised. The number is a lower bound if something is `untold`."""
    expected = promise.expected
    assert not isinstance(expected, tuple)
    holds = _holds(actual, promise)
    if untold and not (holds if promise.comparison in (">", ">=") else actual > expected):
        return _unknown(graph, promise, untold)
    if holds:
        return None
    if promise.comparison != "~":
        return _broken(graph, promise, f"at least {actual:,}" if untold else f"{actual:,}")
    distance = f"{abs(actual - expected):,.0f} from {expected:,}"
    off = f"is {actual:,}, which is {distance}: more than one unit of its last digit"
    return Diagnostic("broken-promise", f"`{promise.text}` of {graph.name} {off}", promise.span)


def _holds(actual: int, promise: Promise) -> bool:
    """Return whether a number is as promised."""
    assert not isinstance(promise.expected, tuple)
    if promise.comparison == "~":
        return abs(actual - promise.expected) <= promise.slack
    return _COMPARE[promise.comparison](actual, promise.expected)


def _unknown(graph: Graph, promise: Promise, untold: Sequence[Untold]) -> Diagnostic:
    message = f"`{promise.text}` of {graph.name} cannot be checked: {listed(untold)}"
    return Diagnostic("unknown-fact", message, promise.span)


def _broken(graph: Graph, promise: Promise, actual: str) -> Diagnostic:
    expected = promise.expected
    wanted = str(Window(expected)) if isinstance(expected, tuple) else f"{expected:,}"
    message = f"`{promise.text}` of {graph.name} is {actual}, but `{promise.comparison} {wanted}` is promised"
    return Diagnostic("broken-promise", message, promise.span)


def _amount(facts: _Facts, path: str, fact: str, promise: Promise) -> int | Diagnostic | None:
    """Return the value of a fact, summed over all layers at or below the path; None if there are none."""
    if fact not in _OF_LAYERS:
        total = total_at(facts.evaluation, path)
        if total is None:
            return None
        return total.macs * 2 if fact == "flops" else int(getattr(total, fact))
    layers = {layer.outputs for layer in _layers_at(facts.evaluation, path)}
    if path and not layers:
        return None
    if fact == "saved_bytes":
        kept = [one for outputs, one in facts.training.saved.items() if outputs in layers]
        unknown = united(*(one.untold for one in kept))
        return _unknown(facts.graph, promise, unknown) if unknown else sum(one.new_bytes for one in kept)
    passed = [one for outputs, one in facts.evaluation.passes.items() if outputs in layers]
    works = [one.backward if fact == "backward_macs" else one.forward for one in passed]
    return sum(int(getattr(work, fact.removeprefix("backward_"))) for work in works)


@dataclass(frozen=True, slots=True)
class _Least:
    """A lower bound, because something is unknown."""

    amount: int
    untold: tuple[Untold, ...]


def _peak(graph: Graph, fact: str, promise: Promise) -> int | _Least | Diagnostic:
    """Return the bytes alive at the peak, or needed there, with the settings that the promise names."""
    from archlang.facts.memory import AutocastUnknown, memory, setup_of

    try:
        found = memory(graph, setup_of(fact.removeprefix("memory."), promise.at))
    except UnknownFact as error:
        message = f"`{promise.text}` of {graph.name} cannot be checked: {error}"
        return Diagnostic("unknown-fact", message, promise.span)
    except AutocastUnknown as unknown:
        step = Label(unknown.layer.node.span, "this step")
        return Diagnostic(unknown.code, unknown.message, promise.span, (step,), unknown.help)
    except ValueError as error:
        return Diagnostic("bad-promise", str(error), promise.span)
    size, untold = found.peak_bytes, found.untold
    if fact == "memory.peak":
        size, untold = found.needed_bytes, found.unscratched
    return _Least(size, untold) if untold else size


def _layers_at(facts: NetFacts, path: str) -> list[Layer]:
    """Return the layers at or below a path, all of them for the empty path, or the layer that has this output."""
    below = [layer for layer in facts.layers if not path or is_at(layer.path, path)]
    if below:
        return below
    value = value_at(facts.tree, path)
    return [layer for layer in facts.layers if value in layer.outputs]


def _field_verdict(facts: _Facts, promise: Promise) -> Diagnostic | None:
    """Check a receptive field: a window along each axis of the input in order, a number along all of them."""
    graph, expected = facts.graph, promise.expected
    outputs = [port for port in graph.root.outputs if not port.training]
    if not promise.path and len(outputs) > 1:
        message = f"{graph.name} returns {len(outputs)} values, each with a receptive field of its own"
        help = f"write `{outputs[0].name}.receptive_field`"
        return Diagnostic("bad-promise", message, promise.span, help=help)
    tree = facts.evaluation.tree
    value = value_at(tree, promise.path) if promise.path else tree.outputs[graph.root.outputs.index(outputs[0])]
    if value is None:
        return _nothing_there(graph, promise.path, promise)
    field = facts.evaluation.fields[value]
    if field.untold:
        return _unknown(graph, promise, field.untold)
    axes = ", ".join(field.axes)
    if not axes or (isinstance(expected, tuple) and len(expected) != len(field.axes)):
        message = f"`{promise.text}` has a side for each axis of the input, {axes}, but this has {_sides(expected)}"
        none = f"the inputs of {graph.name} have no positions, and `{promise.text}` has no size"
        return Diagnostic("bad-promise", message if axes else none, promise.span)
    sizes = tuple(interval.size for interval in field.axes.values() if interval)
    if len(sizes) < len(field.axes):
        lost = " and ".join(field.uneven_axes)
        return _broken(graph, promise, f"not one window: along {lost} paths of different strides meet")
    if isinstance(expected, tuple):
        holds = (sizes == expected) == (promise.comparison == "==")
    else:
        along = [_holds(size, promise) for size in sizes]
        holds = any(along) if promise.comparison == "!=" else all(along)
    return None if holds else _broken(graph, promise, str(Window(sizes)))


def _sides(expected: int | float | tuple[int, ...]) -> str:
    return str(len(expected)) if isinstance(expected, tuple) else "one"


def _shape_verdict(facts: NetFacts, promise: Promise) -> Diagnostic | None:
    type = type_at(facts.tree, promise.path)
    if type is None:
        return _nothing_there(facts.graph, promise.path, promise)
    sizes = tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")
    if (sizes == promise.expected) == (promise.comparison == "=="):
        return None
    return _broken(facts.graph, promise, str(type))


def total_at(facts: NetFacts, path: str) -> Totals | None:
    """Return the counts of the operators at or below a path, of the net for the empty path; None if there are none."""
    if not path:
        return facts.counts.net
    found = [facts.counts.of(layer) for layer in facts.layers if is_at(layer.path, path)]
    return sum(found, Totals()) if found else None


def _nothing_there(graph: Graph, path: str, promise: Promise) -> Diagnostic:
    from difflib import get_close_matches

    names = [*graph.root.labels, *(port.name for port in graph.root.inputs)]
    near = get_close_matches(path, names, 1, 0.6)
    help = f"did you mean `{near[0]}`?" if near else None
    return Diagnostic("unknown-name", f"{graph.name} has nothing called `{path}`", promise.span, help=help)
