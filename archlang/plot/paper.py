"""What all plots share: fonts, lines and colours, and writing a figure as the bytes of a file."""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.marks import marked
from archlang.packages import need

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
DOTS_PER_INCH = 160  # of a PNG
INK, FAINT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
COLOURS = ("#332288", "#44aa99", "#cc6677", "#999933", "#88ccee", "#882255", "#117733", "#ddcc77", "#aa4499")
OTHER = "#9aa5b1"
_POWERS = ("", "K", "M", "G", "T", "P")

_FONT = "Open Sans"
_LOOK: Mapping[str, Any] = {
    "font.family": [_FONT, "sans-serif"], "font.sans-serif": [_FONT], "font.size": 9, "text.color": INK,
    "axes.labelcolor": INK, "axes.edgecolor": FAINT,
    "axes.titlesize": 10, "axes.linewidth": 0.8, "axes.axisbelow": True, "axes.spines.top": False,
    "axes.spines.right": False, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "grid.color": GRID, "grid.linewidth": 0.8, "legend.frameon": False,
    "figure.facecolor": "white", "savefig.facecolor": "white", "svg.hashsalt": "archlang", "svg.fonttype": "none",
    "path.simplify": False,
}  # fmt: skip
_NO_DATE: Mapping[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def check_format(format: str) -> None:
    """Raise `Rejected` for an unknown format, or if matplotlib is not installed."""
    if format not in FORMATS:
        raise Rejected("no-such-format", f"a plot is written as {', '.join(FORMATS)}, not as {format}", about="format")
    need("matplotlib", "plots are drawn by")
    need("fontpkg_open_sans", "the letters of plots come from")


@contextmanager
def look() -> Generator[None]:
    """Apply the style of all plots to figures that are made and saved within. Text in an SVG is text."""
    from matplotlib.style import context

    _add_font()
    with context(["default", dict(_LOOK)]):  # whatever the user's own settings are
        yield


@cache
def _add_font() -> None:
    """Register the font that archlang's pictures have on every machine."""
    from matplotlib.font_manager import fontManager

    folder = Path(str(files("fontpkg_open_sans") / "files"))
    (upright,) = (path for path in folder.glob("*.ttf") if "Italic" not in path.name)
    fontManager.addfont(upright)


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches; no window is made for it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH)


def saved(made: Figure, format: str) -> bytes:
    """Return the bytes of a file with archlang's mark; no date and no version stands in it."""
    out = BytesIO()
    made.savefig(out, format=format, dpi=DOTS_PER_INCH, metadata=_NO_DATE[format])
    return marked(out.getvalue(), format)


def renderer_of(made: Figure) -> RendererAgg:
    """Return the renderer that measures the text of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer: RendererAgg = FigureCanvasAgg(made).get_renderer()  # type: ignore[no-untyped-call]
    return renderer


def width_of(texts: Sequence[str], size: float) -> float:
    """Return how many inches the longest of these texts takes in letters of that size."""
    made = figure(1, 1)
    renderer = renderer_of(made)
    widths = (made.text(0, 0, text, fontsize=size).get_window_extent(renderer).width for text in texts)
    return float(max(widths, default=0)) / made.dpi


def short(number: float, unit: str = "") -> str:
    """Return three digits and K, M, G or T, which are powers of 1,000, before the unit: `1.81 G`, `22.2 MB`."""
    power = 0
    while abs(number) >= 999.5 and power < len(_POWERS) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.3g} {_POWERS[power]}{unit}".rstrip()


def binary(number: float) -> str:
    """Return bytes with three digits and KiB, MiB, GiB or TiB, which are powers of 1,024: `2.79 GiB`."""
    power = 0
    while abs(number) >= 999.5 and power < len(_POWERS) - 1:
        number, power = number / 1024, power + 1
    return f"{number:.3g} {_POWERS[power]}{'i' if power else ''}B"
