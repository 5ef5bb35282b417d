"""Random nets over the whole language, held against torch and the interpreter of their Graphs; what was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.generated import failure, failures_of, smallest
from tests.generator.programs import program
from tests.specs import wrong

SEED = 13
NETS, SWEPT, CHUNK = 100, 2000, 20  # `python -m tests.generated` draws as many as are wanted
FOUND = sorted((Path(__file__).parents[1] / "found").glob("*.arch"))


def chunks() -> Iterator[Any]:
    """The numbers at which chunks of nets start; those after the first `NETS` belong to the sweep."""
    for first in range(0, SWEPT, CHUNK):
        yield pytest.param(first, marks=[pytest.mark.sweep] if first >= NETS else [])


@pytest.mark.parametrize("first", list(chunks()))
def test_random_nets_hold(first: int) -> None:
    failures = failures_of(SEED, range(first, first + CHUNK))
    told = "\n".join(f"{one}\n{smallest(SEED, one, 30)}" for one in failures[:3])
    assert not failures, f"seed {SEED}\n{told}"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    """A net holds; where its second line names a code, `check` answers with that."""
    text = path.read_text(encoding="utf-8")
    _, _, code = text.splitlines()[1].partition("# check: ")
    if code:
        assert [diagnostic.code for diagnostic in wrong(text)] == [code]
    else:
        assert failure(text) is None


def test_a_net_follows_from_its_seed_and_number() -> None:
    texts = [program(SEED, number).text() for number in range(20)]
    assert texts == [program(SEED, number).text() for number in range(20)]
    assert len(set(texts)) == 20
    assert program(SEED + 1, 0).text() != texts[0]
