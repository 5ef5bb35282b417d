"""DOT laid out as SVG, PNG or PDF by the Graphviz inside pygraphviz's wheel; nothing of the system is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from html import escape
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from archlang.diagnostics import Rejected
from archlang.packages import need

DOTS_PER_INCH = 144
FEWEST_DOTS_PER_INCH = 48  # below it, words of 12 points are under 8 pixels high, which is hard to read
MOST_PIXELS = 32_000  # along a side of a PNG: cairo's bitmaps end at 32,767
TOO_LARGE = 3  # the exit status of the child where a PNG would need fewer dots still

# Graphviz runs in a process of its own: it holds Python's lock while it works, so that Ctrl-C would not stop it; it
# writes to the process's standard error; and fonts are chosen by an environment variable that is read once.
_CHILD = """
import sys
from pygraphviz import AGraph
format, engine, most_dots, fewest_dots, most_pixels, too_large = *sys.argv[1:3], *map(int, sys.argv[3:])
graph = AGraph(string=sys.stdin.buffer.read().decode())
if format == "png":
    graph.layout(engine)
    left, bottom, right, top = map(float, graph.graph_attr["bb"].split(","))
    inches = max(right - left, top - bottom) / 72 + 1
    dots = min(most_dots, int(most_pixels / inches))
    if dots < fewest_dots:
        sys.exit(too_large)
    graph.graph_attr["dpi"] = str(dots)
sys.stdout.buffer.write(graph.draw(None, format=format, prog=engine))
"""

# Only folders of fonts are named, not the machine's own configuration, so that a picture is the same everywhere.
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{own}</dir>
  <dir>/usr/share/fonts</dir>
  <dir>/usr/local/share/fonts</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


# About the machine's own fonts, which these pictures do not use; and about patience.
_HARMLESS = ("Fontconfig ", "Warning: graph has ")


def lay_out(dot: str, format: str, engine: str = "dot") -> bytes:
    """Return the picture of a DOT text as svg, png or pdf. A long PNG has fewer dots per inch.

    `engine` is `dot`, or `nop2`, which keeps the places that the text gives.
    """
    need("fontpkg_open_sans", "the letters of pictures come from")
    numbers = map(str, (DOTS_PER_INCH, FEWEST_DOTS_PER_INCH, MOST_PIXELS, TOO_LARGE))
    with TemporaryDirectory() as folder, as_file(files("fontpkg_open_sans") / "files") as own:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(_FONTS.format(own=escape(str(own)), cache=escape(folder)), encoding="utf-8")
        child = subprocess.run(
            [sys.executable, "-P", "-c", _CHILD, format, engine, *numbers],
            input=dot.encode(),
            capture_output=True,
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
            check=False,
        )
    if child.returncode == TOO_LARGE:
        raise Rejected(
            "picture-too-large",
            f"as a PNG of at most {MOST_PIXELS:,} pixels a side, this picture could not be read",
            help="write it as .svg or .pdf, which have no such limit",
        )
    said = child.stderr.decode(errors="replace")
    if child.returncode:
        need("pygraphviz", "pictures are laid out by")
        raise RuntimeError(f"Graphviz ended with status {child.returncode}: {said.strip()}")
    rest = [line for line in said.splitlines() if not line.startswith(_HARMLESS)]
    if rest:
        warnings.warn("Graphviz says: " + "; ".join(rest), RuntimeWarning, stacklevel=3)
    return child.stdout
