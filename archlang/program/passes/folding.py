"""Marks batch normalisations that are applied as a part of the convolution before them.

In evaluation a normalisation scales and shifts each channel by constants, and a convolution can do so by its weights.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from archlang.ir import values_of
from archlang.ops.base import Module
from archlang.program.regions import Call, Entry, Program, Region

_CONVOLUTION, _NORM = "torch.nn.Conv2d", "torch.nn.BatchNorm2d"


def folding(program: Program) -> Program:
    """Return the Program with every normalisation marked that can be folded into the convolution before it."""
    marking = _Marking(program)
    return Program(program.graph, {name: marking.region(region) for name, region in program.regions.items()})


@dataclass(frozen=True)
class _Marking:
    """A Program in which calls are marked."""

    program: Program

    @cached_property
    def again(self) -> frozenset[str]:
        """The names of modules that several steps apply."""
        return frozenset(call.module.rpartition(".")[2] for call in self.program.walk() if call.module is not None)

    def region(self, region: Region) -> Region:
        reads = Counter(value for entry in region.entries for value in entry.reads)
        reads.update((*region.outputs, *values_of(region.guards)))
        entries: list[Entry] = []
        for entry in region.entries:
            before = entries[-1] if entries else None
            if isinstance(entry, Region):
                entries.append(self.region(entry))
            elif isinstance(before, Call) and self._are_one(before, entry) and reads[before.outputs[0]] == 1:
                convolution = replace(before, deferred=True)
                entries[-1:] = [convolution, replace(entry, convolution=convolution)]
            else:
                entries.append(entry)
        return replace(region, entries=tuple(entries))

    def _are_one(self, convolution: Call, norm: Call) -> bool:
        """Return whether two calls are a convolution and the normalisation of its result, each applied once."""
        calls = (convolution, norm)
        is_plain = all(call.makes_module and call.name not in self.again and not call.training_only for call in calls)
        if not is_plain or norm.inputs != convolution.outputs:
            return False
        made, normed = convolution.torch, norm.torch
        if not isinstance(made, Module) or not isinstance(normed, Module):
            return False
        if (made.target, normed.target) != (_CONVOLUTION, _NORM):
            return False
        options = {name: value for name, value, _ in (*made.options, *normed.options)}
        return bool(options["track_running_stats"]) and options["padding_mode"] == "zeros"
