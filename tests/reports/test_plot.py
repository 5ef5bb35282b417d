"""`archlang plot`: nets by accuracy, work and parameters, and profiles of nets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle, StepPatch

from archlang.cli import main
from archlang.compiler import check
from archlang.diagnostics import Rejected
from archlang.facts.memory import Setup, memory
from archlang.facts.saved import saved
from archlang.facts.work import count, totals
from archlang.ir import Graph
from archlang.plot import (
    FORMATS,
    QUANTITIES,
    Bar,
    Point,
    Profile,
    Timeline,
    accuracy_plot,
    profile,
    profile_plot,
    timeline_plot,
)
from archlang.plot.labels import Box, Circle, placed
from archlang.plot.paper import binary, short
from tests.house.test_house import without_torch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = (
    Point("small", "one", 300_000_000, 3_000_000, 72.2),
    Point("middle", "one", 4_000_000_000, 25_000_000, 80.9),
    Point("large", "other", 15_000_000_000, 138_000_000, 71.6),
    Point("wide", "other", 15_100_000_000, 60_000_000, 71.9, same_size=False),
)
MAGIC = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
RUN = "import sys; from archlang.cli import main; sys.exit(main(sys.argv[1:]))"


def graph(spec: str) -> Graph:
    return check(spec, only=True).graphs[0]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that are saved, instead of their bytes."""
    figures: list[Figure] = []

    def keep(made: Figure, format: str) -> bytes:
        figures.append(made)
        return b""

    monkeypatch.setattr("archlang.plot.accuracy.saved", keep)
    monkeypatch.setattr("archlang.plot.bars.saved", keep)
    monkeypatch.setattr("archlang.plot.timelines.saved", keep)
    return figures


# ---- files


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_nets_give_the_same_bytes_and_no_date(format: str) -> None:
    one = profile(graph("lenet5"), "params")
    first, second = ((accuracy_plot(POINTS, format, log=True), profile_plot([one], format)) for _ in range(2))
    assert first == second
    for data in first:
        assert data.startswith(MAGIC[format])
        assert not re.search(rb"20[2-9]\d-|Date|matplotlib v|D:20", data)


def test_neither_the_hash_seed_nor_the_users_settings_change_a_plot(tmp_path: Path) -> None:
    settings = tmp_path / "matplotlibrc"
    settings.write_text("axes.facecolor: black\nfont.size: 30\nsvg.fonttype: none\nsavefig.bbox: tight\n")
    made: list[bytes] = []
    for at, more in enumerate(({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "MATPLOTLIBRC": str(settings)})):
        file = tmp_path / f"{at}.svg"
        words = ["plot", "lenet5", "alexnet", "--accuracy", "lenet5=99", "-o", str(file)]
        subprocess.run([sys.executable, "-c", RUN, *words], check=True, env={**os.environ, **more})
        made.append(file.read_bytes())
    assert made[0] == made[1]


def test_a_plot_does_without_torch(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    done = without_torch("from archlang.cli import main; sys.exit(main())", "plot", "resnet18", "-o", str(file))
    assert (done.returncode, done.stderr) == (0, "") and file.stat().st_size > 0


def test_other_commands_do_without_matplotlib() -> None:
    code = f"import sys; sys.modules['matplotlib'] = None; {RUN}"
    subprocess.run([sys.executable, "-c", code, "compare", "lenet5"], check=True, stdout=subprocess.DEVNULL)


def test_without_the_package_the_help_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    file = tmp_path / "a.svg"
    file.write_text("as it was")
    assert main(["plot", "resnet18", "-o", str(file), "--force"]) == 2
    assert capsys.readouterr().err == (
        "archlang: error[missing-extra]: plots are drawn by the package matplotlib, which is not installed\n"
        'help: pip install "archlang[plot]"\n'
    )
    assert file.read_text() == "as it was"


def test_a_format_that_there_is_not() -> None:
    with pytest.raises(Rejected) as caught:
        accuracy_plot(POINTS, "gif")
    assert caught.value.code == "no-such-format"


# ---- accuracy


def test_circles_are_at_their_numbers_and_their_areas_are_parameters(drawn: list[Figure]) -> None:
    accuracy_plot(POINTS, "svg")
    axes = drawn[0].axes[0]
    areas: dict[tuple[float, float], float] = {}
    for each in axes.collections:
        x, y = numpy.asarray(each.get_offsets())[0].tolist()
        areas[x, y] = max(areas.get((x, y), 0), float(vars(each)["_sizes"][0]))
    assert areas.keys() == {(point.macs, point.accuracy) for point in POINTS}
    per_param = {areas[point.macs, point.accuracy] / point.params for point in POINTS}
    assert max(per_param) == pytest.approx(min(per_param))
    names = {text.get_text() for text in axes.texts}
    assert names == {point.name for point in POINTS}


@pytest.mark.parametrize("log", [False, True])
def test_every_circle_lies_within_the_axes(log: bool, drawn: list[Figure]) -> None:
    accuracy_plot(POINTS, "svg", log)
    axes = drawn[0].axes[0]
    frame = axes.get_window_extent()
    for point in POINTS:
        x, y = axes.transData.transform((point.macs, point.accuracy))
        radius = sqrt(54.0**2 * point.params / 138_000_000) / 2 * drawn[0].dpi / 72
        assert frame.x0 < x - radius and x + radius < frame.x1
        assert frame.y0 < y - radius and y + radius < frame.y1
    assert axes.get_xscale() == ("log" if log else "linear")


def test_names_of_shipped_nets_cover_no_other(drawn: list[Figure], tmp_path: Path) -> None:
    nets = [
        "resnet18",
        "resnet34",
        "resnet50",
        "vgg16",
        "vgg19",
        "googlenet",
        "alexnet",
        "squeezenet1_0",
        "densenet121",
    ]
    assert main(["plot", *nets, "-o", str(tmp_path / "a.png")]) == 0
    (made,) = drawn
    texts = list(made.axes[0].texts)
    assert len(texts) == len(nets)
    boxes = [text.get_window_extent() for text in texts]
    for at, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:at]), texts[at].get_text()


circles = st.builds(Circle, st.floats(0, 400), st.floats(0, 300), st.floats(1, 20), st.floats(10, 50), st.just(9.0))


@given(st.lists(circles, min_size=1, max_size=12))
def test_names_are_within_the_frame_and_do_not_overlap(given_circles: Sequence[Circle]) -> None:
    frame = Box(-20, -20, 420, 320)
    boxes = placed(given_circles, frame)
    assert boxes == placed(given_circles, frame)
    for at, box in enumerate(boxes):
        circle = given_circles[at]
        assert (box.right - box.left, box.high - box.low) == pytest.approx((circle.width, circle.height))
        assert frame.holds(box)
        assert not any(box.overlaps(other) for other in boxes[:at])


def test_a_single_name_touches_its_circle() -> None:
    (box,) = placed([Circle(100, 100, 10, 40, 9)], Box(0, 0, 200, 200))
    assert (box.left, (box.low + box.high) / 2) == (112, 100)


def test_no_point_is_no_plot() -> None:
    with pytest.raises(ValueError, match="at least one net"):
        accuracy_plot([], "svg")


# ---- accuracy on the command line


def points_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: str) -> tuple[list[Point], str]:
    """Return the points that a call draws, and the label of their axis."""
    seen: list[tuple[list[Point], str]] = []

    def keep(points: list[Point], format: str, log: bool, label: str) -> bytes:
        seen.append((points, label))
        return b"drawn"

    monkeypatch.setattr("archlang.plot.accuracy_plot", keep)
    assert main(["plot", *words, "-o", str(tmp_path / "a.svg")]) == 0
    assert (tmp_path / "a.svg").read_bytes() == b"drawn"
    return seen[0]


def test_published_accuracies_are_of_images_of_a_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    points, label = points_of(monkeypatch, tmp_path, "resnet50", "efficientnet_b7")
    assert label == "top-1 accuracy on ImageNet, %"
    assert points == [
        Point("resnet50", "resnet", 4_089_184_256, 25_557_032, 80.858),
        Point("efficientnet_b7", "efficientnet", 37_745_884_192, 66_347_960, 84.122, side=600),
    ]


def test_text_in_a_drawing_is_text() -> None:
    points = [*POINTS, Point("b7", "other", 37_745_884_192, 66_347_960, 84.122, side=600)]
    shown = accuracy_plot(points, "svg").decode()
    assert ">b7, 600 px</text>" in shown and ">multiply-accumulates for one image</text>" in shown
    shown = profile_plot([profile(graph("lenet5"), "macs")], "svg").decode()
    assert ">lenet5: 417 K MACs</text>" in shown and ">features.0</text>" in shown
    shown = timeline_plot([Timeline("lenet5", "training", memory(graph("lenet5")))], "svg").decode()
    assert ">backward</text>" in shown and "font-family: 'Open Sans', sans-serif" in shown


def test_accuracies_that_are_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own.arch").write_text("net tiny {\n  input x: [8]\n  linear 2\n  output\n}\n")
    words = (str(tmp_path / "own.arch"), "resnet50", "--accuracy", "tiny=51.5", "--accuracy", "resnet50=76")
    points, label = points_of(monkeypatch, tmp_path, *words)
    assert [(point.name, point.family, point.accuracy) for point in points] == [
        ("tiny", "own", 51.5),
        ("resnet50", "resnet", 76.0),
    ]
    assert label == "accuracy, %"


def test_nets_of_a_file_without_an_accuracy_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = "net {} {{\n  input x: [8]\n  linear 2\n  output\n}}\n"
    (tmp_path / "own.arch").write_text("".join(map(net.format, "abc")))
    points, _ = points_of(monkeypatch, tmp_path, str(tmp_path / "own.arch"), "--accuracy", "b=70")
    assert [point.name for point in points] == ["b"]
    assert capsys.readouterr().err == "archlang: left out, since their accuracy is not known: a, c\n"


@pytest.mark.parametrize(
    "words, said",
    [
        (["resnet18", "lenet5"], "no published accuracy is known for lenet5; add --accuracy lenet5=PERCENT"),
        (["resnet18", "--set", "classes=10"],
         "no published accuracy is known for resnet18; add --accuracy resnet18=PERCENT"),
        (["lenet?"], "no published accuracy is known for lenet5; add --accuracy lenet5=PERCENT"),
        (["resnet18", "--accuracy", "resnet=70"],
         "--accuracy resnet: no net of this plot has that name; the nets are resnet18"),
        (["resnet18", "--depth", "2"], "--depth needs a profile by layers, such as --profile macs"),
        (["resnet18", "--profile", "macs", "--log"], "--profile cannot be combined with --accuracy or --log"),
        (["vgg11", "--profile", "memory", "--depth", "1"], "--depth needs a profile by layers, such as --profile macs"),
        (["resnet18", "--profile", "macs", "--batch", "4"], "--batch needs --profile memory"),
        (["resnet18", "--profile", "memory", "--mode", "dreaming"], "mode is one of training, inference, not dreaming"),
        (["resnet18", "-o", "a.gif"], "a.gif: the name of a plot must end in .svg, .png, .pdf"),
    ],
)  # fmt: skip
def test_wrong_calls_are_reported(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plot", "-o", "a.svg", *words]) == 2
    assert capsys.readouterr().err == f"archlang: {said}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_net_of_ones_own_has_no_published_accuracy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.arch").write_text("net resnet50 {\n  input x: [8]\n  linear 2\n  output\n}\n")
    assert main(["plot", str(tmp_path / "own.arch"), "-o", str(tmp_path / "a.svg")]) == 2
    assert "no published accuracy is known for resnet50" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["resnet18", "resnet18=high", "resnet18=101", "resnet18=-3", "=nan"])
def test_no_accuracy(text: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["plot", "resnet18", "--accuracy", text, "-o", "a.svg"])
    assert stop.value.code == 2


def test_a_net_without_macs_or_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.arch").write_text("net own {\n  input x: [8]\n  relu\n  output\n}\n")
    words = ["plot", str(tmp_path / "own.arch"), "--accuracy", "own=10", "-o", str(tmp_path / "a.svg")]
    assert main(words) == 0
    assert capsys.readouterr().err == "archlang: a circle shows parameters, and there are none in own\n"
    assert main([*words, "--log"]) == 2
    assert capsys.readouterr().err == ("archlang: --log: a logarithmic axis has no place for nets without MACs: own\n")


# ---- profiles


@pytest.mark.parametrize("net", ["lenet5", "resnet18", "swin_t"])
def test_a_profile_adds_up_at_every_depth(net: str) -> None:
    one = graph(net)
    counts = totals(one)
    expected = (counts.macs, counts.params, counts.output_bytes, saved(one).bytes)
    for quantity, total in zip(QUANTITIES, expected, strict=True):
        for depth in (None, 1, 2, 9):
            assert profile(one, quantity, depth).total == total


def test_bars_are_scopes_in_order() -> None:
    found = profile(graph("resnet18"), "macs", 1)
    assert [bar.path for bar in found.bars] == ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert found.bars[-1] == Bar("fc", {"linear": 512_000})
    deeper = [bar.path for bar in profile(graph("resnet18"), "output_bytes", 2).bars]
    assert deeper[:6] == ["conv1", "bn1", "2", "3", "layer1.0", "layer1.1"]
    layers = [bar.path for bar in profile(graph("resnet18"), "output_bytes", full=True).bars]
    assert layers[4:10] == [f"layer1.0.{name}" for name in ("conv1", "bn1", "2", "conv2", "bn2")] + ["layer1.0 (add)"]


def test_a_long_net_is_folded() -> None:
    one = graph("densenet121")
    for quantity in QUANTITIES:
        short, long = profile(one, quantity), profile(one, quantity, full=True)
        assert len(short.bars) <= 64 < len(long.bars) and short.total == long.total
    assert [bar.path for bar in profile(one, "macs").bars[:3]] == [
        "features.conv0", "features.denseblock1.denselayer1.conv1 ×6", "features.denseblock1.denselayer1.conv2 ×6",
    ]  # fmt: skip
    layers = dict(counted(one))
    first = [f"features.denseblock1.denselayer{number}.conv1" for number in range(1, 7)]
    assert profile(one, "macs").bars[1].values["conv"] == sum(layers[path] for path in first)
    assert profile(graph("resnet18"), "macs") == profile(graph("resnet18"), "macs", full=True)


def counted(one: Graph) -> Iterator[tuple[str, int]]:
    work = count(one)
    for layer in one.flat():
        yield layer.path, work.of(layer).macs


def test_profiles_that_there_are_not() -> None:
    one = graph("lenet5")
    with pytest.raises(ValueError, match="macs, params, output_bytes, saved_bytes"):
        profile(one, "time")
    with pytest.raises(ValueError, match="1 or more"):
        profile(one, "macs", 0)
    with pytest.raises(ValueError, match="of one quantity"):
        profile_plot([profile(one, "macs"), profile(one, "params")], "svg")


def test_bars_are_as_long_as_their_values(drawn: list[Figure]) -> None:
    found = [profile(graph(net), "saved_bytes", 1) for net in ("resnet18", "googlenet")]
    profile_plot(found, "svg")
    (made,) = drawn
    assert [axes.get_title(loc="left").partition(":")[0] for axes in made.axes] == ["resnet18", "googlenet"]
    assert made.axes[0].get_xlim() == made.axes[1].get_xlim()
    for axes, each in zip(made.axes, found, strict=True):
        ends: dict[int, float] = {}
        for container in axes.containers:
            for patch in container.patches:  # type: ignore[attr-defined]
                row = round(patch.get_y() + patch.get_height() / 2)
                ends[row] = max(ends.get(row, 0), patch.get_x() + patch.get_width())
        assert ends == {at: bar.total for at, bar in enumerate(each.bars)}
        assert [label.get_text() for label in axes.get_yticklabels()] == [bar.path for bar in each.bars]


@pytest.mark.parametrize("count, named", [(3, 3), (100, 100), (400, 2)])
def test_too_many_bars_to_name_all(count: int, named: int, drawn: list[Figure]) -> None:
    bars = tuple(Bar(f"{'body' if at < count - 1 else 'head'}.{at}", {"conv": at + 1}) for at in range(count))
    profile_plot([Profile("a", "macs", bars)], "svg")
    assert len(drawn[0].axes[0].get_yticklabels()) == named
    assert drawn[0].get_figheight() < 18


def test_a_net_with_nothing_to_show_is_drawn_empty() -> None:
    assert profile_plot([Profile("a", "macs", ())], "svg").startswith(MAGIC["svg"])


def test_profiles_on_the_command_line(tmp_path: Path, drawn: list[Figure]) -> None:
    words = ["plot", "lenet5", "vgg1[13]", "--profile", "params", "--depth", "1", "-o", str(tmp_path / "a.PDF")]
    assert main(words) == 0
    titles = [axes.get_title(loc="left") for axes in drawn[0].axes]
    assert titles == ["lenet5: 61.7 K parameters", "vgg11: 133 M parameters", "vgg13: 133 M parameters"]


# ---- memory over time


def test_areas_are_as_high_as_the_moments_and_as_wide_as_they_are_many(drawn: list[Figure]) -> None:
    lines = [Timeline(net, "", memory(graph(net), Setup(4))) for net in ("lenet5", "resnet152")]
    timeline_plot(lines, "svg")
    (made,) = drawn
    assert made.axes[0].get_ylim() == made.axes[1].get_ylim()
    for axes, line in zip(made.axes, lines, strict=True):
        moments = line.memory.timeline
        stairs = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
        heights = [float(height) for height in stairs[-1].get_data()[0]]
        for lower, upper in pairwise(stairs):
            assert list(lower.get_data()[0]) == list(numpy.asarray(upper.get_data()[2]))
        assert heights == [moment.peak_bytes for moment in moments]
        assert [float(width) for width in numpy.diff(stairs[0].get_data()[1])] == [moment.times for moment in moments]
        (peak,) = axes.lines
        assert float(numpy.asarray(peak.get_ydata())[0]) == line.memory.peak_bytes == max(heights)
    assert max(moment.times for moment in lines[1].memory.timeline) > 1


def test_bands_are_named_in_their_order(drawn: list[Figure]) -> None:
    found = memory(graph("lenet5"), Setup(4))
    timeline_plot([Timeline("lenet5", "", found)], "svg")
    (axes,) = drawn[0].axes
    named = [text.get_text().split("  ")[-1] for text in axes.texts if "  " in text.get_text()]
    colours = [patch.get_facecolor() for patch in axes.patches if isinstance(patch, Rectangle)]
    bands = [patch.get_facecolor() for patch in axes.patches if isinstance(patch, StepPatch)]
    assert colours == bands[::-1] and len(named) == len(bands)
    assert named[0] == "gradients of activations" and named[-1] == "parameters"
    assert f"{binary(found.by_kind['parameters'])}  parameters" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("net", ["lenet5", "resnet152", "swin_t"])
@pytest.mark.parametrize("setup", [Setup(4), Setup(2, mode="inference"), Setup(3, optimizer="adam")])
def test_the_kinds_of_each_moment_add_up(net: str, setup: Setup) -> None:
    found = memory(graph(net), setup)
    assert [sum(sizes.values()) for sizes in found.kinds] == [moment.peak_bytes for moment in found.timeline]
    assert found.kinds[found.timeline.index(found.moment)] == found.by_kind
    heap, lasting = found.simulated.heap, found.simulated.lasting
    for row in range(0, len(heap.rows), 7):
        by_kind: Counter[str] = Counter()
        for (kind, _), size in (*heap.alive(row).items(), *lasting.items()):
            by_kind[kind] += size
        assert found.kinds[row] == {kind: size for kind, size in by_kind.items() if size}


@pytest.mark.parametrize("format", FORMATS)
def test_a_timeline_is_the_same_at_each_call(format: str) -> None:
    line = Timeline("lenet5", "training", memory(graph("lenet5")))
    data = timeline_plot([line], format)
    assert data == timeline_plot([line], format) and data.startswith(MAGIC[format])


def test_memory_on_the_command_line(tmp_path: Path, drawn: list[Figure]) -> None:
    words = ["lenet5", "alexnet", "--profile", "memory", "--batch", "32", "--dtype", "bf16", "--optimizer", "adam"]
    assert main(["plot", *words, "-o", str(tmp_path / "a.svg")]) == 0
    titles = [(axes.get_title(loc="left"), axes.get_title(loc="right")) for axes in drawn[0].axes]
    told = "training, batch 32, bfloat16, adam"
    assert titles == [("lenet5", told), ("alexnet", told)]
    expected = memory(graph("alexnet"), Setup(32, "bfloat16", "training", "adam"))
    (peak,) = drawn[0].axes[1].lines
    assert float(numpy.asarray(peak.get_ydata())[0]) == expected.peak_bytes


@pytest.mark.parametrize(
    "number, text", [(0, "0 B"), (999, "999 B"), (1000, "0.977 KiB"), (2**30, "1 GiB"), (3 * 2**29, "1.5 GiB")]
)
def test_bytes_in_powers_of_1024(number: int, text: str) -> None:
    assert binary(number) == text


@pytest.mark.parametrize(
    "number, text", [(0, "0"), (7, "7"), (999, "999"), (1000, "1 K"), (999_999, "1 M"), (25_557_032, "25.6 M")]
)
def test_short_numbers(number: int, text: str) -> None:
    assert short(number) == text
    assert short(number, "B") == (f"{text}B" if text[-1].isalpha() else f"{text} B")
