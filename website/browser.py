"""The built site in a headless Chromium: `python -m website.browser [FOLDER]`, after `python -m website`.

Opens pages in both schemes, searches, and fails on a console message, a failed request, or a search without results.
Screenshots go to FOLDER. The browser is driven over its own pipe, so that nothing but a `chromium` is needed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

SITE = Path(__file__).parent.parent / "build" / "website" / "site"
PAGES = ("index.html", "docs/language.html", "docs/operators/convolution.html", "docs/errors/kernel-too-large.html")
SEARCHES = {  # what is typed, and a page that must be among the results
    "receptive field": "docs/conventions.html",
    "groupnorm": "docs/operators/group_normalization.html",
    "kernel-too-large": "docs/errors/kernel-too-large.html",
}
RESULTS = """[...document.querySelectorAll("*")].filter(element => element.shadowRoot)
  .flatMap(element => [...element.shadowRoot.querySelectorAll("[role=option]")])
  .map(element => element.href).join(" ")"""
PATIENCE = 20.0  # seconds


class Browser:
    """One tab of Chromium, spoken to over its debugging pipe."""

    def __init__(self, program: str, profile: str) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        ]
        words = [*command, f"--user-data-dir={profile}", "about:blank"]
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'  # the descriptors that Chromium reads and writes
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", *words], pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.reads, self.writes = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self.count = 0
        self.session = ""
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that arrive before it are noted."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.writes.write(json.dumps(message).encode() + b"\0")
        self.writes.flush()
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self.note(answer)

    def receive(self) -> dict[str, Any]:
        """Return the next message of the browser."""
        text = bytearray()
        while (byte := self.reads.read(1)) != b"\0":
            if not byte:
                raise SystemExit("chromium ended early")
            text += byte
        return dict(json.loads(text))

    def note(self, event: dict[str, Any]) -> None:
        """Keep what a reader with the console open would see as an error."""
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(f"exception: {params['exceptionDetails'].get('text')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(f"console: {params['args']}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            if not address.startswith(("http://127.0.0.1", "file:", "data:", "blob:", "about:")):
                self.complaints.append(f"fetched from elsewhere: {address}")

    def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression: str) -> bool:
        """Return whether an expression becomes true in time."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.value(expression):
                return True
            time.sleep(0.1)
        return False

    def show(self, address: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.call("Page.navigate", url=address)
        if not self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(address)})"):
            self.complaints.append(f"{address} does not load")

    def picture(self, path: Path) -> None:
        """Save what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def served() -> Generator[str]:
    """Yield the site on a free port of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def visit(browser: Browser, base: str, folder: Path, name: str) -> None:
    """Open the pages in both schemes and search on the first."""
    browser.call("Emulation.setDeviceMetricsOverride", width=1300, height=900, deviceScaleFactor=1, mobile=False)
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("Emulation.setEmulatedMedia", features=features)
        for page in PAGES:
            browser.show(f"{base}/{page}")
            time.sleep(0.3)  # for the fonts and the scheme to settle
            browser.picture(folder / f"{name}-{scheme}-{Path(page).stem}.png")
    for words, expected in SEARCHES.items():
        search(browser, f"{base}/{PAGES[0]}", words, expected)
        browser.picture(folder / f"{name}-search-{words}.png")


def search(browser: Browser, address: str, words: str, expected: str) -> None:
    """Type words into the search of a page; a page must be among the results."""
    browser.show(address)
    browser.wait("document.querySelector('.md-search__button') !== null")
    browser.value("document.querySelector('.md-search__button').click()")
    time.sleep(0.5)
    browser.call("Input.insertText", text=words)
    if not browser.wait(f"({RESULTS}).includes({json.dumps(expected)})"):
        browser.complaints.append(
            f"{address}: the search for {words} does not find {expected}: {browser.value(RESULTS)}"
        )


def main() -> int:
    """Return 0 when nothing is complained of."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None or not (SITE / "index.html").is_file():
        sys.stderr.write("needs a chromium, and the site that `python -m website` builds\n")
        return 2
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SITE.parent / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as profile, served() as base:
        browser = Browser(program, profile)
        visit(browser, base, folder, "served")
        visit(browser, SITE.resolve().as_uri(), folder, "file")
        browser.writes.close()
        browser.process.wait(PATIENCE)
    for complaint in dict.fromkeys(browser.complaints):
        sys.stderr.write(f"{complaint}\n")
    return 1 if browser.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
