"""What `archlang train --verify` leaves beside the runs of its seeds: their results side by side, and their curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from pathlib import Path
from statistics import mean

from archlang.plot import Curve, Panel, curves_plot
from archlang.recipes import Recipe
from archlang.train.document import Heading, Image, Paragraph, Piece, Table
from archlang.train.figures import Verdict, figure, is_share
from archlang.train.summary import BESIDE, HELD_OUT, pictures_of, write_pages

Rows = Sequence[Mapping[str, float]]  # of a run: one for each epoch


def summarise_seeds(folder: Path, recipe: Recipe, runs: Sequence[Rows], found: Sequence[Verdict]) -> str | None:
    """Write the summary of the runs of several seeds, seed 0 first. Returns why there are no pictures, if so."""
    names = [name for name in runs[0][-1] if name not in BESIDE[:3]]
    images, why = pictures_of(folder, _images(runs, names))
    told = (
        f"{recipe.net} was trained by {recipe.name} with {len(runs):,} seeds. Each has a folder with its own summary."
    )
    pieces: list[Piece] = [
        Heading(f"{recipe.name}: {recipe.net}, {len(runs):,} seeds", 1),
        Paragraph(told),
        Heading("Promises, compared with the last epochs"),
        *(Paragraph(str(one)) for one in found),
        Heading("Results of the last epoch"),
        Table(("measure", *(f"seed {at}" for at in range(len(runs))), "mean"), [_row(name, runs) for name in names]),
        *images,
    ]
    write_pages(folder, pieces, why)
    return why


def _row(name: str, runs: Sequence[Rows]) -> tuple[str, ...]:
    values = [rows[-1][name] for rows in runs]
    return name, *(figure(name, value) for value in values), figure(name, mean(values))


def _images(runs: Sequence[Rows], names: Sequence[str]) -> Iterator[Image]:
    longest = max(runs, key=len)  # `stop` ends some runs earlier
    epochs = [row["epoch"] for row in longest]
    panels = [Panel(name.removeprefix(HELD_OUT), _curves(name, runs, len(epochs)), is_share(name)) for name in names]
    yield Image("curves.svg", curves_plot(epochs, panels, "svg"), "curves over the epochs, one for each seed")


def _curves(name: str, runs: Sequence[Rows], count: int) -> list[Curve]:
    return [
        Curve(f"seed {seed}", [*(row[name] for row in rows), *[nan] * (count - len(rows))])
        for seed, rows in enumerate(runs)
    ]
