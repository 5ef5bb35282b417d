"""The figure of a net: what it shows, and that nothing in its SVG lies over anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from PIL import ImageFont

from archlang import Net, SpecError, load, loads
from archlang.diagnostics import Rejected
from archlang.render import DIRECTIONS, Direction, Look
from archlang.render.figure.lanes import lanes_of
from archlang.render.figure.making import Wanted, figure_of
from archlang.render.figure.themes import colours
from archlang.shipped import nets_of, shipped_nets

SVG = "{http://www.w3.org/2000/svg}"
NETS = Path(__file__).parent.parent / "nets"
A4 = 842, 595
SAMPLE = ["resnet50", "googlenet", "densenet121", "mobilenet_v3_large", "fractalnet", "wavenet", "captioning", "lenet5"]


class Box(NamedTuple):
    """A rectangle by its sides."""

    left: float
    top: float
    right: float
    low: float

    def overlaps(self, other: Box) -> bool:
        return self.left < other.right and other.left < self.right and self.top < other.low and other.top < self.low

    def holds(self, other: Box) -> bool:
        return self.left <= other.left and other.right <= self.right and self.top <= other.top and other.low <= self.low


def figure(net: Net, look: Look | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(net.render("svg", look))  # noqa: S314  (our own picture)


def words(net: Net, look: Look | None = None) -> list[str]:
    return [text.text or "" for text in figure(net, look).iter(f"{SVG}text")]


def test_resnet50_is_an_overview_and_one_block() -> None:
    shown = words(load("resnet50"))
    assert shown.count("bottleneck") == 5 and {"×3", "×4", "×6"} <= set(shown)
    assert {"7×7 conv, 64, /2", "1×1 conv, 4w", "3×3 conv, w, /s", "1×1 conv, 4w, /s", "2, then 1"} <= set(shown)
    assert "dashed: only the first of each stage; elsewhere the identity" in shown
    assert {"3×224×224", "2048×7×7", "216 k params · 668 M MACs"} <= set(shown)
    assert "25,557,032 parameters, 4.09 G MACs, 3×224×224" in shown


def test_a_figure_of_many_boxes_is_drawn_by_graphviz() -> None:
    """A string of Graphviz holds no more than 16,384 letters."""
    assert load("inception_v3").render("png").startswith(b"\x89PNG")


def test_nine_modules_are_one_drawing_with_a_table() -> None:
    shown = words(load("googlenet"))
    assert {"1×1 conv, a", "3×3 conv, b", "inception4e–5a", "||"} - set(shown) == {"||"}
    assert {"384", "208", "inception5b"} <= set(shown)
    assert "aux1 when training" in shown


def test_hyperparameters_become_columns() -> None:
    shown = words(load("swin_t"))
    assert {"heads", "shift", "0 | 3", "24", "fc, 4w", "7×7 window attention"} <= set(shown)


def test_rows_end_at_about_the_same_place() -> None:
    root = figure(load("fractalnet"), Look(direction="right"))
    boxes = {_title(group): _rect(group) for group in root.iter(f"{SVG}g") if group.get("class") == "node"}
    output = next(box for title, box in boxes.items() if title.startswith("output"))
    beside = [box for box in boxes.values() if box.top < output.low and output.top < box.low]
    assert len(beside) > 2, "the output does not stand alone in the last row"


def test_insets_that_show_the_same_are_one() -> None:
    shown = words(load("maxvit_t"))
    assert "layers.1, layers" in shown and shown.count("mbconv") == 8


def test_a_dense_block_is_a_fan_and_says_what_it_is() -> None:
    dense = "dense: each takes what all before it give, side by side"
    (block, layer) = figure_of(load("densenet121").graph, Wanted()).insets
    assert (block.note, layer.note) == (dense, "")
    assert [node.rows[0][0].words for node in block.nodes[1:-1]] == ["layer", "layer", "…", "||"]
    keys = [node.key for node in block.nodes]
    wanted = {*combinations(keys[:-1], 2), (keys[-2], keys[-1])}
    assert {(link.tail, link.head) for link in block.links} == wanted
    lanes = lanes_of(block)
    apart = [(lanes.ranks[tail], lanes.ranks[head], lane) for (tail, head), lane in lanes.tracks.items() if lane]
    for (start, end, lane), (other, last, beside) in combinations(apart, 2):
        assert lane != beside or end <= other or last <= start
    assert dense in words(load("densenet121"))
    for name in ("resnet50", "squeezenet1_0", "googlenet"):
        assert dense not in words(load(name))


def test_norms_that_lead_are_one_line() -> None:
    shown = words(load("densenet121"))
    assert "BN-ReLU –" in shown and "ReLU –" not in shown


def test_activations_that_differ_between_calls_are_alternatives() -> None:
    shown = words(load("mobilenet_v3_large"))
    assert "BN-ReLU | hardswish" in shown and "BN-ReLU-hardswish" not in shown


def test_a_norm_that_only_some_calls_have_is_in_parentheses() -> None:
    blocks = """
    block unit(normed) {
      residual { conv 3x3 8 pad=1; if normed { batchnorm }; relu; conv 1x1 8 }
    }
    """
    spec = f"{blocks}\nnet n {{\n  input x: 8x8x8\n  unit true -> unit false -> unit true\n  output\n}}\n"
    assert "(BN)-ReLU" in words(loads(spec))


def test_a_width_is_known_from_its_multiples_where_a_layer_is_missing() -> None:
    shown = words(load("maxvit_t"))
    assert "blocks.0.layers.1" in shown and "–" not in shown


def test_a_node_says_what_it_is() -> None:
    root = figure(load("resnet50"))
    assert root.get("role") == "img" and (root.get("aria-label") or "").startswith("resnet50: 25,557,032 parameters")
    nodes = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    titles = [group.findtext(f"{SVG}title") for group in nodes]
    assert "conv1 · conv, batchnorm, relu · 64×112×112" in titles
    assert "layer1 · bottleneck ×3 · 256×56×56" in titles
    assert all(
        group.get("role") and group.get("aria-label") == title for group, title in zip(nodes, titles, strict=True)
    )


def test_paths_are_opened_and_levels() -> None:
    assert "layer1.0" in words(load("resnet50"), Look(expanded=("layer1",)))
    assert len(words(load("resnet50"), Look(depth=2))) > len(words(load("resnet50")))
    with pytest.raises(Rejected, match="nothing at `nowhere`") as caught:
        load("resnet50").render("svg", Look(expanded=("nowhere",)))
    assert "`layer1`" in (caught.value.help or "")


def test_a_full_drawing_takes_no_options_of_a_figure() -> None:
    with pytest.raises(ValueError, match="every operator"):
        Look(style="full", depth=1)
    with pytest.raises(ValueError, match="in the light"):
        Look(style="full", theme="auto")
    with pytest.raises(ValueError, match="0 or more"):
        Look(depth=-1)


def test_a_figure_goes_down() -> None:
    net = load("resnet50")
    places = {}
    for direction in DIRECTIONS:
        boxes = {_title(group): _rect(group) for group in figure(net, Look(direction=direction)).iter(f"{SVG}g")
                 if group.get("class") == "node"}  # fmt: skip
        titles = ("input image · 3×224×224", "conv1 · conv, batchnorm, relu · 64×112×112")
        places[direction] = [boxes[title] for title in titles]
    (one, other), (upper, lower) = places["right"], places["down"]
    assert one.right < other.left and upper.low < lower.top


@pytest.mark.parametrize(
    ("format", "right", "down"), [("dot", "rankdir=LR", "rankdir=TB"), ("mmd", "flowchart LR", "flowchart TB")]
)
def test_text_formats_follow_direction_theme_and_costs(format: str, right: str, down: str) -> None:
    net = load("lenet5")
    plain = net.render(format).decode()
    assert right in plain and down in net.render(format, Look(direction="down")).decode()
    assert colours(True)["fill convolution"] in net.render(format, Look(theme="dark")).decode()
    assert colours(False)["heat9"] not in plain
    assert any(colours(False)[f"heat{at}"] in net.render(format, Look(costs="macs")).decode() for at in range(5, 10))


def test_a_theme_that_follows_the_reader_needs_an_svg() -> None:
    with pytest.raises(ValueError, match=r"a \.png cannot"):
        load("lenet5").render("png", Look(theme="auto"))


@pytest.mark.parametrize(
    ("name", "count", "lowest"), [("tests/nets/unet.arch:unet", 4, "mid "), ("deconvnet", 5, "fc7 ")]
)
def test_skips_within_each_other_make_a_u(name: str, count: int, lowest: str) -> None:
    net = load(name)
    root = figure(net)
    assert not list(collisions(root))
    boxes = {_title(group): _rect(group) for group in root.iter(f"{SVG}g") if group.get("class") == "node"}
    links = [group for group in root.iter(f"{SVG}g") if group.get("class") == "link"]
    skips = [_title(group) for group in links if group.find(f"{SVG}path[@class='s-skip']") is not None]
    assert len(skips) == count
    for skip in skips:
        left, right = (boxes[title] for title in skip.rpartition(" · ")[0].split(" → "))
        assert left.right < right.left and abs(left.top + left.low - right.top - right.low) < 0.1
    deepest = max(boxes, key=lambda title: boxes[title].low)
    assert deepest.startswith(lowest)
    rows = figure(net, Look(direction="right"))
    assert _size(rows)[0] / _size(rows)[1] > _size(root)[0] / _size(root)[1]


def test_costs_colour_the_boxes() -> None:
    plain, heat = (load("alexnet").render("svg", Look(costs=costs, theme="light")) for costs in (None, "parameters"))
    assert b"f-heat" not in plain
    assert len(set(re.findall(rb'class="f-(heat\d)', heat))) >= 3


def test_words_can_be_read_on_what_they_stand_on() -> None:
    for dark in (False, True):
        paints = colours(dark)
        grounds = [name for name in paints if name.startswith(("fill", "heat")) or name in ("page", "panel")]
        for ground in (name for name in grounds if name != "fill port"):
            for ink in ("ink", "faint", "accent"):
                if ink != "accent" or ground in ("page", "panel", "fill block"):
                    assert _contrast(paints[ink], paints[ground]) >= 4.5, (dark, ink, ground)
        assert _contrast(paints["inverse"], paints["fill port"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it."""
    light = sorted((_luminance(one), _luminance(other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_nothing_lies_over_anything_else(name: str, direction: Direction) -> None:
    root = figure(load(name), Look(direction=direction))
    assert not list(collisions(root))
    wide, tall = _size(root)
    assert 0.25 <= wide / tall <= 4


def collisions(root: ElementTree.Element) -> Iterator[str]:
    """Yield what is wrong with the geometry of a figure."""
    groups = list(root.iter(f"{SVG}g"))
    nodes = [(group, _rect(group)) for group in groups if group.get("class") == "node"]
    for (one, a), (other, b) in combinations(nodes, 2):
        if a.overlaps(b):
            yield f"{_title(one)} lies over {_title(other)}"
    for group, box in nodes:
        for text in group.iter(f"{SVG}text"):
            if box.right - box.left > 24 and not box.holds(text_box(text)):
                yield f"{text.text} is outside of {_title(group)}"
    yield from _struck(groups)


def _struck(groups: list[ElementTree.Element]) -> Iterator[str]:
    """Yield the words that a line goes through, or that others lie over."""
    texts = [
        (text, text_box(text)) for group in groups for text in group.findall(f"{SVG}text") if (text.text or "").strip()
    ]
    lines = [(group, part) for group in groups if group.get("class") == "link" for part in _parts(group)]
    for text, box in texts:
        yield from (f"{_title(line)} strikes {text.text}" for line, part in lines if box.overlaps(part))
    for (text, box), (other, place) in combinations(texts, 2):
        if box.overlaps(place):
            yield f"{text.text} lies over {other.text}"


def _size(root: ElementTree.Element) -> tuple[float, float]:
    return float((root.get("width") or "").removesuffix("pt")), float((root.get("height") or "").removesuffix("pt"))


def _title(group: ElementTree.Element) -> str:
    return group.findtext(f"{SVG}title") or group.get("class") or ""


def _rect(group: ElementTree.Element) -> Box:
    rect = group.find(f"{SVG}rect")
    assert rect is not None
    x, y, wide, tall = (float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
    return Box(x, y, x + wide, y + tall)


def text_box(text: ElementTree.Element) -> Box:
    """Return where a text stands, by the letters of its font as Pillow measures them."""
    size, x, y = float(text.get("font-size") or 0), float(text.get("x") or 0), float(text.get("y") or 0)
    wide = _font(700 if text.get("font-weight") else 400).getlength(text.text or "") * size / 100
    left = x - wide / 2 if text.get("text-anchor") == "middle" else x
    return Box(left, y - size * 0.74, left + wide, y + size * 0.2)


@cache
def _font(weight: int) -> ImageFont.FreeTypeFont:
    folder = Path(str(files("fontpkg_open_sans") / "files"))
    font = ImageFont.truetype(str(next(path for path in folder.glob("*.ttf") if "Italic" not in path.name)), 100)
    font.set_variation_by_axes([weight, 100])
    return font


def _parts(group: ElementTree.Element) -> Iterator[Box]:
    """Yield the straight parts of the line of a link, corners as their ends."""
    path = group.find(f"{SVG}path")
    assert path is not None
    points = [tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d") or "")]
    for (ax, ay), (bx, by) in pairwise(points):
        yield Box(min(ax, bx), min(ay, by), max(ax, bx) + 0.01, max(ay, by) + 0.01)


def every_net() -> Iterator[Net]:
    """Yield every shipped net that needs no argument, and those of tests/nets."""
    files = sorted(NETS.glob("*.arch"))
    for name in [
        *(name for _, names in shipped_nets() for name in names),
        *(f"{p}:{n}" for p in files for n in nets_of(p)),
    ]:
        with suppress(SpecError):
            yield load(name)


@pytest.mark.sweep
def test_every_net_is_drawn_on_a_page() -> None:
    """Nine of ten are no longer than twice as wide, or as tall; nine of ten fit A4 with letters of 6 points."""
    shapes, fits, wrong = [], [], []
    for net in every_net():
        root = figure(net)
        wide, tall = _size(root)
        shapes.append(0.5 <= wide / tall <= 2)
        assert 0.25 <= wide / tall <= 4, net
        scale = max(min(A4[0] / wide, A4[1] / tall), min(A4[1] / wide, A4[0] / tall))
        fits.append(min(float(text.get("font-size") or 0) for text in root.iter(f"{SVG}text")) * min(1, scale) >= 6)
        wrong += [f"{net.graph.name}: {found}" for found in collisions(root)]
    assert not wrong, "\n".join(wrong)
    assert sum(shapes) >= 0.9 * len(shapes) and sum(fits) >= 0.9 * len(fits)
