"""Explains a layer's output, weights and work: the law in its docstring, with the numbers of a net filled in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archlang.facts.net import NetFacts
from archlang.facts.saved import KeptAt
from archlang.facts.work import Counts
from archlang.ir import Graph, is_at, join_path
from archlang.ir.open_arguments import open_arguments
from archlang.shapes import TensorType
from archlang.source import Span
from archlang.why.answer import Keeps, Part, Why, WhyLayer, WhyScope, arguments_of
from archlang.why.filling import axes_law, filled
from archlang.why.notation import law_of
from archlang.why.places import Place, Places, child, places, unknown

__all__ = ["Why", "WhyLayer", "WhyScope", "Whys", "why"]


def why(graph: Graph, path: str = "") -> Why:
    """Return the answer for a layer or scope at a path; the empty path is the net. Counts are those of one image.

    Raises `Rejected` if nothing is there.
    """
    return Whys(graph).at(path)


class Whys:
    """The answers for any paths of one net, whose facts are computed once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._found = places(graph)
        self._facts = NetFacts(graph, training=True)

    def at(self, path: str) -> Why:
        """Return the answer for the layer or scope at a path; see `why`."""
        graph, found, facts = self._graph, self._found, self._facts
        here = found.at(path)
        if not here:
            raise unknown(path, found)
        single = [place for place in here if place.layer.path == path and place.has_path]
        if not single and (not path or is_at(here[0].layer.path, path)):
            return Why(graph.name, path, scope=_scope(graph, path, here, found, facts))
        return Why(graph.name, path, layers=tuple(_layer(place, facts) for place in single or here))

    def each(self) -> Iterator[WhyLayer]:
        """Yield the answer for every operator, in the order of `graph.flat()`.

        What is the same in all calls of a block, such as the law, is computed once.
        """
        known: dict[tuple[str, tuple[int, ...]], WhyLayer] = {}
        for place in self._found.all:
            key = place.layer.block.id, place.layer.node.outputs
            if key not in known:
                known[key] = _layer(place, self._facts)
            yield _placed(known[key], place, self._facts)


def _keeps(kept: KeptAt) -> Iterator[Keeps]:
    for tensor in kept.tensors:
        what = tensor.name or "copy"
        if tensor.value is not None:
            what = "output" if tensor.value in kept.layer.outputs else "input"
        yield Keeps(what, tensor.shape, tensor.dtype, tensor.new_bytes, tensor.keeper)


def _layer(place: Place, facts: NetFacts) -> WhyLayer:
    layer = place.layer
    passed = facts.passes[layer.outputs]
    op, inputs, outputs = layer.op, layer.input_types, layer.output_types
    return WhyLayer(
        path=layer.path,
        op=op.word,
        summary=law_of(type(op)).summary,
        arguments=arguments_of(op),
        sizes=open_arguments(layer.node, layer.block),
        written=layer.node.span,
        called=_called(place),
        inputs=inputs,
        outputs=outputs,
        axes=axes_law(op, inputs, outputs),
        law=filled(op, inputs, outputs),
        weights=op.weights(*inputs),
        params=op.params(*inputs),
        work=op.work(*inputs),
        wanted=passed.wanted,
        backward=passed.backward,
        keeps=tuple(_keeps(facts.saved[layer.outputs])),
        keeps_untold=facts.saved[layer.outputs].untold,
        receptive=facts.fields[layer.outputs[0]],
        training_only=layer.training_only,
        reused=layer.reused,
        frozen=layer.frozen,
        ties=layer.node.ties,
        starts={name: str(start) for name, start in layer.node.starts.items()},
    )


def _placed(told: WhyLayer, place: Place, facts: NetFacts) -> WhyLayer:
    """Return what is told of a layer at one call of its block for another one."""
    layer = place.layer
    passed, kept = facts.passes[layer.outputs], facts.saved[layer.outputs]
    return replace(
        told,
        path=layer.path,
        called=_called(place),
        wanted=passed.wanted,
        backward=passed.backward,
        keeps=tuple(_keeps(kept)),
        keeps_untold=kept.untold,
        receptive=facts.fields[layer.outputs[0]],
        training_only=layer.training_only,
        reused=layer.reused,
        frozen=layer.frozen,
    )


def _called(place: Place, within: str = "") -> tuple[Span, ...]:
    """Return the places of the calls that lead to a layer or, with a path, to the scope around it."""
    calls = [call for call in place.calls if not within or is_at(within, call.path)]
    return tuple(call.node.span for call in reversed(calls))


def _scope(graph: Graph, path: str, here: Sequence[Place], found: Places, facts: NetFacts) -> WhyScope:
    first = here[0]
    call = next((call for call in first.calls if call.path == path and call.has_path), None)
    around = _called(first, path) if path else ()
    totals = [facts.counts.of(place.layer) for place in here]
    return WhyScope(
        path=path,
        what=call.callee.name if call else "{ }" if path else graph.name,
        arguments=call.callee.arguments if call else {} if path else graph.arguments,
        written=call.node.span if call else _first_step(path, first),
        called=around[1:] if call else around,
        inputs=tuple(_entering(here)),
        outputs=tuple(_leaving(graph, path, here, found)),
        parts=tuple(_parts(path, here, facts.counts)),
        params=sum(total.params for total in totals),
        macs=sum(total.macs for total in totals),
        training_only=all(place.layer.training_only for place in here),
        reused=any(place.layer.reused for place in here),
        joins=tuple(_layer(place, facts) for place in here if place.layer.path == path and not place.has_path),
    )


def _first_step(path: str, place: Place) -> Span:
    """Return the place of the step, in braces or in a net, that holds a layer."""
    below = (call.node.span for call in place.calls if not path or call.path.startswith(f"{path}."))
    return next(below, place.layer.node.span)


def _entering(here: Sequence[Place]) -> Iterator[TensorType]:
    """Yield the types of the values from outside that these layers read."""
    known = {value for place in here for value in place.layer.outputs}
    for place in here:
        for value, type in zip(place.layer.inputs, place.layer.input_types, strict=True):
            if value not in known:
                known.add(value)
                yield type


def _leaving(graph: Graph, path: str, here: Sequence[Place], found: Places) -> Iterator[TensorType]:
    """Yield the types of the values of these layers that others read, or nobody; of a net, the types of its outputs."""
    if not path:
        yield from (graph.root.types[port.value] for port in graph.root.outputs)
        return
    inside = {place.layer.outputs for place in here}
    for place in here:
        for value, type in zip(place.layer.outputs, place.layer.output_types, strict=True):
            readers = found.readers.get(value, ())
            if not readers or any(reader.outputs not in inside for reader in readers):
                yield type


def _parts(path: str, here: Sequence[Place], counts: Counts) -> Iterator[Part]:
    """Yield the parts of a scope, in order. A layer that is applied again adds its work to its part."""
    groups: dict[str | int, list[Place]] = {}
    for number, place in enumerate(here):
        groups.setdefault(child(path, place) or number, []).append(place)
    for name, group in groups.items():
        own = join_path(path, name) if isinstance(name, str) else path
        totals = [counts.of(place.layer) for place in group]
        yield Part(
            name if isinstance(name, str) else "",
            _what(own, group[0]) if isinstance(name, str) else group[0].layer.op.word,
            group[-1].layer.output_types,
            sum(total.params for total in totals),
            sum(total.macs for total in totals),
        )


def _what(path: str, place: Place) -> str:
    """Return the word of the operator at a path, the name of the block called there, or braces."""
    if place.layer.path == path and place.has_path:
        return place.layer.op.word
    return next((call.callee.name for call in place.calls if call.path == path), "{ }")
