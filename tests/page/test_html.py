"""The file: one, that asks for nothing, and in which no text of a spec becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from archlang.cli import main
from archlang.compiler import check
from archlang.marks import is_made_here
from archlang.page import html_page, page_data
from archlang.page.html import embedded
from tests.house.test_house import without_torch

HOSTILE = """# </script><script>alert(1)</script> <!-- \u2028\u2029 & ]]>
net n {
  input x: 3x8x8
  relu
  output
  expect params == 0
}
"""


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text in each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found:
            self.texts.setdefault(self.found[-1][0], []).append(data)


def page_of(spec: str) -> str:
    checked = check(spec, only=True)
    return html_page(page_data(checked.graphs[0], checked.sources))


def test_text_of_a_spec_is_never_markup(tmp_path: Path) -> None:
    spec = tmp_path / "<img src=x onerror=alert(1)>.arch"
    spec.write_text(HOSTILE, encoding="utf-8")
    text = page_of(str(spec))
    elements = Elements(text)
    assert [tag for tag, _ in elements.found].count("script") == 2
    assert not {"img", "b"} & {tag for tag, _ in elements.found}
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert not re.search("[<>&\u2028\u2029]", data)
    lines = json.loads(data)["files"][0]["lines"]
    assert "".join(lines[0][1::2]) == HOSTILE.partition("\n")[0]


def test_the_policy_allows_the_script_and_the_styles_alone() -> None:
    text = page_of("lenet5")
    elements = Elements(text)
    (policy,) = [str(a["content"]) for _, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";") if rule.strip())
    assert rules["default-src"] == "'none'" and "connect-src" not in rules
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    for name, content in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_the_page_names_no_other_place() -> None:
    """The one address is the name of SVG's elements."""
    script = "".join(re.findall(r"<script>(.*?)</script>", page_of("lenet5"), re.DOTALL))
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[\w/.-]*", script)) <= {"http://www.w3.org/2000/svg"}


def test_a_large_net_is_a_small_page() -> None:
    assert len(page_of("resnet50").encode()) < 1_000_000


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "a & b"])
def test_json_keeps_its_meaning_when_escaped(text: str) -> None:
    assert json.loads(embedded({"name": text})) == {"name": text}


def test_report_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "lenet5", "--format", "html", "-o", "n.html"]) == 0
    assert is_made_here(Path("n.html"))
    assert main(["report", "lenet5", "--format", "html", "-o", "n.html"]) == 0  # its own file may be replaced
    Path("mine.html").write_text("mine")
    assert main(["report", "lenet5", "--format", "html", "-o", "mine.html"]) == 2
    assert Path("mine.html").read_text() == "mine"


@pytest.mark.parametrize(
    "words, message",
    [
        ("--format html", "--format html needs -o FILE"),
        ("-o n.html", "-o FILE is for --format html"),
        ("--format html -o n.html --depth 1", "a page has every layer"),
        ("--format html -o n.html --style cs231n", "a page has every layer"),
    ],
)
def test_wrong_calls_are_told(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "lenet5", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_open_opens_the_browser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    opened: list[str] = []

    def browser(address: str) -> bool:
        opened.append(address)
        return len(opened) == 1

    monkeypatch.setattr("webbrowser.open", browser)
    monkeypatch.chdir(tmp_path)
    assert main(["open", "lenet5", "-o", "n.html"]) == 0
    assert capsys.readouterr().out == "opened n.html\n"
    assert opened == [(tmp_path / "n.html").as_uri()]
    assert main(["open", "lenet5"]) == 0
    assert capsys.readouterr().out.startswith("no browser was found here; open file:///")
    Path("wrong.arch").write_text("net wrong {\n  input image: 3x8x8\n  convx 3x3 8\n  output\n}\n")
    assert main(["open", "wrong.arch"]) == 1 and len(opened) == 2
    capsys.readouterr()
    assert main(["open", "wrong.arch", "-o", "wrong.html", "--allow-errors"]) == 1
    assert opened[2:] == [(tmp_path / "wrong.html").as_uri()]
    assert "error[unknown-operator]" in capsys.readouterr().err


def test_the_page_does_without_torch(tmp_path: Path) -> None:
    page = tmp_path / "lenet5.html"
    words = ("report", "lenet5", "--format", "html", "-o", str(page))
    done = without_torch("from archlang.cli import main; sys.exit(main())", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert page.stat().st_size > 0
