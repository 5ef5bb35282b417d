"""`archlang zoo`, and the data in it that cannot be computed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from archlang.cli import main
from archlang.elaborate import elaborate_partial
from archlang.facts.work import Counts, count
from archlang.ir import Graph
from archlang.paths import SPECS
from archlang.shipped import shipped_nets
from archlang.syntax import File
from archlang.zoo import origin
from tests.clock import of_program, ratio
from tests.golden import assert_golden
from tests.house.test_house import without_torch

PUBLISHED = Path(__file__).parents[2] / "archlang" / "zoo" / "published.json"
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "torchvision.json").read_text())["models"]


def zoo(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    assert main(["zoo", *words, "--format", "json"]) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


@pytest.fixture(scope="module")
def every() -> list[dict[str, object]]:
    """Return all rows, counted once."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["zoo", "--format", "json"]) == 0
    rows: list[dict[str, object]] = json.loads(said.getvalue())
    return rows


def names(rows: list[dict[str, object]]) -> list[object]:
    return [row["name"] for row in rows]


# ---- what torchvision publishes


def test_published_is_torchvisions(torchvision: ModuleType, rewrite_golden: bool) -> None:
    """The data file is written from torchvision's metadata by this test, asked with --rewrite-golden."""
    models = torchvision.models
    found: dict[str, list[dict[str, object]]] = {}
    for name in sorted(models.list_models(module=models)):
        found[name] = [
            {
                "weights": weights.name,
                "file": weights.url.rpartition("/")[2],
                "input": weights.transforms.keywords["crop_size"],
                "top1": weights.meta["_metrics"]["ImageNet-1K"]["acc@1"],
                "top5": weights.meta["_metrics"]["ImageNet-1K"]["acc@5"],
            }
            for weights in models.get_model_weights(name)
        ]
    assert len(found) == 80 and all(found.values())
    lines = ",\n".join(f'"{name}": {json.dumps(known)}' for name, known in found.items())
    assert_golden(PUBLISHED, f"{{\n{lines}\n}}\n", rewrite_golden)


# ---- the rows


def test_counts_are_those_of_the_reference(every: list[dict[str, object]]) -> None:
    rows = {row["name"]: row for row in every}
    held = REFERENCE.keys() & rows.keys()
    assert held >= {"alexnet", "vgg16", "resnet50", "densenet121", "googlenet"}
    for name in held:
        expected = REFERENCE[name]
        assert (rows[name]["params"], rows[name]["macs"]) == (expected["params"], expected["macs"])
        assert rows[name]["input"] == "x".join(map(str, expected["input"]))


def test_every_shipped_spec_has_its_nets_and_their_years(every: list[dict[str, object]]) -> None:
    declared = {name for _, found in shipped_nets() for name in found}
    assert len(every) == len(set(names(every))) and set(names(every)) <= declared
    assert {row["family"] for row in every} == {path.stem for path in SPECS.glob("*.arch")}
    assert [row["name"] for row in every if row["year"] is None] == []


@pytest.mark.parametrize(
    "name, year, arxiv",
    [
        ("lenet5", 1998, None),
        ("alexnet", 2012, None),
        ("vgg16", 2014, "1409.1556"),
        ("resnet50", 2015, "1512.03385"),
        ("resnext50_32x4d", 2016, "1611.05431"),
        ("wide_resnet50_2", 2016, "1605.07146"),
        ("densenet121", 2016, "1608.06993"),
        ("googlenet", 2014, "1409.4842"),
    ],
)
def test_origins(name: str, year: int, arxiv: str | None, every: list[dict[str, object]]) -> None:
    (row,) = (row for row in every if row["name"] == name)
    assert (row["year"], row["arxiv"]) == (year, arxiv)


def test_a_spec_without_a_reference_has_no_year() -> None:
    told = origin("# a net of 64 channels\nnet a {\n}\n# 1999\n", "a")
    assert (told.year, told.arxiv) == (None, None)


def test_accuracy_is_of_images_of_the_nets_size(every: list[dict[str, object]]) -> None:
    rows = {row["name"]: row for row in every}
    row, other, own = rows["resnet50"], rows["efficientnet_b1"], rows["resnet50_paper"]
    assert (row["weights"], row["top1"], row["top5"]) == ("IMAGENET1K_V2", 80.858, 95.434)
    assert row["measured_on"] == 224
    # counted at 224 here, published at 240 alone
    assert (other["input"], other["measured_on"], other["weights"]) == ("3x224x224", 240, "IMAGENET1K_V2")
    assert own["top1"] is None and own["published"] == []


# ---- the choice


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    assert names(zoo(capsys, "resnet??", "--family", "resnet", "--max-params", "26M")) == [
        "resnet18",
        "resnet34",
        "resnet50",
    ]
    assert names(zoo(capsys, "--family", "densenet", "--max-macs", "3G")) == ["densenet121"]
    assert names(zoo(capsys, "resnet*", "--family", "resnet", "--min-top1", "82")) == ["resnet152"]
    assert names(zoo(capsys, "resnet9")) == []
    assert main(["zoo", "resnet9"]) == 0
    assert capsys.readouterr().out == "no shipped net matches\n"


def test_folders_are_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "lectures").mkdir()
    for path in (tmp_path / "a.arch", tmp_path / "lectures" / "b.arch"):
        path.write_text(f"net {path.stem} {{\n  input x: [4]\n  linear 2\n  output\n}}\n")
    monkeypatch.setattr("archlang.paths.SPECS", tmp_path)
    monkeypatch.setattr("archlang.shipped.SPECS", tmp_path)
    assert names(zoo(capsys)) == ["a"]
    assert names(zoo(capsys, "b")) == names(zoo(capsys, "--family", "lectures/*")) == ["b"]


def test_orders(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--family", "vgg", "--sort", "top1"]
    for order in (words, [*words, "--descending"]):
        rows = zoo(capsys, *order)
        known = [row["top1"] for row in rows if row["top1"] is not None]
        assert known == sorted(known, reverse="--descending" in order)  # type: ignore[type-var]
        assert len(known) == 8 and [row["top1"] for row in rows][8:] == [None] * (len(rows) - 8) != []


@pytest.mark.parametrize("words", [["--max-params", "many"], ["--sort", "beauty"]], ids=" ".join)
def test_words_that_are_no_choice(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["zoo", *words])
    assert stop.value.code == 2


# ---- all at once


@pytest.mark.sweep
def test_the_whole_zoo_is_checked_in_the_time_of_40_nets() -> None:
    """Whole processes, torch unimportable."""
    every = sorted(map(str, SPECS.glob("*.arch")))
    code = "import sys; sys.modules['torch'] = None; from archlang.cli import main; sys.exit(main(sys.argv[1:]))"
    whole, one = (of_program("-c", code, "check", *words) for words in (every, ["resnet50"]))
    assert ratio(whole, one, 1) < 40


# ---- as text, as CSV


def test_only_the_nets_that_are_asked_for_are_elaborated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elaborated = list[str]()

    def noting(file: File, name: str, *given: Any) -> Any:
        elaborated.append(name)
        return elaborate_partial(file, name, *given)

    monkeypatch.setattr("archlang.compiler.elaborate_partial", noting)
    rows = zoo(capsys, "lenet5", "vgg1[13]")
    assert names(rows) == elaborated == ["lenet5", "vgg11", "vgg13"]


def test_text_and_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "lenet5", "resnet18"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", lines[2]) == ["lenet5", "61,706", "416,520", "1x32x32", "1998", "-", "-", "-"]
    assert lines[3].split()[1:] == [
        "11,689,512",
        "1,814,073,344",
        "3x224x224",
        "2015",
        "69.758",
        "224",
        "IMAGENET1K_V1",
    ]
    assert main(["zoo", "lenet5", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["params"], row["top1"], row["family"]) == ("61706", "", "lenet")


def test_torch_is_not_needed() -> None:
    done = without_torch("from archlang.cli import main; sys.exit(main())", "zoo", "resnet18")
    assert (done.returncode, done.stderr) == (0, "")
    assert "11,689,512" in done.stdout


def test_each_net_is_counted_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its promises and its entry share the counts."""
    counted: list[str] = []

    def noted(graph: Graph, batch: int = 1, dtype: str | None = None) -> Counts:
        counted.append(graph.name)
        return count(graph, batch, dtype)

    monkeypatch.setattr("archlang.facts.net.count", noted)
    assert {*names(zoo(capsys, "--family", "resnet"))} == {*counted} and len(counted) == len({*counted})


def test_no_other_sizes_are_tried(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows show counts at the default, and no warnings; `check` tries other sizes of the same nets."""

    def tried(*_: object) -> None:
        raise AssertionError("other sizes were tried")

    monkeypatch.setattr("archlang.sizes.fixing", tried)
    assert "fcn_8s" in names(zoo(capsys, "--family", "fcn"))
    assert main(["check", "fcn_8s"]) != 0
    assert "other sizes were tried" in capsys.readouterr().err
