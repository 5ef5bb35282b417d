"""The forward pass, frame by frame: which operations run, what the frames hold, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from archlang.facts.memory import tape
from archlang.facts.memory.casts import Held
from archlang.facts.memory.frames import Entry, Frame, frame_of
from archlang.facts.memory.operations import Operations
from archlang.facts.memory.rows import is_steady, row_after
from archlang.ir import Block, CallNode, Graph, OpNode, join_path
from archlang.ir.layers import Around

RANDOM_STATE = 5_056  # bytes of the state of torch's random numbers, which is set back to draw the same ones again


@dataclass(slots=True)
class Forward:
    """A forward pass; what is `recomputed` names calls, by path, of which nothing is kept but their inputs.

    `runs` names layers that are run once in the place of many, by path: that of all. `growths` tells of each call by
    how many bytes more are alive after it.
    """

    graph: Graph
    operations: Operations
    recomputed: frozenset[str] = frozenset()
    folds: bool = True
    growths: dict[str, int] = field(default_factory=dict[str, int])
    runs: dict[str, str] = field(default_factory=dict[str, str])
    frames: dict[str, Frame] = field(default_factory=dict[str, Frame])

    def run(self) -> list[Held]:
        """The values that the net gives, held for whom they are given to; a value given twice is told once."""
        root, training = self.graph.root, self.operations.setup.training
        inputs = [self.operations.input(port.name, root.types[port.value]) for port in root.inputs]
        given = self._block(root, Around(), inputs)
        wanted = dict.fromkeys(port.value for port in root.outputs if training or not port.training)
        return [given[value] for value in wanted]

    def _block(self, block: Block, around: Around, inputs: Sequence[Held]) -> dict[int, Held]:
        """The values of a block, of which those that it gives are held."""
        frame = self.frames.get(block.id) or frame_of(block)
        self.frames[block.id] = frame
        given = dict(zip((port.value for port in block.inputs), inputs, strict=True))
        self._frame(block, frame, around.freezing(block), given)
        return given

    def _frame(self, block: Block, frame: Frame, around: Around, given: dict[int, Held]) -> None:
        hold, drop = self.operations.hold, self.operations.drop
        held = [given[value] for value in frame.inputs if value in given]
        for one in held:
            hold(one)
        flowing: Held | None = None
        for entry, times in self._folded(frame, around, given):
            with self.operations.repeated(times):
                self._entry(block, entry, around, given)
                for value in entry.outputs:
                    if value in given and value in frame.lasting:
                        held.append(given[value])
                    elif value in given:  # what does not run gives nothing
                        drop(flowing)
                        flowing = given[value]
        for value in frame.outputs:
            if value in given:
                hold(given[value])
        drop(flowing)
        for one in held:
            drop(one)

    def _folded(self, frame: Frame, around: Around, given: dict[int, Held]) -> Iterator[tuple[Entry, int]]:
        """The entries, each with how often it is run: of many calls in a row, all alike, one stands for most."""
        at = 0
        while at < len(frame.entries):
            entry = frame.entries[at]
            yield entry, 1
            row = row_after(frame, at, self._is_recomputed(around)) if self.folds and not around.frozen else ()
            at += 1
            if not row or not is_steady(entry, given):
                continue
            self._name(around, entry, *row)
            yield row[0], len(row) - 1
            given[row[-1].inputs[0]] = given[row[0].outputs[0]]
            at += len(row) - 1

    def _is_recomputed(self, around: Around) -> Callable[[CallNode], bool]:
        return lambda call: join_path(around.path, call.path) in self.recomputed

    def _name(self, around: Around, *entries: Entry) -> None:
        """Name the calls of a row by the first and the last of them, `layer3.{1..22}`."""
        names = [entry.path.rpartition(".") for entry in entries if isinstance(entry, CallNode)]
        scope = join_path(around.path, names[0][0])
        row = join_path(scope, f"{{{names[0][2]}..{names[-1][2]}}}")
        self.runs.update({join_path(scope, names[at][2]): row for at in (0, 1, -1)})

    def _entry(self, block: Block, entry: Entry, around: Around, given: dict[int, Held]) -> None:
        if isinstance(entry, Frame):
            self._frame(block, entry, around, given)
            return
        inside = around.within(block, entry)
        if inside.idle and not self.operations.setup.training:
            self._unused(block, [entry], around)
        elif isinstance(entry, OpNode):
            layer = inside.layer(entry, block, (), ())
            results = self.operations.run(layer, around.path, [given[value] for value in entry.inputs])
            given.update(zip(entry.outputs, results, strict=True))
        else:
            given.update(zip(entry.outputs, self._call(entry, inside, [given[v] for v in entry.inputs]), strict=True))

    def _call(self, call: CallNode, around: Around, inputs: list[Held]) -> list[Held]:
        """The values that a call gives; one that is recomputed leaves its inputs alone to the backward pass."""
        block, operations = self.graph.by_id[call.block], self.operations
        before = operations.heap.height

        def run() -> list[Held]:
            given = self._block(block, around, inputs)
            return [given[port.value] for port in block.outputs]

        def again() -> tuple[list[tape.Entry], tuple[int, ...]]:
            operations.heap.begin("recompute", around.path, "call")
            state = operations.heap.take(RANDOM_STATE, "temporaries", around.path)
            with operations.again() as steps:
                results = run()
            for result in results:  # the steps keep what they saved, though nothing holds what they gave
                operations.drop_storage(result)
            operations.heap.drop(state)
            return steps, tuple(result.number for result in results)

        if not operations.recording or around.path not in self.recomputed:
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

    def _unused(self, block: Block, entries: Sequence[Entry], around: Around) -> None:
        """The weights of what does not run."""
        for entry in entries:
            if isinstance(entry, Frame):
                self._unused(block, entry.entries, around)
                continue
            inside = around.within(block, entry)
            if isinstance(entry, OpNode):
                self.operations.own(inside.layer(entry, block, (), ()))
            else:
                callee = self.graph.by_id[entry.block]
                self._unused(callee, callee.nodes, inside.freezing(callee))
