"""The page in a headless Chromium, used as a person would. Skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archlang.compiler import check
from archlang.page import Published, html_page, page_data
from tests.page.tab import CHROMIUM, Tab, chromium

pytestmark = [
    pytest.mark.sweep,  # a browser takes seconds to start
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
]
AXE = Path(__file__).parents[2] / "archlang" / "page" / "web" / "node_modules" / "axe-core" / "axe.min.js"

SERIOUS = """axe.run().then(result => result.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .map(one => `${one.id}: ${one.nodes.map(node => `${node.target.join(" ")} ${node.failureSummary}`).join("; ")}`))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    with chromium() as tab:
        yield tab


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the pages of some nets."""
    folder = tmp_path_factory.mktemp("pages")
    for spec, published in (("resnet50", Published(80.858)), ("googlenet", None), ("resnet_cifar:resnet1202", None)):
        checked = check(spec, only=True)
        text = html_page(page_data(checked.graphs[0], checked.sources, published=published))
        (folder / f"{checked.graphs[0].name}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def tab(browser: Tab, pages: Path) -> Iterator[Tab]:
    """Yield the page of ResNet-50. Nothing may be asked for but the page, and nothing may be complained of."""
    browser.size(1440, 900)
    browser.scheme("light")
    browser.open(pages / "resnet50.html")
    yield browser
    assert browser.complaints == []
    assert [address for address in browser.asked if not address.partition("#")[0].endswith(".html")] == []


def boxes(tab: Tab) -> list[str]:
    return tab.texts(".box .word, .frame .word")


def test_it_is_ready_soon_and_shows_an_overview(tab: Tab) -> None:
    assert tab.text("h1") == "resnet50"
    assert "25.6 M parameters" in tab.text("header")
    assert {"conv 7x7/2 64 pad=3 bias=false", "layer1", "layer4", "linear 1000"} <= set(boxes(tab))
    assert len(boxes(tab)) <= 24
    assert tab.texts(".port .word") == ["image 3x224x224", "output 1000"]


def test_a_click_on_a_layer_tells_all_of_it(tab: Tab) -> None:
    tab.click(".box.weights .shape", dy=4)
    assert tab.text(".detail h2") == "conv1"
    told = tab.text(".detail")
    assert "floor((224 + 2*3 - 1*(7 - 1) - 1)/2) + 1" in told and "9,408" in told and "118,013,952" in told
    assert "7x7 of the input (its receptive field), in steps of 2 from -3 on" in told
    assert "its input 1x3x224x224 float32, 602,112 bytes" in told
    assert "conv1: conv 7x7/2 64" in tab.text(".line.on")
    assert tab.text("tr.selected th") == "conv1"


def test_what_repeats_is_one_box_with_letters_for_what_varies(tab: Tab) -> None:
    groups = dict(zip(tab.texts(".box.group .word"), tab.texts(".box.group .small"), strict=True))
    assert groups["layer2"] == "bottleneck ×4 · 42 operators" and len(groups) == 4
    tab.value("archlang.state.select(archlang.state.net.items.find(i => i.path === 'layer2'), 'test')")
    assert tab.texts(".each li")[1] == "3×3 conv, 128, /s · BN-ReLU"
    assert tab.texts(".each li.optional") == ["1×1 conv, 512, /2 · BN"]
    assert tab.texts(".letters tbody td") == ["2, then 1"]


def test_a_group_is_opened_and_closed(tab: Tab) -> None:
    before = len(boxes(tab))
    sign = next(at for at, text in enumerate(tab.texts(".box.group .word")) if text == "layer4")
    ids = tab.value("[...document.querySelectorAll('.box.group')].map(e => e.dataset.item)")
    chosen = f".box[data-item='{ids[sign]}'] .sign"
    tab.click(chosen)
    assert {"layer4.0", "layer4.1", "layer4.2"} <= set(boxes(tab)) and len(boxes(tab)) == before + 3
    frame = f".frame[data-item='{ids[sign]}'] .sign"
    tab.click(frame)
    assert len(boxes(tab)) == before


def test_a_double_click_opens_what_is_closed(tab: Tab) -> None:
    tab.click(".box.group .word", times=2)
    assert tab.texts(".frame .word") == ["layer1"] and "layer1.0" in boxes(tab)


def test_search_finds_and_shows(tab: Tab) -> None:
    tab.key("/")
    tab.type("layer3.2 conv2")
    assert tab.texts("#found li")[0].startswith("layer3.2.conv2")
    tab.key("Enter")
    assert tab.text(".detail h2") == "layer3.2.conv2"
    assert tab.amount(".box.selected") == 1
    x, y = tab.place(".box.selected")
    left, top, right, bottom = tab.value(
        "(() => { const b = document.querySelector('.stage').getBoundingClientRect();"
        " return [b.x, b.y, b.right, b.bottom]; })()"
    )
    assert left < x < right and top < y < bottom
    tab.key("/")
    tab.type("no such layer")
    assert tab.texts("#found li") == ["nothing found"]


def test_the_table_is_sorted_and_leads_to_the_graph(tab: Tab) -> None:
    assert tab.texts(".grid tbody th")[:3] == ["conv1", "bn1", "2"]
    tab.click("thead th:nth-child(4) button")
    assert tab.value("document.querySelector('thead th:nth-child(4)').getAttribute('aria-sort')") == "descending"
    numbers = [int(text.replace(",", "")) for text in tab.texts(".grid tbody td:nth-child(4)")]
    assert numbers[0] == 2_359_296 and numbers == sorted(numbers, reverse=True)
    first = tab.text(".grid tbody th")
    tab.click(".grid tbody th")
    assert tab.text(".detail h2") == first and tab.amount(".box.selected") == 1
    tab.click("thead th:nth-child(4) button")
    assert tab.text(".grid tbody td:nth-child(4)") == "0"


def test_a_line_of_the_spec_leads_to_its_layer(tab: Tab) -> None:
    lines = tab.texts(".line .text")
    at = next(number for number, text in enumerate(lines, 1) if "conv1: conv 7x7/2" in text)
    tab.value(f"document.querySelector('.line[data-line=\"{at}\"]').scrollIntoView({{block: 'center'}})")
    tab.click(f".line[data-line='{at}'] .number", dx=4)
    assert tab.text(".detail h2") == "conv1"


def test_a_link_leads_to_a_layer(tab: Tab, pages: Path) -> None:
    tab.open(pages / "googlenet.html")
    tab.value("location.hash = 'inception4a.branch1.conv'")
    assert tab.wait("document.querySelector('.detail h2').textContent === 'inception4a.branch1.conv'")
    tab.value("archlang.state.select(archlang.state.net.layers[0].item, 'test')")
    assert tab.value("location.hash") == "#conv1.conv"


def test_names_within_braces_are_short(tab: Tab) -> None:
    tab.value("archlang.state.select(archlang.state.net.items.find(i => i.path === 'layer1.0.downsample'), 'test')")
    tab.settle()
    words = boxes(tab)
    assert "layer1.0" in words and "downsample" in words and "layer1.0.downsample" not in words


def test_heat_colours_by_a_column(tab: Tab) -> None:
    column = next(at for at, text in enumerate(tab.texts("header .choice option")) if text == "MACs")
    value = tab.value(f"document.querySelectorAll('header .choice option')[{column}].value")
    plain = tab.style(".box.weights .shape", "fill")
    tab.choose("header .choice select", str(value))
    assert tab.style(".box.weights .shape", "fill") != plain
    assert tab.text(".legend").startswith("MACs: 0")
    tab.choose("header .choice select", "")
    assert tab.style(".box.weights .shape", "fill") == plain


def test_light_and_dark(tab: Tab) -> None:
    light = tab.style("body", "backgroundColor")
    tab.scheme("dark")
    assert tab.style("body", "backgroundColor") != light
    tab.choose("header .choice:last-of-type select", "light")
    assert tab.style("body", "backgroundColor") == light
    tab.choose("header .choice:last-of-type select", "auto")


def test_pan_and_zoom(tab: Tab) -> None:
    before = tab.place(".box .shape")
    tab.drag(".box .shape", 60, 40)
    after = tab.place(".box .shape")
    assert (round(after[0] - before[0]), round(after[1] - before[1])) == (60, 40)
    assert tab.text(".detail h2") == "resnet50"  # a move chooses nothing
    x, y = after
    tab.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    tab.settle()
    wide = "document.querySelector('.box .shape').getBoundingClientRect().width"
    zoomed = tab.value(wide)
    tab.click(".tools button:nth-child(3)")
    assert tab.value(wide) < zoomed


def test_keys_walk_through_the_graph(tab: Tab) -> None:
    tab.value("document.querySelector('.stage').focus()")
    tab.key("ArrowDown")
    assert tab.text(".detail h2") == "conv1"
    for _ in range(4):
        tab.key("ArrowDown")
    assert tab.text(".detail h2") == "layer1"
    tab.key("ArrowRight")
    assert tab.text(".detail h2") == "layer1.0"
    tab.key("Enter")
    tab.key("ArrowRight")
    assert tab.text(".detail h2") == "layer1.0.conv1"
    assert "layer1.0.conv1: conv 1x1 64" in tab.text(".graph [aria-live]")
    tab.key("ArrowLeft")
    tab.key("ArrowLeft")
    assert tab.text(".detail h2") == "layer1"
    tab.key("Escape")
    assert tab.text(".detail h2") == "resnet50"


def test_memory_over_time_leads_to_its_layer(tab: Tab) -> None:
    tab.click("#tab-memory")
    assert tab.text(".beside .peak").startswith("peak ") and tab.text(".beside caption") == "alive at the peak"
    kinds = tab.texts(".beside tbody th")
    assert kinds[-1] == "parameters" and {"activations", "gradients of parameters"} <= {*kinds}
    assert tab.texts(".figure .band title") == kinds[::-1]
    x, y = tab.place(".figure svg")
    tab.mouse("mouseMoved", x - 200, y)
    tab.settle()
    assert "in forward of layer" in tab.text(".memory .told")
    assert tab.text(".beside caption").startswith("alive in forward of layer")
    tab.click_at(x - 200, y)
    assert tab.text(".detail h2").startswith("layer")
    assert tab.amount(".marks rect") >= 1


def test_accuracy_shows_the_net_among_the_others(tab: Tab) -> None:
    tab.click("#tab-accuracy")
    assert tab.amount("circle.own") == 1 and tab.amount("circle.net") > 60
    assert "80.858% top-1" in tab.text(".accuracy .told")


def test_print_holds_every_layer(tab: Tab) -> None:
    tab.value("dispatchEvent(new Event('beforeprint'))")
    assert tab.amount(".grid tbody tr[data-item]") == 175
    assert tab.value("document.documentElement.dataset.theme") == "light"  # as paper is
    tab.value("dispatchEvent(new Event('afterprint'))")
    tab.settle()
    assert tab.value("document.documentElement.dataset.theme") is None
    assert tab.amount(".grid tbody tr[data-item]") < 60
    data = tab.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert len(data) > 20_000


@pytest.mark.parametrize("width", [1440, 500])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(tab: Tab, scheme: str, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in archlang/page/web")
    tab.scheme(scheme)
    tab.size(width, 900)
    tab.settle()
    tab.call("Runtime.evaluate", expression=AXE.read_text(encoding="utf-8"))
    for opened in ("#tab-layers", "#tab-memory", "#tab-accuracy"):
        tab.value(f"document.querySelector('{opened}').click()")
        found = tab.call("Runtime.evaluate", expression=SERIOUS, awaitPromise=True, returnByValue=True)["result"][
            "value"
        ]
        assert found == []


def test_a_net_of_1202_layers_opens_whole(browser: Tab, pages: Path) -> None:
    """The bars are a second and 16 ms; on a machine that others use only the work is held to: few elements."""
    browser.size(1440, 900)
    browser.open(pages / "resnet1202.html")
    opened = browser.value(
        "(() => { const { state, graph } = archlang; const t = performance.now();"
        " state.toggleAll(true); graph.fit(); graph.drawNow(); return performance.now() - t; })()"
    )
    assert opened < 10_000
    assert browser.amount("svg.canvas *") < 6000
    frames = browser.value(
        "(() => { const { graph } = archlang; const f = [];"
        " for (let i = 0; i < 50; i++) { graph.pan(-9, -7); f.push(graph.drawNow()); }"
        " return f.sort((a, b) => a - b)[25]; })()"
    )
    assert frames < 16
    assert browser.complaints == []


def test_outputs_when_training_are_named(browser: Tab, pages: Path) -> None:
    browser.open(pages / "googlenet.html")
    browser.value("archlang.graph.zoom(0.75), archlang.graph.reveal(archlang.state.net.root.children.at(-1))")
    browser.settle()
    assert {"output 1000", "aux1 1000 when training"} <= set(browser.texts(".port .word"))
    browser.value("archlang.state.select(archlang.state.net.items.find(i => i.path === 'aux1'), 'test')")
    browser.settle()
    assert browser.amount(".box.idle.selected") == 1 and "runs in training only" in browser.text(".graph [aria-live]")
    assert browser.complaints == []
