"""Every example in the README and in docs/ is run, and prints what it says it prints."""

from __future__ import annotations

import doctest
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from archlang.cli import main
from tests.golden import assert_golden

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "errors")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *WRITTEN]  # tests/house/test_errors.py runs the pages of mistakes


@dataclass(frozen=True)
class Fence:
    page: str
    line: int
    language: str
    text: str


def fences(page: Path) -> list[Fence]:
    text = page.read_text(encoding="utf-8")
    found: list[Fence] = []
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        found.append(Fence(page.name, line, match[1], match[2]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], rewrite_golden: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    for fence in fences(page):
        place = f"{fence.page}:{fence.line}"
        if fence.language == "arch":
            save_spec(fence, place)
        elif fence.language == "console":
            printed = run_console(fence, place, capfd, rewrite_golden)
            if rewrite_golden:
                page.write_text(page.read_text(encoding="utf-8").replace(fence.text, printed), encoding="utf-8")
        elif fence.language == "python":
            exec(compile(fence.text, place, "exec"), {})  # noqa: S102  our own pages
        elif fence.language == "pycon":
            run_prompt(fence, place)
        else:
            assert fence.language in ("sh", "json", "text"), f"{place}: a fence of {fence.language} is not run"
    for picture in shown(page):
        if picture.parent == DOCS and Path(picture.name).exists():
            assert_golden(picture, Path(picture.name).read_text(encoding="utf-8"), rewrite_golden)


def shown(page: Path) -> list[Path]:
    """Return the pictures that a page shows."""
    found = re.findall(r'<img src="([^"]+\.svg)"|!\[[^]]*\]\(([^)]+\.svg)\)', page.read_text(encoding="utf-8"))
    return [(page.parent / (one or other)).resolve() for one, other in found]


def test_each_picture_is_made_by_a_command_of_a_page_that_shows_it() -> None:
    made = {
        picture
        for page in WRITTEN
        for picture in shown(page)
        for fence in fences(page)
        if fence.language == "console" and re.search(rf"-o {re.escape(picture.name)}$", fence.text, re.MULTILINE)
    }
    assert {*DOCS.glob("*.svg")} == {picture for picture in made if picture.parent == DOCS}


def run_prompt(fence: Fence, place: str) -> None:
    """Check that each `>>>` prints what is below it."""
    test = doctest.DocTestParser().get_doctest(fence.text, {}, place, None, 0)
    assert test.examples and doctest.DocTestRunner().run(test).failed == 0, f"{place}: see the captured output"


def save_spec(fence: Fence, place: str) -> None:
    """Save a spec whose first line names its file, for the console; any other must be valid by itself."""
    named = re.match(r"# (\w+\.arch)\n", fence.text)
    path = Path(named[1] if named else "example.arch")
    path.write_text(fence.text, encoding="utf-8")
    if not named:
        assert main(["check", str(path)]) == 0, f"{place} does not check"


def run_console(fence: Fence, place: str, capfd: pytest.CaptureFixture[str], rewrite: bool) -> str:
    """Check that each `$ archlang ...` prints the lines below it (`...` is any lines); return what they should be."""
    written = ""
    for part in re.split(r"^\$ ", fence.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        words = shlex.split(command)
        assert words[0] == "archlang", f"{place}: {command} is no archlang command"
        capfd.readouterr()
        main(words[1:])
        printed = "".join(capfd.readouterr())
        lines = expected.rstrip("\n").split("\n")
        pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in lines)
        agrees = re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None
        assert agrees or (rewrite and "..." not in lines), f"{place}: {command} prints\n{printed}"
        written += f"$ {command}\n{expected if agrees else printed}"
    return written


def test_fences_are_found() -> None:
    assert {"sh", "arch", "console", "python"} <= {fence.language for fence in fences(ROOT / "README.md")}
