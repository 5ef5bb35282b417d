"""Volumes: boxes whose sizes are square roots of those of the maps, in the order of the net."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from math import isclose, sqrt
from xml.etree import ElementTree

import pytest

from archlang import Net, load, loads
from archlang.diagnostics import Rejected
from archlang.render import Look
from archlang.render.figure.themes import colours
from tests.reports.test_figure import SVG, text_box

LOOK = Look(style="volumes")
Point = tuple[float, float]


def drawn(net: Net, look: Look = LOOK) -> ElementTree.Element:
    return ElementTree.fromstring(net.render("svg", look))  # noqa: S314  (our own picture)


def slabs(root: ElementTree.Element) -> dict[str, list[list[Point]]]:
    """Return the sides of each box, the front last, by its title."""
    found: dict[str, list[list[Point]]] = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "node":
            corners = [
                [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", side.get("points") or "")]
                for side in group.iter(f"{SVG}polygon")
            ]
            found[group.findtext(f"{SVG}title") or ""] = corners
    return found


def size(front: list[Point]) -> tuple[float, float]:
    xs, ys = [x for x, _ in front], [y for _, y in front]
    return max(xs) - min(xs), max(ys) - min(ys)


def words(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_boxes_are_to_scale() -> None:
    found = slabs(drawn(load("alexnet")))
    (thin, large) = size(found["input image · 3×224×224"][-1])
    (thick, small) = size(found["features.2 · maxpool · 64×27×27"][-1])
    assert isclose(large / small, sqrt(224 / 27), rel_tol=0.01) and isclose(thick / thin, sqrt(64 / 3), rel_tol=0.02)
    side = found["features.2 · maxpool · 64×27×27"][1]
    assert isclose(size(side)[0] / size(found["input image · 3×224×224"][1])[0], sqrt(27 / 224), rel_tol=0.01)


def test_what_repeats_is_told_once_and_drawn_each_time() -> None:
    root = drawn(load("vgg16"))
    assert {"3×3 conv, 64 ×2", "3×3 conv, 512 ×3", "fc, 4096 ×2", "512×7×7", "25088"} - set(words(root)) == {"25088"}
    assert len(slabs(root)) == 1 + 13 + 5 + 1 + 3
    assert any("square roots" in text for text in words(root))


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "vgg16", "resnet50", "deconvnet", "yolo_v1", "densenet121"])
def test_no_label_is_struck(name: str) -> None:
    root = drawn(load(name))
    texts = [(text.text, text_box(text)) for text in root.iter(f"{SVG}text")]
    for (one, a), (other, b) in combinations(texts, 2):
        assert not a.overlaps(b), (one, other)
    for path in root.iter(f"{SVG}path"):
        points = [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d") or "")]
        for (ax, ay), (bx, by) in pairwise(points):
            line = type(texts[0][1])(min(ax, bx), min(ay, by), max(ax, bx) + 0.01, max(ay, by) + 0.01)
            assert not any(box.overlaps(line) for _, box in texts), (name, path.get("d"))


def test_a_map_that_is_taken_again_is_joined_by_a_line() -> None:
    root = drawn(load("tests/nets/unet.arch:unet"))
    lines = [path for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "1.4"]
    assert len(lines) == 4 and "join" in words(root)


def test_a_block_with_branches_is_one_box_and_can_be_opened() -> None:
    closed, opened = (drawn(load("resnet50"), Look("volumes", expanded=paths)) for paths in ((), ("layer1",)))
    assert words(closed).count("bottleneck ×3") == 2 and len(slabs(opened)) == len(slabs(closed)) + 2


def test_what_runs_in_training_only_is_not_drawn() -> None:
    assert not any("aux" in title for title in slabs(drawn(load("googlenet"))))


@pytest.mark.parametrize(("name", "why"), [
    ("vit_b_16", "is attention"), ("captioning", "has 2 inputs"), ("tests/nets/gpt2.arch:small", "is embedding"),
])  # fmt: skip
def test_a_net_that_is_no_chain_of_maps_is_refused(name: str, why: str) -> None:
    with pytest.raises(Rejected, match=why) as caught:
        load(name).render("svg", LOOK)
    assert caught.value.code == "no-volumes" and "--style figure" in (caught.value.help or "")


def test_branches_outside_of_a_block_and_vectors_alone_are_refused() -> None:
    branches = (
        "net n {\n  input x: 3x8x8\n  a: conv 3x3 4\n  x -> conv 3x3 4\n  b: relu\n  (a, b) -> add\n  output\n}\n"
    )
    with pytest.raises(Rejected, match="does not take what `a` before it gives"):
        loads(branches).render("svg", LOOK)
    with pytest.raises(Rejected, match="no layer of this net gives a map"):
        loads("net n {\n  input x: [8]\n  linear 4\n  output\n}\n").render("svg", LOOK)


def test_costs_and_themes_colour_the_boxes() -> None:
    net = load("alexnet")
    assert b"f-side-heat" in net.render("svg", Look("volumes", costs="macs"))
    dark = net.render("svg", Look("volumes", theme="dark")).decode()
    assert colours(True)["side fill convolution"] in dark and colours(False)["side fill convolution"] not in dark


def test_volumes_as_tikz_have_the_same_sides() -> None:
    net = load("alexnet")
    text, root = net.render("tex", LOOK).decode(), drawn(net)
    assert len(re.findall(r"-- cycle;$", text, re.MULTILINE)) == len([*root.iter(f"{SVG}polygon")])


def test_volumes_go_to_the_right_and_have_places() -> None:
    with pytest.raises(ValueError, match="from left to right"):
        Look("volumes", direction="down")
    with pytest.raises(Rejected, match="volumes is written as svg, png, pdf, tex, not as dot"):
        load("alexnet").render("dot", LOOK)
