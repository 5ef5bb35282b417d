"""Two processes through torchrun: equal to one that takes its batches in two parts, whichever of them goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from archlang.diagnostics import Rejected
from archlang.train.batches import Plan, order, part_ranges
from archlang.train.checkpoints import read
from archlang.train.launching import Places, check_places
from archlang.train.replicas import units
from archlang.train.synchronizing import synchronize
from archlang.train.world import ALONE, World, shared
from tests.train.processes import made, normalised, steady, stepped, trained
from tests.train.test_running import assert_equal

pytestmark = pytest.mark.skipif(
    not distributed.is_available() or not distributed.is_gloo_available(), reason="torch has no gloo here"
)
STARTED = ("-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the runs of one process, and, made with them, those of two."""
    folder = tmp_path_factory.mktemp("processes")
    trained(made(parts=2), folder / "one", ALONE)
    trained(made("batchnorm -> ", parts=2), folder / "one norm", ALONE)
    trained(made(parts=2), folder / "whole resumed", ALONE, stop_at=11)
    shutil.copytree(folder / "whole resumed", folder / "shards resumed")
    command = [sys.executable, *STARTED, "-m", "tests.train.processes", str(folder)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert found.returncode == 0, found.stderr
    return folder


@pytest.mark.parametrize("how", ["whole", "shards"])
def test_two_processes_are_one_with_two_parts(folder: Path, how: str) -> None:
    assert_equal(folder / "one", folder / how)


@pytest.mark.parametrize("how", ["whole", "shards"])
def test_weights_and_losses_are_equal_beside_batch_norm(folder: Path, how: str) -> None:
    first, second = read(folder / "one norm" / "last.pt"), read(folder / f"{how} norm" / "last.pt")
    for name, value in first["state_dict"].items():
        if "running" not in name and "num_batches" not in name:  # each process has statistics of its own samples
            assert torch.equal(value, second["state_dict"][name]), name
    assert [row["training loss"] for row in first["rows"]] == [row["training loss"] for row in second["rows"]]


@pytest.mark.parametrize("how", ["whole", "shards"])
def test_two_processes_go_on_where_one_stopped(folder: Path, how: str) -> None:
    assert_equal(folder / "one", folder / f"{how} resumed")


@pytest.mark.parametrize("how", ["whole", "shards"])
def test_one_process_goes_on_where_two_stopped(folder: Path, how: str) -> None:
    assert read(folder / f"{how} stopped" / "last.pt")["step"] == 8
    trained(made(), folder / f"{how} stopped", ALONE, resume=True)
    last = read(folder / f"{how} stopped" / "last.pt")
    assert last["step"] == read(folder / "one" / "last.pt")["step"] and last["processes"] == 1
    assert_equal(folder / "one", folder / f"{how} stopped")


# ---- against one process with all samples of a batch at once


def test_synchronised_statistics_are_those_of_the_whole_batch(folder: Path) -> None:
    found = {name.replace("module.", ""): one for name, one in torch.load(folder / "synchronised.pt").items()}
    wanted = stepped(normalised(), slice(0, 12))
    assert found.keys() == wanted.keys() and sum("gradient" in name for name in wanted) == 12
    for name, one in wanted.items():
        torch.testing.assert_close(found[name], one, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name, norm", [("steady", ""), ("steady norm", "batchnorm -> ")])
def test_two_processes_are_near_one_with_the_whole_batch(folder: Path, tmp_path: Path, name: str, norm: str) -> None:
    """Sums of floats depend on their order: 1e-5 of a run, not its bits."""
    trained(steady(norm), tmp_path, ALONE)
    one, two = read(tmp_path / "last.pt"), read(folder / name / "last.pt")
    assert two["synchronized"] == bool(norm) and (one["parts"], two["parts"]) == (1, 2)
    for key, value in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][key], value, rtol=1e-5, atol=1e-5)
    assert [row["training loss"] for row in one["rows"]] == pytest.approx(
        [row["training loss"] for row in two["rows"]], rel=1e-5
    )


def test_a_synchronised_run_goes_on_as_it_was_made(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "steady norm", tmp_path / "run")
    with pytest.raises(Rejected, match="batch norm synchronised over 2 processes") as caught:
        trained(steady("batchnorm -> "), tmp_path / "run", ALONE, resume=True)
    assert caught.value.code == "checkpoint-differs"


# ---- without processes


def test_a_net_without_batch_norm_has_nothing_to_synchronise() -> None:
    with pytest.raises(Rejected, match="the net has none"):
        synchronize(torch.nn.Linear(2, 2))


def test_processes_take_all_samples_of_a_batch() -> None:
    plans = [Plan(0, 10, 0, 6, 3, 4, 2, rank) for rank in range(2)]
    whole = [keys for epoch in range(2) for keys in order(0, epoch, 30, 10, 4)]
    own = [list(plan.keys(30)) for plan in plans]
    assert [[*first, *second] for first, second in zip(*own, strict=True)] == whole


def test_parts_differ_by_one_sample_at_most() -> None:
    assert part_ranges(9, 4) == [(0, 3), (3, 5), (5, 7), (7, 9)]
    assert [len(keys) for keys in order(0, 0, 19, 6, 3)] == [6, 6, 6]  # one sample is no part for each of three
    assert [len(keys) for keys in order(0, 0, 24, 9, 3)] == [9, 9, 6]


def test_a_batch_has_a_whole_number_of_parts_for_each_process() -> None:
    recipe = replace(made().recipe, accumulate=5)
    assert shared(recipe, ALONE) == recipe
    assert shared(recipe, World(2)).accumulate == 10
    assert shared(made().recipe, ALONE, (2, 2)).accumulate == 2  # a run of two goes on at one
    assert shared(recipe, ALONE, (2, 2)).accumulate == 5  # the recipe has changed
    with pytest.raises(Rejected, match="200 does not divide into 3 equal parts") as caught:
        shared(made().recipe, World(3))
    assert caught.value.help == "write `batch 201`"


def test_blocks_that_are_called_repeatedly_are_sharded_by_themselves() -> None:
    from archlang.lower import module
    from archlang.program import program_of

    graph = made().graph
    assert units(graph, module(program_of(graph), 0)) == ["0", "1"]


@pytest.mark.parametrize(
    "places, device, shards, said",
    [
        (Places(1, 2), "cpu", False, "need a place to meet"),
        (Places(2, 1, "a:1"), "cpu", False, "one machine needs no place"),
        (Places(), "cpu", True, "divided among several processes"),
        (Places(2), "cuda:1", False, "cuda:1 is one device"),
    ],
)
def test_options_that_contradict_each_other(places: Places, device: str, shards: bool, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        check_places(places, device, shards)
