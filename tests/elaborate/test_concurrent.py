"""Several specs compiled at once, on threads and in processes: each gives the same result as by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from archlang.compiler import Net, check
from archlang.diagnostics import as_json
from archlang.elaborate import net_at
from archlang.elaborate.top_level import top_of
from archlang.ir import Graph, PartialGraph
from archlang.parse import parse
from archlang.source import Source
from tests.specs import net_of

COUNT = 8
BLOCK = "block unit(width) { conv 3x3 width pad=same -> batchnorm -> relu }"
ROUNDS = 6


def write_specs(folder: Path) -> list[Path]:
    """Return specs of different nets; every other one holds mistakes of form and of sizes."""
    paths: list[Path] = []
    for number in range(COUNT):
        wrong = f"conv 3x3, {number}\n  conv 99x99 3\n" if number % 2 else ""
        body = f"  repeat {number + 5} as i {{ unit (8 + i * {number + 1}) }}\n{wrong}  a: conv 1x1 {number + 1}"
        path = folder / f"net{number}.arch"
        path.write_text("\n" * number + net_of(body, before=BLOCK), encoding="utf-8")
        paths.append(path)
    return paths


def answer(path: Path) -> str:
    """Return the result or the mistakes of a spec as text that contains every place in the file."""
    checked = check(str(path))
    return json.dumps([[as_json(diagnostic) for diagnostic in checked.diagnostics], *map(made, checked.graphs)])


def made(graph: Graph) -> list[str]:
    return [graph.model_dump_json(), Net(graph).source(), str(Net(graph).report().totals)]


def together(paths: list[Path]) -> list[str]:
    """Return the answers of all specs, each on a thread of its own, begun at the same moment."""
    gate = Barrier(len(paths))

    def run(path: Path) -> str:
        gate.wait()
        return answer(path)

    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(run, paths))


def test_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_specs(tmp_path)
    alone = list(map(answer, paths))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns often
    try:
        for _ in range(ROUNDS):
            assert together(paths) == alone
    finally:
        sys.setswitchinterval(before)


def test_threads_in_a_process_that_compiled_nothing_yet(tmp_path: Path) -> None:
    """What is loaded when it is first needed (the parser's table, operators) is needed by all threads at once."""
    paths = write_specs(tmp_path)
    (found,) = started(["together", *map(str, paths)], 1)
    assert found == list(map(answer, paths))


def test_processes(tmp_path: Path) -> None:
    paths = write_specs(tmp_path)
    assert started(["alone", *map(str, paths)], COUNT) == [list(map(answer, paths))] * COUNT


def started(arguments: list[str], count: int) -> list[list[str]]:
    """Return what processes print that run this file at once."""
    command = [sys.executable, "-m", "tests.elaborate.test_concurrent", *arguments]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    printed = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * count
    return [json.loads(text) for text in printed]


def test_the_depth_of_calls_is_restored_when_a_block_is_given_up() -> None:
    text = net_of("deep", before="block deep { repeat (10**9) { relu } }")
    file, _ = parse(Source("spec.arch", text))
    here = top_of(file)
    assert isinstance(net_at("tried", {}, here), PartialGraph)
    assert here.session.depth == 0


if __name__ == "__main__":
    how, *given = sys.argv[1:]
    specs = list(map(Path, given))
    sys.stdout.write(json.dumps(together(specs) if how == "together" else list(map(answer, specs))))
