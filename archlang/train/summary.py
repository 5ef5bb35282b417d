"""What a finished run leaves for people: pictures, the matrix of classes, and a summary as Markdown and HTML."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.facts.work import totals
from archlang.files import write_whole
from archlang.plot import Curve, Panel, Picture, confusion_plot, curves_plot, gallery_plot
from archlang.recipes import Recipe
from archlang.recipes.freezing import trained_params
from archlang.recipes.listing import listed
from archlang.sheets import Cell, Sheet, as_csv
from archlang.source import Source
from archlang.train.checkpoints import read
from archlang.train.document import Code, Heading, Image, Paragraph, Piece, Table, as_html, as_markdown
from archlang.train.figures import figure, is_share, verdicts
from archlang.train.findings import Finding, Findings
from archlang.train.measuring import is_better_than, watched
from archlang.train.resuming import restore
from archlang.train.running import Outcome
from archlang.train.survival import restored
from archlang.train.vision import runs_without_operators

if TYPE_CHECKING:
    from archlang.train.data import Data

HELD_OUT = "held-out "  # begins the names of measures of the held-out part
PACKAGES = ("archlang", "torch", "torchvision", "numpy", "scikit-learn", "mlxtend", "pillow")
BESIDE = ("epoch", "step", "lr", "training loss")


def summarise(outcome: Outcome, sources: Mapping[str, Source]) -> str | None:
    """Write the pictures and the summary of a run that came to its end. Returns why there are no pictures, if so.

    The matrix and the worst samples are those of the weights in best.pt.
    """
    recipe, path = outcome.session.recipe, outcome.folder.path
    found = _found(outcome)
    names = _names(outcome.data.classes, found)
    if found.confusion is not None:
        rows: list[tuple[Cell, ...]] = [(name, *row) for name, row in zip(names, found.confusion, strict=True)]
        write_whole(path / "confusion.csv", as_csv(Sheet(("true \\ predicted", *names), tuple(rows))) + "\n")
    images, why = pictures_of(path, _images(outcome, found, names))
    write_pages(path, [*_results(outcome), *images, *_made_from(recipe, outcome, sources)], why)
    return why


def pictures_of(folder: Path, drawn: Iterator[Image]) -> tuple[list[Image], str | None]:
    """Write pictures as they are drawn, and return them, and why there are no more if a package is missing."""
    images = list[Image]()
    try:
        for image in drawn:
            write_whole(folder / image.file, image.svg)
            images.append(image)
    except Rejected as missing:
        if missing.code != "missing-extra":
            raise
        return images, f"{missing.message}; {missing.help}" if missing.help else missing.message
    return images, None


def write_pages(folder: Path, pieces: list[Piece], why: str | None) -> None:
    """Write a summary as Markdown and HTML; `why` tells why it has no pictures."""
    if why is not None:
        pieces.insert(1, Paragraph(f"There are no pictures: {why}"))
    write_whole(folder / "summary.md", as_markdown(pieces))
    write_whole(folder / "summary.html", as_html(pieces))


def _found(outcome: Outcome) -> Findings:
    """Measure the best weights again, sample by sample."""
    session = outcome.session
    found = Findings(session.terms[0], session.recipe.losses[0].part.word)
    with restored(session.device):
        restore(session, read(outcome.folder.best))
        session.measure(outcome.held_out, found.add)
    return found


def _names(classes: Sequence[str], found: Findings) -> list[str]:
    """Return the names of the classes; the numbers of those that have no name."""
    count = len(found.confusion or ())
    return [classes[at] if at < len(classes) else str(at) for at in range(max(count, len(classes)))]


# ---- pictures


def _images(outcome: Outcome, found: Findings, names: Sequence[str]) -> Iterator[Image]:
    epochs = [row["epoch"] for row in outcome.rows]
    yield Image("curves.svg", curves_plot(epochs, panels(outcome.rows), "svg"), "curves over the epochs")
    if found.confusion is not None:
        told = "held-out samples of each class, and what they were taken for"
        yield Image("confusion.svg", confusion_plot(found.confusion, names, "svg"), told)
    pictures = [_picture(one, outcome.data, names) for one in found.worst]
    shown = [one for one in pictures if one is not None]
    if shown:
        told = "the held-out samples with the largest loss"
        yield Image("worst.svg", gallery_plot(told, shown, "svg"), told)


def panels(rows: Sequence[Mapping[str, float]]) -> list[Panel]:
    """Return the curves of a table of results: the losses together, each measure, and the learning rate."""

    def values(name: str) -> list[float]:
        return [row[name] for row in rows]

    measures = [name for name in rows[0] if name not in (*BESIDE, f"{HELD_OUT}loss")]
    losses = [Curve("training", values("training loss")), Curve("held out", values(f"{HELD_OUT}loss"))]
    made = [Panel("loss", losses)]
    for name in measures:
        made.append(Panel(name, [Curve(name, values(name))], shares=is_share(name)))
    return [*made, Panel("learning rate", [Curve("learning rate", values("lr"))], log=True)]


def _picture(one: Finding, data: Data, names: Sequence[str]) -> Picture | None:
    """Return a held-out sample as a picture, before the transforms; None if it is no image."""
    image = data.held_out[one.index].get("image")
    if image is None or image.dim() != 3:
        return None
    pixels: Any = image.permute(1, 2, 0) if len(image) == 3 else image[0]
    if pixels.is_floating_point():  # an array of any range
        least, most = pixels.min(), pixels.max()
        pixels = (pixels - least) / (most - least).clamp_min(1e-12) * 255
    return Picture(pixels.clamp(0, 255).byte().numpy(), [*_classes(one, names), f"loss {one.loss:.3g}"])


def _classes(one: Finding, names: Sequence[str]) -> list[str]:
    if one.label is None or one.prediction is None:
        return []
    share = "" if one.share is None else f" ({one.share:.0%})"
    return [f"is {names[one.label]}", f"taken for {names[one.prediction]}{share}"]


# ---- the summary


def _results(outcome: Outcome) -> list[Piece]:
    recipe, last = outcome.session.recipe, outcome.last
    best = _best(outcome)
    told = f"{recipe.net} was trained by {recipe.name} for {last['epoch']:g} epochs, {last['step']:,g} steps. "
    told += f"The best epoch by {watched(recipe)} is epoch {best['epoch']:g}."
    rows = [(name, figure(name, last[name]), figure(name, best[name])) for name in last if name not in BESIDE[:3]]
    pieces: list[Piece] = [
        Heading(f"{recipe.name}: {recipe.net}", 1),
        Paragraph(told),
        Heading("Results"),
        Table(("measure", "last epoch", f"best epoch ({best['epoch']:g})"), rows),
    ]
    if recipe.goals:
        results = {name.removeprefix(HELD_OUT): value for name, value in last.items()}
        kept = [Paragraph(str(one)) for one in verdicts(recipe.goals, [results])]
        pieces += [Heading("Promises, compared with the last epoch"), *kept]
    return pieces


def _best(outcome: Outcome) -> Mapping[str, float]:
    """Return the row of the best epoch: the first that no other is better than."""
    name = watched(outcome.session.recipe)
    best = outcome.rows[0]
    for row in outcome.rows[1:]:
        if is_better_than(name, row[HELD_OUT + name], best[HELD_OUT + name]):
            best = row
    return best


def _made_from(recipe: Recipe, outcome: Outcome, sources: Mapping[str, Source]) -> Iterator[Piece]:
    session = outcome.session
    yield Heading("Settings")
    yield Table(("setting", "value", "written at"), [(one.name, one.value, one.origin) for one in listed(recipe)])
    yield Heading("Made from")
    trained = trained_params(recipe, session.graph)
    rows = [
        ("net", f"{recipe.net}, {totals(session.graph).params:,} parameters, {trained:,} of them trainable"),
        ("samples", f"{len(outcome.data.training):,} to train on, {len(outcome.data.held_out):,} held out"),
        ("seed", str(recipe.seed)),
        ("device", session.device),
        *((("memory", str(outcome.plan)),) if outcome.plan is not None else ()),
        ("system", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
        *((name, found) for name in PACKAGES if (found := _version(name))),
    ]
    yield Table(("", ""), rows)
    yield Heading("Files")
    yield Table(("file", "bytes"), [(one.name, f"{one.stat().st_size:,}") for one in _files(outcome.folder.path)])
    for source in sources.values():
        yield Heading(f"Text of {source.name}")
        yield Code(source.text)


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("summary."))


def _version(package: str) -> str:
    try:
        found = version(package)
    except PackageNotFoundError:
        return ""
    return (
        f"{found}, without its compiled operators" if package == "torchvision" and runs_without_operators() else found
    )
