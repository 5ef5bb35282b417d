"""The tables of docs/training.md are made from the tables that recipes are checked against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from archlang.recipes.arguments import REQUIRED, Known, Setting
from archlang.recipes.listing import shown
from archlang.recipes.losses import LOSSES
from archlang.recipes.measures import MEASURES
from archlang.recipes.optimizers import OPTIMIZERS
from archlang.recipes.schedules import SCHEDULES, TIME_BASED, WARMUP
from archlang.recipes.sources import DATA
from archlang.recipes.transforms import MIXES, TRANSFORMS
from tests.specs import graph_of
from tests.train.recipes import NET

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
BEGIN, END = "<!-- words -->\n", "<!-- end of words -->\n"


def test_the_page_lists_every_word(rewrite_golden: bool) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"{before}{BEGIN}{''.join(tables())}{END}{after}"
    if rewrite_golden:
        PAGE.write_text(made, encoding="utf-8")
    assert text == made or rewrite_golden


def tables() -> Iterator[str]:
    """Yield the tables, each with its heading."""
    yield from table("Optimisers", OPTIMIZERS)
    yield from table("Schedules", {"warmup": WARMUP, **SCHEDULES, "timebased": TIME_BASED})
    takes = {word: f" of {', '.join(loss.takes)}" for word, loss in LOSSES.items()}
    yield from table("Losses", {word: loss.known for word, loss in LOSSES.items()}, takes)
    yield from table("Transforms", TRANSFORMS)
    yield from table("Mixes", MIXES)
    yield from table("Measures", MEASURES)
    graph = graph_of(NET)
    unknown = {"custom": "its fields", "huggingface": "its columns", "npy": "its arrays", "npz": "its arrays"} | {
        "webdataset": "its files"
    }
    fields = {
        word: f" with {unknown.get(word) or ', '.join(kind.fields(example(kind.known), graph))}"
        for word, kind in DATA.items()
    }
    yield from table("Kinds of data", {word: kind.known for word, kind in DATA.items()}, fields)


def example(known: Known) -> dict[str, Setting]:
    """Return arguments of a kind of data: defaults, and 1 where there is none."""
    return {name: 1 if default == REQUIRED else default for name, (_, default) in known.arguments.items()}


def table(heading: str, known: Mapping[str, Known], more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield one table: a line for each word with its arguments and their ranges."""
    yield f"\n### {heading}\n\n| word | arguments |\n|---|---|\n"
    for word, one in known.items():
        arguments = "; ".join(
            f"`{name}` {kind.told()}" + ("" if default == REQUIRED else f" ({shown(default)})")
            for name, (kind, default) in one.arguments.items()
        )
        yield f"| `{word}`{(more or {}).get(word, '')} | {arguments} |\n"
    yield "\n" if heading == "Kinds of data" else ""
