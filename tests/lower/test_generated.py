"""Random nets over the whole language, compared with torch and the interpreter of their Graphs; found cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from archlang.diagnostics import Rejected
from archlang.ops import registry
from archlang.shapes import input_type
from tests.generated import failure, failures_of, smallest
from tests.generator.nodes import Apply, run
from tests.generator.programs import program
from tests.generator.scene import Scene, Value
from tests.specs import wrong

SEED = 13
NETS, SWEPT, CHUNK = 100, 2000, 20  # `python -m tests.generated` draws any number
FOUND = sorted((Path(__file__).parents[1] / "found").glob("*.arch"))


def chunks() -> Iterator[Any]:
    """Yield the numbers at which chunks of nets start; those after the first `NETS` belong to the sweep."""
    for first in range(0, SWEPT, CHUNK):
        yield pytest.param(first, marks=[pytest.mark.sweep] if first >= NETS else [])


@pytest.mark.parametrize("first", list(chunks()))
def test_random_nets_hold(first: int) -> None:
    failures = failures_of(SEED, range(first, first + CHUNK))
    told = "\n".join(f"{one}\n{smallest(SEED, one, 30).text()}" for one in failures[:3])
    assert not failures, f"seed {SEED}\n{told}"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_faults_that_were_found_stay_mended(path: Path) -> None:
    """The net passes all checks; if its second line names a code, `check` reports it."""
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


@pytest.mark.parametrize(("side", "fits"), [(6, True), (5, False)])
def test_indices_are_not_drawn_into_a_map_of_another_size(side: int, fits: bool) -> None:
    """`maxpool 2x2/2 indices=true -> max_unpool 2x2/2` gives back even maps alone; a loop may come with an odd one."""
    scene = Scene({}, {}, (Value(input_type((2, side, side)), 0),))
    words = {"maxpool": {"kernel": (2, 2), "stride": 2, "indices": True}, "max_unpool": {"kernel": (2, 2), "stride": 2}}
    pool, unpool = (Apply(registry()[word], fields, word) for word, fields in words.items())
    run([pool], scene)
    assert [value.positions for value in scene.it] == [None, (side, side)]
    with nullcontext() if fits else pytest.raises(Rejected, match="positions in 5x5"):
        run([unpool], scene)
