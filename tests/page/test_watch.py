"""`archlang watch`: news as the file is saved, errors at their lines, and nothing for strangers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import webbrowser
from argparse import Namespace
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from archlang.cli import main
from archlang.cli.watch import look_again
from archlang.page.serving import Board, PageServer
from tests.page.tab import CHROMIUM, chromium

GOOD = "net n {\n  input x: 3x8x8\n  conv 3x3 4\n  relu\n  output\n}\n"
LONGER = GOOD.replace("  relu\n", "  relu\n  conv 3x3 5\n")
WRONG = GOOD.replace("conv 3x3 4", "conv 3x3 4 padding=1")
UNREAD = GOOD.replace("net n {", "net n(} {")  # of which nothing is known
PATIENCE = 120.0  # seconds, for a machine that does much else; nothing here takes one by itself


@contextmanager
def watched(spec: Path) -> Generator[str]:
    """Yield the address of the page of a spec that is watched."""
    command = [sys.executable, "-m", "archlang", "watch", str(spec), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.match(r"(http://127\.0\.0\.1:\d+/[\w-]+/) shows ", line)
            assert found is not None, line
            yield found[1]
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def asked(address: str, path: str | None = None, *, method: str = "GET", host: str | None = None) -> tuple[int, str]:
    parts = urlsplit(address)
    connection = HTTPConnection("127.0.0.1", parts.port or 0, timeout=PATIENCE)
    connection.request(method, parts.path if path is None else path, headers={"Host": host or parts.netloc})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


class News:
    """The events of a page, one after the other."""

    def __init__(self, address: str, after: int) -> None:
        parts = urlsplit(address)
        self.connection = HTTPConnection("127.0.0.1", parts.port or 0, timeout=PATIENCE)
        self.connection.request("GET", f"{parts.path}news?after={after}", headers={"Host": parts.netloc})
        self.answer = self.connection.getresponse()

    def next(self) -> dict[str, Any]:
        lines: list[str] = []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            read = self.answer.readline()
            assert read, "the server ended the news"
            line = read.decode().rstrip("\n")
            if line.startswith("data: "):
                lines.append(line.removeprefix("data: "))
            if not line and lines:
                return dict(json.loads("\n".join(lines)))
        raise TimeoutError("no news")

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def data_in(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return dict(json.loads(text))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "n.arch"
    path.write_text(GOOD)
    return path


def with_a_used_file(spec: Path) -> Path:
    """Have a spec use a block of another file, and return that file."""
    used = spec.parent / "unit.arch"
    used.write_text("block unit { relu }\n")
    spec.write_text('use "unit.arch": unit\n' + GOOD.replace("relu", "unit"))
    return used


def saved(path: Path, text: str) -> None:
    """Replace a file as editors do: by renaming another one."""
    other = path.with_suffix(".new")
    other.write_text(text)
    os.replace(other, path)


def test_each_save_is_news(spec: Path) -> None:
    with watched(spec) as address:
        status, page = asked(address)
        data = data_in(page)
        assert (status, data["name"], data["live"]) == (200, "n", "news?after=1")
        assert "connect-src 'self'" in page
        with closing(News(address, 1)) as news:
            saved(spec, LONGER)
            net = news.next()["net"]
            assert len(net["blocks"][-1]["nodes"]) == 3
            saved(spec, UNREAD)
            told = news.next()
            assert "net" not in told
            (problem,) = told["problems"]
            assert problem["span"]["line"] == 1 and problem["severity"] == "error"
            kept = data_in(asked(address)[1])
            assert len(kept["blocks"][-1]["nodes"]) == 3 and kept["problems"] == [problem]
            spec.unlink()
            assert "there is no file" in json.dumps(news.next()["problems"])
            saved(spec, GOOD)
            assert "net" in news.next()


def test_a_wrong_net_is_shown_as_far_as_it_is_known(spec: Path) -> None:
    with watched(spec) as address, closing(News(address, 1)) as news:
        saved(spec, LONGER.replace("conv 3x3 5", "conv 3x3 5 padding=1"))
        net = news.next()["net"]
        (problem,) = net["problems"]
        assert net["partial"] and problem["span"]["line"] == 5 and problem["severity"] == "error"
        assert [node["kind"] for node in net["blocks"][-1]["nodes"]] == ["weights", "plain", "wrong"]
        assert data_in(asked(address)[1])["partial"]
        saved(spec, UNREAD)
        kept = news.next()["net"]  # the last valid net, instead of the part
        assert "partial" not in kept and len(kept["blocks"][-1]["nodes"]) == 2 and kept["problems"]
        saved(spec, GOOD)
        assert "partial" not in news.next()["net"]


def test_a_file_that_is_away_for_a_moment_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was there when it was looked for, and is gone when it is opened."""

    def gone(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "n.arch")

    monkeypatch.setattr("archlang.compiler.check", gone)
    board, arguments = Board("n"), Namespace(spec="n.arch", settings=[], root=None)
    assert look_again(arguments, board) == []
    assert "n.arch: No such file or directory" in capsys.readouterr().err
    assert board.wrong is not None and "No such file" in json.dumps(board.wrong)


def test_a_used_file_is_watched_too(spec: Path) -> None:
    used = with_a_used_file(spec)
    with watched(spec) as address, closing(News(address, 1)) as news:
        saved(used, "block unit { relu -> relu }\n")
        assert "net" in news.next()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_save_right_after_the_first_look_is_news_and_a_signal_ends_it(
    number: int, spec: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used, told = with_a_used_file(spec), list[dict[str, Any]]()

    def visit(address: str) -> None:
        try:
            news = News(address, 1)
            told.append(news.next())
        finally:
            os.kill(os.getpid(), number)  # while the page listens
        news.close()

    def opened(address: str) -> None:
        saved(used, "block unit { relu -> relu }\n")
        Thread(target=visit, args=[address], daemon=True).start()

    monkeypatch.setattr(webbrowser, "open", opened)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in a script's background job
    try:
        assert main(["watch", str(spec)]) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert "net" in told[0] and capsys.readouterr().err == ""


def test_what_is_wrong_as_before_is_no_news() -> None:
    board = Board("n")
    assert board.put_wrong([], ["a"]) and not board.put_wrong([], ["a"])
    assert board.put_net({}) and not board.put_net({})
    assert board.put_wrong([], ["a"]) and board.number == 3


def test_a_spec_that_is_wrong_at_first(spec: Path) -> None:
    spec.write_text(WRONG)
    with watched(spec) as address:
        data = data_in(asked(address)[1])
        assert data["problems"] and [node["kind"] for node in data["blocks"][-1]["nodes"]] == ["wrong"]
        with closing(News(address, 1)) as news:
            saved(spec, GOOD)
            assert "net" in news.next()


@pytest.fixture
def server() -> Iterator[PageServer]:
    board = Board("n")
    with PageServer(board) as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_strangers_get_nothing(server: PageServer) -> None:
    address = server.address
    own = urlsplit(address)
    assert asked(address)[0] == 200
    assert asked(address, host=f"localhost:{own.port}")[0] == 200
    assert asked(address, host="evil.example")[0] == 403
    assert asked(address, host=f"evil.example:{own.port}")[0] == 403
    for path in ("/", "/news", own.path[:-3] + "/", own.path + "other", own.path + "../", "//", "/%00/"):
        assert asked(address, path)[0] == 404, path
    assert asked(address, method="POST")[0] == 501
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 32


def test_each_server_has_a_token_of_its_own(server: PageServer) -> None:
    with PageServer(Board("n")) as other:
        assert other.token != server.token


@pytest.mark.parametrize(
    "words, message",
    [
        ("-", "standard input cannot be watched"),
        ("none.arch", "there is no file none.arch"),
        ("two.arch", "holds several nets"),
    ],
)
def test_wrong_calls_are_told(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.arch").write_text(GOOD + GOOD.replace("net n", "net m"))
    assert main(["watch", *words.split(), "--no-browser"]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(server: PageServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "lenet5", "--no-browser", "--port", str(server.server_port)]) == 2
    assert f"--port {server.server_port}: Address already in use" in capsys.readouterr().err


@pytest.mark.sweep
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_follows_the_file(spec: Path) -> None:
    with watched(spec) as address, chromium() as tab:
        tab.show(address)
        assert tab.wait("document.documentElement.dataset.ready !== undefined")
        tab.settle()
        assert tab.texts(".box .word") == ["conv 3x3 4", "relu"]
        tab.click(".box.weights .shape")
        saved(spec, LONGER)
        assert tab.wait("document.querySelectorAll('.box').length === 3")
        assert tab.text(".detail h2") == "0"  # what was chosen stays so
        saved(spec, LONGER.replace("conv 3x3 5", "conv 3x3 5 padding=1"))
        assert tab.wait("document.querySelector('.box.wrong') !== null")
        assert "padding" in tab.text(".line.error") and "last valid text" not in tab.text(".problems")
        assert tab.amount(".box") == 3 and "as far as it is known" in tab.text(".title")
        saved(spec, UNREAD)
        assert tab.wait("document.querySelector('.box.wrong') === null")
        assert "closes nothing" in tab.text(".line.error") and "last valid text" in tab.text(".problems")
        assert tab.amount(".box") == 3
        saved(spec, GOOD)
        assert tab.wait("document.querySelectorAll('.box').length === 2 && !document.querySelector('.problem')")
        assert tab.complaints == []
