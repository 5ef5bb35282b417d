"""Programs mutated from the shipped specs give a Graph or diagnostics, quickly. And the fuzzer notices failures."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import tests.fuzz
from archlang.paths import SPECS
from tests.fuzz import Outcome, fuzz, outcome, outcomes
from tests.mutations import mutated
from tests.parts import corpus, pools

SEED = 7


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.sweep)])
def test_mutated_specs(count: int, tmp_path: Path) -> None:
    """Most still parse and many still check, so that it is not the parser alone that is tried."""
    found = fuzz(count, SEED, tmp_path)
    assert not found.failures, found.summary()
    assert found.tally["parse"] >= count / 2, found.summary()
    assert found.tally["graphs"] >= count / 7, found.summary()
    assert found.tally["lowered"] >= count / 20, found.summary()
    assert found.tally["graphs"] + found.tally["diagnostics"] + found.tally["refused"] == count


def test_a_program_follows_from_its_seed_and_number() -> None:
    assert mutated(SEED, 1) == mutated(SEED, 1)
    assert len({mutated(seed, number)[2] for seed in (1, 2) for number in range(50)}) > 90
    assert {mutated(SEED, number)[0] for number in range(4)} == {"bytes", "tokens", "trees"}


def test_every_shipped_spec_is_taken_apart() -> None:
    assert {spec.file for spec in corpus()} >= {str(path.relative_to(SPECS)) for path in SPECS.rglob("*.arch")}
    roles = {"declaration", "line", "step", "argument", "value", "name", "body", "branch", "parameter", "named_value"}
    assert roles <= {*pools()[0]}
    assert all(spec.text[part.start : part.end] == part.text for spec in corpus() for part in spec.parts)


# ---- what the fuzzer notices


def broken(spec: str) -> Any:
    raise ZeroDivisionError(spec[:0] + "on purpose")


def endless(spec: str) -> Any:
    while spec:
        pass


def test_a_traceback_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests.fuzz, "check", broken)
    done = outcome(tmp_path / "mutated.arch", SEED, 0)
    assert done.failure.startswith("ZeroDivisionError at test_fuzz.py:")
    assert done.failure.endswith("in broken: on purpose")
    assert (done.answer, done.parsed) == ("", False)


def test_an_endless_run_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests.fuzz, "check", endless)
    monkeypatch.setattr(tests.fuzz, "SECONDS", 0.05)
    before = signal.signal(signal.SIGPROF, tests.fuzz.too_slow)
    try:
        done = outcome(tmp_path / "mutated.arch", SEED, 0)
    finally:
        signal.signal(signal.SIGPROF, before)
    assert done.failure.startswith("TooSlow")
    assert 0.03 < done.seconds < 1


def dies_at_three(results: Connection, seed: int, numbers: range) -> None:
    for number in numbers:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        results.send(Outcome(number, answer="graphs"))


@pytest.mark.sweep
def test_a_process_that_dies_is_a_failure_of_its_program() -> None:
    done = sorted(outcomes(8, SEED, 2, dies_at_three), key=lambda outcome: outcome.number)
    assert [one.number for one in done] == list(range(8))
    assert [one.number for one in done if one.failure] == [3]


def eats_memory(results: Connection, seed: int, numbers: range) -> None:
    tests.fuzz.limited()
    for number in numbers:
        try:
            bytearray(2 * tests.fuzz.BYTES)
        except MemoryError:
            results.send(Outcome(number, failure="MemoryError"))


def test_memory_has_a_limit() -> None:
    (done,) = outcomes(1, SEED, 1, eats_memory)
    assert done.failure == "MemoryError"
