"""What CUDA's caching allocator reserves: sequences worked out by hand, and on a GPU the allocator itself."""

from __future__ import annotations

import json
from itertools import cycle, islice
from typing import Any

import pytest
import torch

from archlang.cli import main
from archlang.facts.memory import Setup, memory
from archlang.facts.memory.cuda import Caching, reserved
from tests.specs import graph_of, net_of

KIB, MIB = 2**10, 2**20


def taken(*sizes: int) -> Caching:
    found = Caching()
    for size in sizes:
        found.take(size)
    return found


@pytest.mark.parametrize(
    ("sizes", "used", "whole"),
    [
        ((1, 512, 513), 2 * KIB, 2 * MIB),  # each in blocks of 512 bytes, in one segment of 2 MiB
        ((MIB, MIB, 1), 2 * MIB + 512, 4 * MIB),  # 1 MiB is still small
        ((MIB + 1, MIB), 2 * MIB + 512, 22 * MIB),  # more is large, in a segment of 20 MiB
        ((9 * MIB, 9 * MIB), 18 * MIB, 20 * MIB),
        ((9 * MIB, 9 * MIB, 3 * MIB), 21 * MIB, 40 * MIB),
        ((11 * MIB + 5,), 12 * MIB, 12 * MIB),  # from 10 MiB on, whole 2 MiB; a rest up to 1 MiB is not split off
        ((12 * MIB + 5,), 12 * MIB + 512, 14 * MIB),
        ((0,), 0, 0),
    ],
)
def test_sizes_are_rounded_and_come_from_segments(sizes: tuple[int, ...], used: int, whole: int) -> None:
    found = taken(*sizes)
    assert (found.used, found.reserved) == (used, whole)


def test_the_smallest_free_block_is_taken_and_neighbours_are_joined() -> None:
    allocator = Caching()
    first, second, third, fourth = (allocator.take(size * MIB) for size in (6, 4, 7, 3))
    assert allocator.reserved == 20 * MIB and first and second and third and fourth
    allocator.give(first)
    allocator.give(third)
    allocator.take(5 * MIB)
    assert allocator.reserved == 20 * MIB  # at the place of 6 MiB, of which 1 MiB is no block of its own
    allocator.take(7 * MIB)
    assert (allocator.reserved, allocator.used) == (20 * MIB, 20 * MIB)
    for block in (second, third):
        allocator.give(block)
    allocator.take(9 * MIB)
    assert allocator.reserved == 20 * MIB  # second and third are side by side
    assert allocator.most_used == 20 * MIB


def test_a_net_has_at_least_what_is_alive() -> None:
    body = "repeat 4 { conv 3x3 32 pad=1 -> batchnorm -> relu }\n flatten -> linear 10"
    graph = graph_of(net_of(body, "3x24x24"))
    for setup in (Setup(8), Setup(8, optimizer="adam"), Setup(8, mode="inference")):
        told, found = memory(graph, setup), reserved(graph, setup)
        assert 0.99 * told.peak_bytes <= found.rounded_bytes <= 1.2 * told.peak_bytes
        assert found.rounded_bytes <= found.reserved_bytes and found.reserved_bytes % (2 * MIB) == 0


def test_the_command_adds_a_line_and_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "lenet5", "--batch", "256", "--cuda"]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("on CUDA ")]
    assert main(["memory", "lenet5", "--batch", "256", "--cuda", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["cuda"]
    assert f"{found['reserved_bytes'] / MIB:.2f} MiB reserved in {found['segments']} segments" in line
    assert main(["memory", "lenet5", "--cuda", "--format", "csv"]) == 2
    assert "csv has a row for each moment" in capsys.readouterr().err


@pytest.mark.gpu
def test_the_allocator_is_that_of_cuda() -> None:
    """Allocate and free in a fixed order of many sizes: the reserved bytes are equal after each."""
    torch.cuda.empty_cache()
    before, allocator = torch.cuda.memory_reserved(), Caching()
    held: list[tuple[torch.Tensor, Any]] = []
    sizes = islice(cycle((700, 3 * MIB, 900 * KIB, 11 * MIB + 3, 40 * KIB, 2 * MIB, 25 * MIB, 513)), 200)
    for at, size in enumerate(sizes):
        size += 977 * at
        block = allocator.take(size)
        held.append((torch.empty(size, dtype=torch.uint8, device="cuda"), block))
        if at % 3 == 2:
            tensor, gone = held.pop((7 * at) % len(held))
            del tensor
            allocator.give(gone)
        assert torch.cuda.memory_reserved() - before == allocator.reserved
