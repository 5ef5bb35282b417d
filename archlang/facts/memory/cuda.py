"""What CUDA's caching allocator would reserve for the allocations of a simulated step.

The rules are those of c10/cuda/CUDACachingAllocator.cpp (torch 2, default settings): sizes are rounded up to 512 bytes,
and come from segments, which are never given back: of 2 MiB for sizes up to 1 MiB, of 20 MiB for sizes below 10 MiB,
and of whole 2 MiB above. The smallest free block that is large enough is taken, and its rest stays free.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from archlang.facts.memory.setup import Setup
from archlang.facts.memory.simulation import simulate
from archlang.ir import Graph
from archlang.program import program_of
from archlang.program.passes import in_memory_format, slimming

ROUNDED, MIB = 512, 2**20
SMALL, SMALL_SEGMENT = MIB, 2 * MIB
LARGE, LARGE_SEGMENT = 10 * MIB, 20 * MIB
STEPS = 2  # the state of the optimiser comes with the end of the first


@dataclass(slots=True)
class _Block:
    """A part of a segment, and its neighbours in it."""

    at: int
    size: int
    is_small: bool
    is_free: bool = False
    before: _Block | None = None
    after: _Block | None = None


@dataclass(slots=True)
class Caching:
    """The allocator: the bytes reserved in segments, those of the blocks in use, and the most of these at once."""

    reserved: int = 0
    used: int = 0
    most_used: int = 0
    segments: int = 0
    free_blocks: dict[bool, list[tuple[int, int]]] = field(default_factory=lambda: {True: [], False: []})
    blocks: dict[int, _Block] = field(default_factory=dict[int, _Block])  # the free ones, by address

    def take(self, size: int) -> _Block | None:
        """Allocate; nothing is allocated for 0 bytes."""
        if not size:
            return None
        size = _up(size, ROUNDED)
        found = self._found(size) or self._segment(size)
        rest = found.size - size
        if rest >= ROUNDED if found.is_small else rest > SMALL:
            after = _Block(found.at + size, rest, found.is_small, before=found, after=found.after)
            if found.after is not None:
                found.after.before = after
            found.size, found.after = size, after
            self._put(after)
        self.used += found.size
        self.most_used = max(self.most_used, self.used)
        return found

    def give(self, block: _Block) -> None:
        """Free a block, and join it with the free ones beside it."""
        self.used -= block.size
        if block.after is not None and block.after.is_free:
            self._join(block, block.after)
        if block.before is not None and block.before.is_free:
            before = block.before
            self._pull(before)
            self._merge(before, block)
            block = before
        self._put(block)

    def _found(self, size: int) -> _Block | None:
        """Return the smallest free block of this size at least, the first of several, no longer free."""
        free = self.free_blocks[size <= SMALL]
        at = bisect_left(free, (size, 0))
        if at == len(free):
            return None
        block = self.blocks[free[at][1]]
        self._pull(block)
        return block

    def _segment(self, size: int) -> _Block:
        whole = SMALL_SEGMENT if size <= SMALL else LARGE_SEGMENT if size < LARGE else _up(size, SMALL_SEGMENT)
        block = _Block(self.reserved, whole, size <= SMALL)
        self.reserved += whole
        self.segments += 1
        return block

    def _put(self, block: _Block) -> None:
        block.is_free = True
        self.blocks[block.at] = block
        insort(self.free_blocks[block.is_small], (block.size, block.at))

    def _pull(self, block: _Block) -> None:
        block.is_free = False
        free = self.free_blocks[block.is_small]
        del free[bisect_left(free, (block.size, block.at))]
        del self.blocks[block.at]

    def _join(self, block: _Block, after: _Block) -> None:
        self._pull(after)
        self._merge(block, after)

    @staticmethod
    def _merge(block: _Block, after: _Block) -> None:
        block.size, block.after = block.size + after.size, after.after
        if after.after is not None:
            after.after.before = block


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the allocator reserves in `segments` segments, and the most bytes of blocks in use, each rounded up."""

    reserved_bytes: int
    rounded_bytes: int
    segments: int


def reserved(graph: Graph, setup: Setup | None = None, *, slim: bool = False) -> Reserved:
    """Return what CUDA's caching allocator would reserve for the allocations that `memory` simulates.

    The weights come first, then two steps of training, after the first of which the optimiser has its state, or two
    inferences. What kernels of a GPU allocate by themselves, such as cuDNN's workspaces, is not known and left out.

    Raises ValueError as `memory` does.
    """
    graph.refuse_walk()
    setup = setup or Setup()
    program = program_of(graph)
    program = in_memory_format(slimming(program) if slim else program, setup.memory_format)
    simulated = simulate(program, setup, folds=False)
    allocator = Caching()
    for size in simulated.weights:
        allocator.take(size)
    for step in range(STEPS):
        held: dict[int, _Block | None] = {}
        for number, sign in simulated.heap.log:
            if sign > 0:
                held[number] = allocator.take(simulated.heap.bytes[number])
            elif (block := held.pop(number)) is not None:
                allocator.give(block)
        if not step:
            for size in simulated.states:
                allocator.take(size)
        for block in held.values():  # the gradients, set to none before the next step
            if block is not None:
                allocator.give(block)
    return Reserved(allocator.reserved, allocator.most_used, allocator.segments)
