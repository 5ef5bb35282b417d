"""Names, strings and numbers put into every place of a spec are refused, or give modules that work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

import tests.names
from archlang.ir import Graph
from archlang.lower import torch_source
from tests.graphs import HOSTILE
from tests.injected import TEXTS, places, plain, put, words
from tests.names import failures, injected, known_in_scripts, known_in_sources, outcome, parts

SEED = 7


@pytest.mark.parametrize("count", [100, pytest.param(300, marks=pytest.mark.sweep)])
def test_injected_texts(count: int) -> None:
    """Many are still accepted, so that it is not the parser alone that is tried."""
    tally, failed = failures(count, SEED)
    assert not failed
    assert tally["works"] >= count / 4 and tally["refused"] >= count / 4, tally


def test_every_kind_of_place_is_there() -> None:
    found = [place for text in TEXTS for place in places(text)]
    assert {kind for kind, _ in found} == {"name", "word", "string", "number"}
    assert len(set(found)) > 70 and len(words()) > 1000
    assert all("‹" not in put(text, place, "a") for text in TEXTS for place in places(text))


def test_a_text_follows_from_its_seed_and_number() -> None:
    assert injected(SEED, 1) == injected(SEED, 1)
    assert len({injected(SEED, number)[0] for number in range(60)}) > 50


# ---- what would be noticed


def text_of(before: str, name: str) -> Callable[[int, int], tuple[str, str, bool]]:
    return lambda seed, number: (put(TEXTS[0], ("name", before), name), plain(TEXTS[0]), True)


def source_with(more: str) -> Callable[[Graph], str]:
    return lambda graph: torch_source(graph) + more


def test_a_source_that_does_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests.names, "injected", text_of("first", "second_one"))
    assert outcome(SEED, 1) == "works"  # and what is known in sources is collected
    for more in (
        f"\n{HOSTILE}\n",
        "\nimport os\n",
        "\nopen('a', 'w')\n",
        "\nfrom torch.hub import load\n",
        "\nnot a\n",
    ):
        monkeypatch.setattr(tests.names, "torch_source", source_with(more))
        assert outcome(SEED, 1).startswith(("broken: foreign in a source", "broken: the source does not parse")), more


def test_a_name_that_changes_what_is_computed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    values = tests.names._values  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(tests.names, "injected", text_of("first", "second_one"))
    assert outcome(SEED, 1) == "works"

    def other(graph: Graph) -> list[Tensor]:
        return [value + 1 for value in values(graph)]

    monkeypatch.setattr(tests.names, "_values", other)
    assert outcome(SEED, 1) == "broken: with another name it computes something else"


def test_what_is_executed_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("executed").mkdir()
    assert outcome(SEED, 1) == "executed"


def test_sources_have_few_parts() -> None:
    assert not {"open", "exec", "eval", "import os", "While", "Try", "With", "Global"} & known_in_scripts()
    assert known_in_sources() < known_in_scripts()
    assert (
        "import os" in parts("import os") and ".__class__" in parts("x = 1 .__class__") and "eval" in parts("eval('1')")
    )
