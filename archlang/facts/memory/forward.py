"""The forward pass, region by region: which operations run, which values a region holds, and until when.

A region is a `forward` of the emitted source. It holds its inputs until it returns, because the caller's arguments do.
It holds any other value until the variable takes another one, is deleted, or the region returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archlang.facts.memory import tape
from archlang.facts.memory.casts import Held
from archlang.facts.memory.operations import Operations
from archlang.facts.memory.rows import is_steady, row_after
from archlang.ir import OpNode, join_path
from archlang.ir.layers import Around
from archlang.program import Call, Entry, Program, Region

RANDOM_STATE = 5_056  # bytes of torch's random state, which recomputation restores to draw the same numbers


@dataclass(slots=True)
class Forward:
    """A forward pass of a Program. A recomputed call keeps nothing but its inputs.

    `runs` maps the path of a layer that is run once in place of many to the path that stands for all of them. `growths`
    says for each call how many more bytes are alive after it.
    """

    program: Program
    operations: Operations
    folds: bool = True
    growths: dict[str, int] = field(default_factory=dict[str, int])
    runs: dict[str, str] = field(default_factory=dict[str, str])

    def run(self) -> list[Held]:
        """Run the net; return its outputs, which the caller holds. A value that is returned twice is held once."""
        net, training = self.program.root, self.operations.setup.training
        ports = net.block.inputs
        inputs = [self.operations.input(port.name, net.block.types[port.value]) for port in ports]
        given = self._block(net, Around(), inputs)
        wanted = dict.fromkeys(port.value for port in net.block.outputs if training or not port.training)
        return [given[value] for value in wanted]

    def _block(self, region: Region, around: Around, inputs: Sequence[Held]) -> dict[int, Held]:
        """Run a block; of its values, only the outputs keep a reference."""
        given = dict(zip(region.inputs, inputs, strict=True))
        self._region(region, around.freezing(region.block), given)
        return given

    def _region(self, region: Region, around: Around, given: dict[int, Held]) -> None:
        hold, drop = self.operations.hold, self.operations.drop
        held = [given[value] for value in region.inputs if value in given]
        for one in held:
            hold(one)
        frame, held_by = region.frame, dict[int, Held]()
        for at, entry, times in self._folded(region, around, given):
            with self.operations.repeated(times):
                self._entry(region, entry, around, given)
                for value in entry.outputs:
                    if value not in given:  # the entry does not run
                        continue
                    if value not in frame.variables:  # a tensor that the module stores
                        held.append(given[value])
                        continue
                    variable = frame.variables[value]
                    drop(held_by.get(variable))
                    held_by[variable] = given[value]
                for value in frame.deleted.get(at, ()):
                    drop(held_by.pop(frame.variables[value], None))
        for value in region.outputs:
            if value in given:
                hold(given[value])
        for one in (*held_by.values(), *held):
            drop(one)

    def _folded(self, region: Region, around: Around, given: dict[int, Held]) -> Iterator[tuple[int, Entry, int]]:
        """Yield the entries with their places, and how often each runs. In a long row one stands for most."""
        at = 0
        while at < len(region.entries):
            entry = region.entries[at]
            yield at, entry, 1
            row = row_after(region, at) if self.folds and not around.frozen else ()
            at += 1
            if not row or not is_steady(entry, given):
                continue
            self._name(around, entry, *row)
            yield at, row[0], len(row) - 1
            given[row[-1].inputs[0]] = given[row[0].outputs[0]]
            at += len(row) - 1

    def _name(self, around: Around, *entries: Entry) -> None:
        """Name the calls of a row by the first and the last of them, `layer3.{1..22}`."""
        names = [entry.node.path.rpartition(".") for entry in entries if isinstance(entry, Call)]
        scope = join_path(around.path, names[0][0])
        row = join_path(scope, f"{{{names[0][2]}..{names[-1][2]}}}")
        self.runs.update({join_path(scope, names[at][2]): row for at in (0, 1, -1)})

    def _entry(self, region: Region, entry: Entry, around: Around, given: dict[int, Held]) -> None:
        if isinstance(entry, Region):
            self._region(entry, around, given)
            return
        if entry.deferred:
            return
        inside = around.within(region.block, entry.node)
        if inside.idle and not self.operations.setup.training:
            self._unused(entry, region, around)
            return
        inputs = [given[value] for value in entry.inputs]
        if isinstance(entry.node, OpNode):
            layer = inside.layer(entry.node, region.block, (), ())
            results = self.operations.run(layer, around.path, inputs, over=entry.in_place, slim=entry.slim)
        else:
            run = ((one, around.within(region.block, one.node)) for one in entry.run)
            results = self._call([*run, (entry, inside)], inputs)
        given.update(zip(entry.outputs, results, strict=True))

    def _call(self, calls: Sequence[tuple[Call, Around]], inputs: list[Held]) -> list[Held]:
        """Run a call, after those of its run; return its outputs. A recomputed one saves only the inputs for backward.

        Each frees the outputs of the one before, as `nn.Sequential` does.
        """
        (call, around), operations = calls[-1], self.operations
        before = operations.heap.height

        def run() -> list[Held]:
            results = inputs
            for one, inside in calls:
                region, passed = self.program.regions[one.callee or ""], results
                given = self._block(region, inside, passed)
                results = [given[port.value] for port in region.block.outputs]
                for value in passed if passed is not inputs else ():
                    operations.drop(value)
            return results

        def again() -> tuple[list[tape.Entry], tuple[int, ...]]:
            operations.heap.begin("recompute", around.path, "call")
            state = operations.heap.take(RANDOM_STATE, "temporaries", around.path)
            with operations.again() as steps:
                results = run()
            for result in results:  # the steps keep their saved tensors; nothing references their outputs
                operations.drop_storage(result)
            operations.heap.drop(state)
            return steps, tuple(result.number for result in results)

        if not (operations.recording and operations.setup.training and call.recomputed):
            results = run()
        else:
            with operations.forgetting():
                results = run()
            kept = [operations.heap.take(RANDOM_STATE, "kept by operators", around.path)]
            for one in inputs:
                operations.hold_storage(one)
            kept += [one.storage for one in inputs if not one.lasting]
            numbers = tuple(result.number for result in results)
            operations.record(tape.Recomputed(numbers, tuple(kept), again), inputs)
        self.growths[around.path] = operations.heap.height - before
        return results

    def _unused(self, entry: Entry, region: Region, around: Around) -> None:
        """Count the weights of an entry that does not run."""
        if isinstance(entry, Region):
            for inner in entry.entries:
                self._unused(inner, entry, around)
            return
        inside = around.within(region.block, entry.node)
        if isinstance(entry.node, OpNode):
            self.operations.own(inside.layer(entry.node, region.block, (), ()))
        else:
            callee = self.program.regions[entry.callee or ""]
            for inner in callee.entries:
                self._unused(inner, callee, inside.freezing(callee.block))
