"""Marks calls that write their result over an input: an activation after a normalisation, a sum after a convolution.

The input must be memory that a call of the same region made, which nothing else reads: no input of the region, no
parameter, no view, no value that its producer saves for the backward pass. A region that runs again makes it again, so
that recomputed calls stay right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from archlang.ir import Graph, Layer, values_of
from archlang.ops.base import Operator
from archlang.program.layouts import Layouts
from archlang.program.regions import Call, Entry, Program, Region


def overwriting(program: Program) -> Program:
    """Return the Program with every call that can write over an input marked to do so."""
    marking = _Marking(program, _Casts(program.graph), Layouts(program.graph, program.root.memory_format))
    return Program(program.graph, {name: marking.region(region) for name, region in program.regions.items()})


@dataclass(frozen=True)
class _Marking:
    """A Program in which calls are marked."""

    program: Program
    casts: _Casts
    layouts: Layouts

    @cached_property
    def again(self) -> frozenset[str]:
        """The ends of the paths of modules that several steps apply: all of these run in the same way."""
        modules = {call.module for call in self.program.walk() if call.module is not None}
        return frozenset(
            ".".join(words[at:]) for words in (one.split(".") for one in modules) for at in range(len(words))
        )

    def region(self, region: Region) -> Region:
        reads = Counter(value for entry in region.entries for value in entry.reads)
        reads.update((*region.outputs, *values_of(region.guards)))
        made: dict[int, Call] = {}
        entries: list[Entry] = []
        for entry in region.entries:
            marked = self._call(region, entry, made, reads) if isinstance(entry, Call) else self.region(entry)
            if isinstance(marked, Call) and marked.operator is not None:
                made.update(dict.fromkeys(marked.outputs, marked))
            entries.append(marked)
        return replace(region, entries=tuple(entries))

    def _call(self, region: Region, call: Call, made: Mapping[int, Call], reads: Mapping[int, int]) -> Call:
        if call.operator is None or call.slim is not None or call.module is not None or call.name in self.again:
            return call
        for at in call.operator.overwrites(*call.input_types):
            producer = made.get(call.inputs[at])
            if producer is None or reads[call.inputs[at]] != 1 or not self._is_free(call, producer):
                continue
            is_alone = len(call.inputs) == 1
            if not self._is_laid_anew(call, at) and (is_alone or self._is_same_over(region, call, at)):
                return replace(call, in_place=at)
        return call

    def _is_laid_anew(self, call: Call, at: int) -> bool:
        """Return whether the result has other strides than the input `at`: in channels_last, a map of one position.

        torch chooses kernels by the strides of axes of size 1 as well, and these round in other ways.
        """
        sizes = call.input_types[at].shape
        return self.program.root.memory_format is not None and len(sizes) == 4 and sizes[2:] == (1, 1)

    def _is_same_over(self, region: Region, call: Call, at: int) -> bool:
        """Return whether the result of a sum has the dtype and the memory layout of the input that it overwrites."""
        return self.casts.keeps(region, call, at) and self.layouts.keeps(region, call, at)

    def _is_free(self, call: Call, producer: Call) -> bool:
        """Return whether what a producer made is new memory that it does not need."""
        operator, types = producer.operator, producer.input_types
        assert operator is not None
        saved = operator.saved(*types)
        is_needed = saved is None or any(one.what == "output" for one in saved)
        is_alike = producer.training_only == call.training_only and len(producer.outputs) == 1
        return is_alike and not is_needed and not operator.declared and operator.is_fresh(*types)


@dataclass(frozen=True)
class _Casts:
    """The dtype of each value under torch.autocast: `lower`, `float32`, or None if that is not known.

    A sum of a lower and a wide value is wide, and must not be written over the lower one.
    """

    graph: Graph

    def keeps(self, region: Region, call: Call, at: int) -> bool:
        """Return whether the result of a call has the dtype of its input `at`, wherever its block is called."""
        return all(_has_dtype_of(dtypes, at) for dtypes in self._inputs.get((region.block.id, *call.outputs), ()))

    @cached_property
    def _inputs(self) -> Mapping[tuple[object, ...], Sequence[tuple[str | None, ...]]]:
        """The dtypes of the inputs of calls of several values, by outputs, of every block and path."""
        found: dict[tuple[object, ...], list[tuple[str | None, ...]]] = {}
        known: dict[tuple[object, ...], str | None] = {}  # each operator of a block is asked once for each dtype
        dtypes: dict[int, str | None] = dict.fromkeys(range(len(self.graph.root.inputs)), "float32")
        for layer in self.graph.flat():
            given = tuple(dtypes[value] for value in layer.inputs)
            place = (layer.block.id, *layer.node.outputs)
            if (place, given) not in known:
                known[place, given] = _dtype(layer, given)
                if len(given) > 1:
                    found.setdefault(place, []).append(given)
            dtypes.update(dict.fromkeys(layer.outputs, known[place, given]))
        return found


def _has_dtype_of(dtypes: Sequence[str | None], at: int) -> bool:
    return dtypes[at] == "float32" or all(dtype == "lower" for dtype in dtypes)


def _dtype(layer: Layer, inputs: Sequence[str | None]) -> str | None:
    """Return the dtype of a layer's results under autocast."""
    operator: Operator = layer.op
    given = {dtype for dtype, x in zip(inputs, layer.input_types, strict=True) if x.is_float}
    how = operator.autocast(*layer.input_types)
    if operator.declared or not given:
        return "float32"
    if how is None or None in given or len({how.result, *how.results}) > 1:
        return None
    if how.dtype in ("lower", "float32") and how.result != "given":
        return how.dtype
    if how.dtype == "widest" and "float32" in given:
        return "float32"
    return given.pop() if len(given) == 1 else None
