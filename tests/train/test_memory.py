"""The memory that a run needs, against the memory there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.facts.memory import memory
from archlang.train import memory as module
from archlang.train.memory import free_bytes, predicted, setup_of_recipe
from tests.train.recipes import lines_of, recipe_of


def test_a_peak_above_the_free_memory_is_refused_with_the_batch_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe_of(lines_of())
    setup = setup_of_recipe(made.recipe)
    assert setup is not None and setup.batch == 64
    needed = memory(made.graph, setup).needed_bytes
    monkeypatch.setattr(module, "free_bytes", lambda device: needed)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert predicted(made.recipe, made.graph, "cpu").startswith("peak of memory: ")
    monkeypatch.setattr(module, "free_bytes", lambda device: needed - 1)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(Rejected) as caught:
        predicted(made.recipe, made.graph, "cpu")
    assert caught.value.code == "does-not-fit"
    assert caught.value.help == "a batch of 63 fits; `accumulate N` takes a batch in N parts"
    monkeypatch.setattr(module, "free_bytes", lambda device: 2 * needed - 2)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(Rejected, match="are free"):  # two processes share the memory
        predicted(made.recipe, made.graph, "cpu", processes=2)


def test_the_command_refuses_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.arch").write_text(lines_of())
    monkeypatch.setattr(module, "free_bytes", lambda device: 100)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert main(["train", "spec.arch"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("archlang: error[does-not-fit]: a step takes ") and said[0].endswith("100 bytes are free")
    assert said[1] == "help: not even one sample fits"
    assert not Path("runs").exists()


def test_parts_of_a_batch_fit_where_the_whole_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = (recipe_of(lines_of(accumulate=line)) for line in ("", "accumulate 4"))
    setup = setup_of_recipe(parts.recipe)
    assert setup is not None and setup.batch == 16
    needed = memory(parts.graph, setup).needed_bytes
    monkeypatch.setattr(module, "free_bytes", lambda device: needed)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert predicted(parts.recipe, parts.graph, "cpu")
    with pytest.raises(Rejected, match="are free"):
        predicted(whole.recipe, whole.graph, "cpu")


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    assert module._left_in_container(tmp_path) == 450  # pyright: ignore[reportPrivateUsage]
    (tmp_path / "memory.max").write_text("max\n")
    assert module._left_in_container(tmp_path) is None  # pyright: ignore[reportPrivateUsage]
    assert module._left_in_container(tmp_path / "none") is None  # pyright: ignore[reportPrivateUsage]


def test_memory_in_caches_is_free() -> None:
    """As the kernel itself estimates it: more than the pages that nothing uses."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        pytest.skip("no /proc/meminfo here")
    available = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable"))
    found = free_bytes("cpu")
    assert found is not None and 0 < found <= 1.2 * int(available.split()[1]) * 1024
