"""Files that use each other: what is found, what is refused, and that nothing outside the root is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archlang import load
from archlang.compiler import check
from archlang.limits import limits

PAIR = "block pair(width) { conv 3x3 width pad=1 -> relu }\nlet twice(n) = 2 * n\nlet act = tanh\n"
MAIN = 'use "blocks.arch": pair, twice\nnet n { input x: 3x8x8; pair twice(4); output }\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("blocks.arch").write_text(PAIR, encoding="utf-8")
    return tmp_path


def written(path: str, text: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


def codes(path: str, root: Path | None = None) -> list[str]:
    return [diagnostic.code for diagnostic in check(path, root=root).diagnostics]


def test_blocks_functions_and_nets_of_other_files() -> None:
    written("nets/base.arch", 'use "../blocks.arch": pair\nnet base(w=3) { input x: 3x8x8; pair w; output }\n')
    written(
        "main.arch", 'use "nets/base.arch": base\nnet wide = base w=7\nnet n { input x: 3x8x8; base; base; output }\n'
    )
    checked = check("main.arch")
    assert [graph.name for graph in checked.graphs] == ["wide", "n"]
    assert checked.graphs[0].root.types[-1].shape == (1, 7, 8, 8)
    assert sorted(checked.sources) == ["blocks.arch", "main.arch", "nets/base.arch"]


def test_a_block_sees_the_names_of_its_own_file() -> None:
    written("other.arch", "let width = 5\nblock pair(n) { conv 1x1 width }\nblock two { pair 1 -> pair 2 }\n")
    text = 'use "other.arch": two\nlet width = 9\nblock pair(n) { relu }\nnet n { input x: 3x8x8; two; pair 3; output }'
    graph = check(written("main.arch", text)).graphs[0]
    assert graph.root.types[-1].shape == (1, 5, 8, 8)
    assert len({block.id for block in graph.blocks}) == len(graph.blocks)  # two blocks are called pair


def test_the_root_is_the_folder_of_the_spec_or_the_one_that_is_named(here: Path) -> None:
    path = written("nets/main.arch", MAIN.replace("blocks.arch", "../blocks.arch"))
    assert codes(path) == ["outside-the-root"]
    assert codes(path, root=here) == []
    assert codes(written("main.arch", MAIN.replace("blocks.arch", str(here / "blocks.arch")))) == []
    assert codes(written("a.arch", MAIN.replace("blocks.arch", "nets/../blocks.arch"))) == []


def test_a_link_leads_nowhere_else(here: Path) -> None:
    outside = here.parent / f"{here.name}-outside.arch"
    outside.write_text(PAIR, encoding="utf-8")
    os.symlink(outside, "link.arch")
    assert codes(written("main.arch", MAIN.replace("blocks.arch", "link.arch"))) == ["outside-the-root"]
    outside.unlink()


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "no text", "nothing"])
def test_a_file_that_is_no_text_is_refused(kind: str) -> None:
    path = Path("odd.arch")
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "no text":
        path.write_bytes(b"\xff\xfe\x00")
    assert codes(written("main.arch", MAIN.replace("blocks.arch", "odd.arch"))) == ["no-such-file"]


def test_many_files_are_too_many() -> None:
    for number in range(limits().files + 10):
        written(f"f{number}.arch", f'use "f{number + 1}.arch": act\nlet a{number} = 3\n')
    assert "too-large" in codes(written("main.arch", 'use "f0.arch": a0\nnet n { input x: [a0]; relu; output }\n'))


def test_circles_are_shown_once_and_end() -> None:
    written("a.arch", 'use "b.arch": b\nblock a { relu }\nnet n { input x: [3]; b; output }\n')
    written("b.arch", 'use "c.arch": c\nblock b { c }\n')
    written("c.arch", 'use "a.arch": a\nuse "c.arch": d\nblock c { a }\n')
    diagnostics = check("a.arch").diagnostics
    assert [diagnostic.code for diagnostic in diagnostics] == ["circular-use", "circular-use"]
    assert (
        diagnostics[0].message == "`a.arch` uses `b.arch`, which uses `c.arch`, which uses `a.arch`: a circle of files"
    )
    assert diagnostics[1].message == "`c.arch` uses `c.arch`: a circle of files"


def test_a_mistake_in_a_used_file_is_reported_there_once() -> None:
    written("blocks.arch", PAIR + "block bad { conv }\nlet half = \n")
    text = 'use "blocks.arch": bad, half\nnet n { input x: 3x8x8; bad -> bad; conv 1x1 half; output }\nnet m = n\n'
    diagnostics = check(written("main.arch", text)).diagnostics
    assert [(diagnostic.code, diagnostic.span.file) for diagnostic in diagnostics] == [
        ("unexpected-word", "blocks.arch"),
        ("missing-argument", "blocks.arch"),
    ]


def test_in_python_and_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    written("main.arch", MAIN)
    assert load("main.arch").report().totals.params == 8 * 27 + 8
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MAIN.encode())))
    assert [graph.name for graph in check("-").graphs] == ["n"]
