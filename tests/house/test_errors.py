"""The pages of docs/errors: one for each code. Its programs get exactly the messages on the page."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archlang.cli import main
from archlang.cli.explain import codes, title
from archlang.paths import ERRORS
from tests.golden import assert_golden
from tests.house.test_docs import Fence, save_spec

PACKAGE = Path(__file__).parents[2] / "archlang"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"[a-z]+(-[a-z]+)+")
RAISED = ("Rejected", "Diagnostic", "Slip")
# words with a hyphen that are something else: of training, of HTTP's headers, of folders
NO_CODES = {"held-out", "scikit-learn", "no-store", "no-referrer", "same-origin", "site-packages", "sans-serif"}
PAGES = codes()


# ---- a page for each code, a code for each page


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _codes_in(node: ast.AST) -> set[str]:
    """Return the strings in a part of the source that can be nothing but codes: words joined by hyphens."""
    strings = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {string for string in strings if isinstance(string, str) and CODE.fullmatch(string)}


def _files() -> Iterator[ast.Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def source_codes() -> set[str]:
    """Return every code that a file of the package can report: a string that is one word with a hyphen."""
    return set[str]().union(*map(_codes_in, _files())) - NO_CODES


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert source_codes() == set(PAGES)


def test_every_code_is_written_with_a_hyphen() -> None:
    """The search above assumes this."""
    given = [call.args[0] for file in _files() for call in ast.walk(file) if isinstance(call, ast.Call)
             and _called(call) in RAISED and call.args]  # fmt: skip
    written = [node.value for node in given if isinstance(node, ast.Constant)]
    assert len(written) > 100
    assert [code for code in written if not (isinstance(code, str) and CODE.fullmatch(code))] == []


def test_no_code_is_computed() -> None:
    for file in _files():
        for node in ast.walk(file):
            if isinstance(node, ast.Call) and _called(node) in RAISED and node.args:
                assert not isinstance(node.args[0], (ast.JoinedStr, ast.BinOp, ast.Call)), ast.unparse(node)


# ---- the contents of a page


@pytest.mark.parametrize("code", PAGES)
def test_page(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rewrite_golden: bool) -> None:
    """Its programs are checked, and the page shows what was printed; corrected programs are valid."""
    monkeypatch.chdir(tmp_path)
    _other_machine(code, monkeypatch)
    page = ERRORS / f"{code}.md"
    assert_golden(page, _replayed(page), rewrite_golden)


@pytest.mark.parametrize("code", PAGES)
def test_page_shows_its_code_and_the_cure(code: str) -> None:
    text = (ERRORS / f"{code}.md").read_text(encoding="utf-8")
    assert re.match(rf"# {code}: [a-z`].*[^.]\n\n", text), "the first line is the code and a title without a full stop"
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[text.count("\n## ") > 0 :]:
        fences = FENCE.findall(part)
        told = "\n".join(body for language, body in fences if language in ("console", "text"))
        heads = re.findall(r"^(?:error|warning|note)\[([\w-]+)\]: ", told, re.MULTILINE)
        if heads or code not in _of_the_command_line():
            assert heads == [code], f"a part of {code}.md shows {heads}"
        assert fences[-1][0] != "text" and not (heads and fences[-1][0] == "console"), "a part ends with the cure"
        prose = FENCE.sub("", part).split("\n\n", 1)[1]
        assert len(prose.split()) > 20, "it says why this happens"


def _of_the_command_line() -> set[str]:
    """Return the codes that are not of specs: those of training, of pictures and of missing packages."""
    folders = [PACKAGE / name for name in ("train", "render", "render/volumes")]
    files = [*(path for folder in folders for path in folder.glob("*.py")), PACKAGE / "packages.py"]
    return set[str]().union(*(_codes_in(ast.parse(path.read_text(encoding="utf-8"))) for path in files))


def _replayed(page: Path) -> str:
    """Return the page with what its commands print now, one after another in one folder."""
    text = page.read_text(encoding="utf-8")
    printed = ""

    def replay(match: re.Match[str]) -> str:
        nonlocal printed
        language, body = match[1], match[2]
        if language == "arch":
            place = f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}"
            save_spec(Fence(page.name, 0, language, body), place)
        elif language == "python":
            printed = _run_python(body, page.name)
        elif language == "console" or body.startswith("$ archlang "):
            body = "".join(_run_command(command) for command in re.findall(r"^\$ (.*)$", body, re.MULTILINE))
        elif language == "text":
            body, printed = printed, ""
        return f"```{language}\n{body}```"

    return FENCE.sub(replay, text)


def _run_command(command: str) -> str:
    words = command.split()
    assert words[0] == "archlang"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        main(words[1:])
    return f"$ {command}\n{said.getvalue()}"


def _run_python(text: str, place: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(text, place, "exec"), {})  # noqa: S102  our own pages
    return said.getvalue()


def _other_machine(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imitate a machine without what the page is about. Its answer is in a `text` fence: tests run on this one."""
    if code == "no-cuda":
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    elif code == "missing-extra":
        monkeypatch.setitem(sys.modules, "mlxtend.data", None)


# ---- the index, and the command


def index() -> str:
    """Return the README of the folder: every code and its title, by letter."""
    head = (
        "# Errors and warnings\n\n"
        "Each has a code, and each code a page: a program, the message that it gets, why, and what to write instead.\n"
        "`archlang explain CODE` prints a page, `archlang explain` this list.\n\n"
    )
    return head + "".join(f"- [{code}]({code}.md): {title(code)}\n" for code in PAGES)


def test_index(rewrite_golden: bool) -> None:
    assert_golden(ERRORS / "README.md", index(), rewrite_golden)


def test_explain_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "unequal-shapes"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("unequal-shapes: ")
    assert "```" not in printed
    page = (ERRORS / "unequal-shapes.md").read_text(encoding="utf-8")
    for _, body in FENCE.findall(page):
        assert "".join(f"    {line}".rstrip() + "\n" for line in body.splitlines()) in printed
    for line in FENCE.sub("", page).splitlines():
        assert line.lstrip("# ") in printed


def test_explain_lists_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [tuple(re.split(r"  +", line, maxsplit=1)) for line in lines] == [(code, title(code)) for code in PAGES]


@pytest.mark.parametrize(
    "given, hint",
    [
        ("unequal-shape", "did you mean unequal-shapes?"),
        ("Unknown-Name", "did you mean unknown-name?"),
        ("zzz", "`archlang explain` lists them all"),
        ("README", "`archlang explain` lists them all"),
        ("../language", "`archlang explain` lists them all"),
    ],
)
def test_explain_of_an_unknown_code(given: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", given]) == 2
    assert capsys.readouterr().err == f"archlang: there is no diagnostic called {given}; {hint}\n"
