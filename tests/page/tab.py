"""A tab of a headless Chromium that is used as a person uses it: with a mouse at places and a keyboard."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from website.browser import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
_KEYS = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Tab": 9}


class Tab(Browser):
    """A browser that remembers every address that its page asks for."""

    def __init__(self, program: str, profile: str) -> None:
        self.asked: list[str] = []
        super().__init__(program, profile)
        self.size(1440, 900)

    def note(self, event: dict[str, Any]) -> None:
        """Keep complaints, and the addresses that are asked for."""
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(event["params"]["request"]["url"])
        super().note(event)

    def size(self, width: int, height: int) -> None:
        """Give the window a size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name: str) -> None:
        """Let the system prefer light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def open(self, page: Path) -> None:
        """Open a page from the disk, and wait until it is ready."""
        self.asked.clear()
        self.complaints.clear()
        self.show(page.as_uri())
        assert self.wait("document.documentElement.dataset.ready !== undefined"), self.complaints
        self.settle()

    def settle(self) -> None:
        """Wait for two frames, after which what was asked for is drawn."""
        done = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
        self.call("Runtime.evaluate", expression=done, awaitPromise=True)

    def place(self, selector: str) -> tuple[float, float]:
        """Return the middle of the first element of a selector."""
        found = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        assert found is not None, f"there is no {selector}"
        return found[0], found[1]

    def click(self, selector: str, *, times: int = 1, dx: float = 0, dy: float = 0) -> None:
        """Press the mouse in the middle of an element, or beside it."""
        x, y = self.place(selector)
        self.click_at(x + dx, y + dy, times)

    def click_at(self, x: float, y: float, times: int = 1) -> None:
        """Press the mouse at a place of the window."""
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, x, y, button="left", clickCount=count)
        self.settle()

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send an event of the mouse."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, selector: str, dx: float, dy: float) -> None:
        """Move an element with the mouse."""
        x, y = self.place(selector)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for step in range(1, 6):
            self.mouse("mouseMoved", x + dx * step / 5, y + dy * step / 5, button="left", buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy, button="left", clickCount=1)
        self.settle()

    def type(self, text: str) -> None:
        """Type text into what has the focus."""
        self.call("Input.insertText", text=text)
        self.settle()

    def key(self, name: str) -> None:
        """Press a key: a name such as Enter, or a character."""
        code = _KEYS.get(name, ord(name.upper()) if len(name) == 1 else 0)
        text = {"text": name} if len(name) == 1 else {"text": "\r"} if name == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            given = text if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, **given)
        self.settle()

    def text(self, selector: str) -> str:
        """Return the text of the first element of a selector; empty if there is none."""
        return str(self.value(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"))

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements of a selector."""
        return list(self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)"))

    def amount(self, selector: str) -> int:
        """Return how many elements there are of a selector."""
        return int(self.value(f"document.querySelectorAll({json.dumps(selector)}).length"))

    def choose(self, selector: str, value: str) -> None:
        """Choose an entry of a list, as the keyboard would."""
        self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};"
            " e.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )
        self.settle()

    def style(self, selector: str, name: str) -> str:
        """Return a computed style of the first element of a selector."""
        return str(self.value(f"getComputedStyle(document.querySelector({json.dumps(selector)})).{name}"))


@contextmanager
def chromium() -> Generator[Tab]:
    """Yield a tab of a browser that ends afterwards."""
    assert CHROMIUM is not None
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        tab = Tab(CHROMIUM, profile)
        try:
            yield tab
        finally:
            tab.writes.close()
            try:
                tab.process.wait(10)
            except subprocess.TimeoutExpired:
                tab.process.kill()
                tab.process.wait()
            tab.reads.close()
