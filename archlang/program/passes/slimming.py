"""Marks normalisations, activations, products and convolutions that keep less for the backward pass.

A normalised value, activated or not, need not be kept if a convolution reads it, or its product with another value, and
nothing else needs it: the backward pass makes it again of what the normalisation keeps. The rule looks at every place
where a block is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from archlang.ir import Graph, Layer
from archlang.ops.base import Expression, Module
from archlang.program.regions import Call, Entry, Program, Region
from archlang.program.slim import ACTIVATIONS, CONVOLUTIONS, NORMS, PRODUCTS, Slim, slims

Place = tuple[str, tuple[int, ...]]  # a block, and the values that a step of it returns


def slimming(program: Program) -> Program:
    """Return the Program with every step marked that can keep less at no more work than a normalisation.

    A recomputed call keeps nothing but its inputs anyway; nothing in it is marked. A block that is called in both ways
    gets a second region.
    """
    marks = dict(_Rule(program.graph).marks())
    parts = slims(set(marks.values()))
    marking = _Marking(program, {place: parts[target] for place, target in marks.items()})
    *_, net = program.regions
    marking.add(net, net, again=False)
    return Program(program.graph, marking.made)


@dataclass(frozen=True, slots=True)
class _Marking:
    """A Program in which steps are marked, and the regions made of its own; callees come first."""

    program: Program
    slim: Mapping[Place, Slim]
    made: dict[str, Region] = field(default_factory=dict[str, Region])

    def add(self, name: str, callee: str, *, again: bool) -> None:
        """Make the region of a block. In one that runs `again`, nothing is marked."""
        if name not in self.made:
            region = self._region(self.program.regions[callee], again)
            self.made[name] = region

    def _region(self, region: Region, again: bool) -> Region:
        return replace(region, entries=tuple(self._entry(region, entry, again) for entry in region.entries))

    def _entry(self, region: Region, entry: Entry, again: bool) -> Entry:
        if isinstance(entry, Region):
            return self._region(entry, again)
        if entry.callee is None:
            return entry if again else replace(entry, slim=self.slim.get((region.block.id, entry.outputs)))
        again = again or entry.recomputed
        name = f"{entry.callee}!again" if again else entry.callee
        self.add(name, entry.callee, again=again)
        run = (self._entry(region, one, again) for one in entry.run)
        return replace(entry, callee=name, run=tuple(one for one in run if isinstance(one, Call)))


@dataclass(frozen=True)
class _Rule:
    """The layers of a net, and which of them read each value."""

    graph: Graph

    @cached_property
    def layers(self) -> Sequence[Layer]:
        return tuple(self.graph.flat())

    @cached_property
    def readers(self) -> Mapping[int, Sequence[Layer]]:
        found: dict[int, list[Layer]] = {}
        for layer in self.layers:
            for value in layer.inputs:
                found.setdefault(value, []).append(layer)
        return found

    @cached_property
    def again(self) -> frozenset[Place]:
        """The steps whose module another step applies too, or that run in training alone."""
        shared = {layer.path for layer in self.layers if layer.reused}
        return frozenset(_place(one) for one in self.layers if one.training_only or one.path in shared)

    def marks(self) -> Iterator[tuple[Place, str]]:
        """Yield the steps that are marked, and the module of torch of each."""
        chains = [self._chain(layer) for layer in self.layers if _target(layer) in NORMS]
        failing = {_place(chain[0]) for chain in chains if len(chain) == 1}
        # an activation that also follows another norm must be served by each
        activated: dict[Place, set[bool]] = {}
        for layer in self.layers:
            if _target(layer) in ACTIVATIONS:
                activated.setdefault(_place(layer), set())
        for norm, *after in chains:
            if after and _target(after[0]) in ACTIVATIONS:
                activated[_place(after[0])].add(_place(norm) not in failing)
        for norm, *after in chains:
            if _place(norm) in failing or any(False in activated.get(_place(one), ()) for one in after):
                continue
            for layer in (norm, *after):
                if not _is_product(layer):
                    yield _place(layer), _target(layer)
            yield from self._products(norm, *after)

    def _products(self, *chain: Layer) -> Iterator[tuple[Place, str]]:
        """Yield the products of a chain, by the input that another step of it makes."""
        made = {one.outputs[0] for one in chain}
        names = {at: name for name, at in PRODUCTS.items()}
        for one in chain:
            if _is_product(one):
                yield _place(one), names[one.inputs[1] in made]

    def _chain(self, norm: Layer) -> tuple[Layer, ...]:
        """Return a norm, the activation of its result, if any, and what reads this without keeping it; else it alone.

        These are convolutions, and products that only convolutions need.
        """
        after: list[Layer] = []
        value, read = norm.outputs[0], self.readers.get(norm.outputs[0], ())
        if len(read) == 1 and _target(read[0]) in ACTIVATIONS and _place(read[0]) not in self.again:
            after, value = [read[0]], read[0].outputs[0]
            read = self.readers.get(value, ())
        products = [one for one in read if self._is_passed_on(one)]
        needed = [(one, value) for one in read if one not in products]
        for one in products:
            needed += [(other, one.outputs[0]) for other in self.readers[one.outputs[0]]]
        convolutions = [one for one, _ in needed if self._convolves(one)]
        others = [(one, of) for one, of in needed if not self._convolves(one)]
        if not convolutions or _place(norm) in self.again or any(_needs(*one) for one in others):
            return (norm,)
        return (norm, *after, *products, *convolutions)

    def _convolves(self, layer: Layer) -> bool:
        return _is_convolution(layer) and _place(layer) not in self.again

    def _is_passed_on(self, layer: Layer) -> bool:
        """Return whether a layer is a product of two values that a convolution reads and nothing else needs."""
        value = layer.outputs[0]
        read = self.readers.get(value, ())
        others = (one for one in read if not self._convolves(one))
        is_product = _is_product(layer) and _place(layer) not in self.again
        return is_product and any(map(self._convolves, read)) and not any(_needs(one, value) for one in others)


def _place(layer: Layer) -> Place:
    return layer.block.id, layer.node.outputs


def _target(layer: Layer) -> str:
    made = layer.node.torch(*layer.input_types)
    return made.target if isinstance(made, Module) and not made.source else ""


def _is_product(layer: Layer) -> bool:
    is_of_two = layer.node.torch(*layer.input_types) == Expression("{0} * {1}")
    return is_of_two and layer.inputs[0] != layer.inputs[1]


def _is_convolution(layer: Layer) -> bool:
    made = layer.node.torch(*layer.input_types)
    if not isinstance(made, Module) or made.target not in CONVOLUTIONS or made.source:
        return False
    options = {name: value for name, value, _ in made.options}
    return options.get("padding_mode") == "zeros" and not isinstance(options.get("padding"), str)


def _needs(layer: Layer, value: int) -> bool:
    """Return whether a layer keeps the value for its backward pass, or returns its memory, or may do so."""
    saved, is_view = layer.op.saved(*layer.input_types), layer.op.view(*layer.input_types)
    if saved is None or is_view is not False or layer.op.idle:
        return True
    return any(one.what == "input" and layer.inputs[one.index] == value for one in saved)
