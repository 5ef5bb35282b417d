"""A server for one page that changes: on this machine alone, behind an address that nobody can guess.

It listens on 127.0.0.1. The address has a random token, and the Host header must be this server's own, so that neither
another user's program nor a page of another site, by a name that leads here, can read a spec. The page is told of news
by server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from threading import Condition
from typing import Any

from archlang.page.data import empty_data
from archlang.page.html import html_page

PATIENCE = 15.0  # seconds after which a browser that waits for news is written to, to learn whether it is still there
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass
class Board:
    """What there is to show: the last valid net, and what is wrong with the newest text. `number` counts news.

    `wrong` has the files and problems of that text, or all data of a net that is known in part.
    """

    name: str
    number: int = 0
    net: Mapping[str, Any] | None = None
    wrong: Mapping[str, Any] | None = None
    redraws: bool = False  # whether the newest text has another picture, or the one before it was of a part
    changed: Condition = field(default_factory=Condition)

    def put_net(self, data: Mapping[str, Any]) -> bool:
        """Show a valid net; return whether it is news."""
        return self._put(data, None)

    def put_partial(self, data: Mapping[str, Any]) -> bool:
        """Show what is known of the net of a wrong text, with its mistakes; return whether it is news."""
        return self._put(self.net, data)

    def put_wrong(self, files: object, problems: object) -> bool:
        """Show what is wrong with the newest text, beside the last valid net; return whether it is news."""
        return self._put(self.net, {"files": files, "problems": problems})

    @property
    def shown(self) -> Mapping[str, Any]:
        """What a page that is loaded now shows."""
        return {**(self.net or empty_data(self.name)), **(self.wrong or {})}

    def _put(self, net: Mapping[str, Any] | None, wrong: Mapping[str, Any] | None) -> bool:
        with self.changed:
            if (net, wrong) == (self.net, self.wrong):  # a file was saved as it was
                return False
            self.redraws = "blocks" in (wrong or {}) or "blocks" in (self.wrong or {})
            self.net, self.wrong, self.number = net, wrong, self.number + 1
            self.changed.notify_all()
            return True

    def page(self) -> str:
        """Return the page as it is now."""
        with self.changed:
            data = {**self.shown, "live": f"news?after={self.number}"}
        return html_page(data, live=True)

    def news(self, after: int) -> tuple[int, str] | None:
        """Return the number and the text of what is newer than `after`; wait for a while if nothing is."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.number > after, PATIENCE):
                return None
            told = self.wrong if self.wrong is not None and not self.redraws else {"net": self.shown}
            return self.number, json.dumps(told, separators=(",", ":"))


class PageServer(ThreadingHTTPServer):
    """The server; `address` is that of the page."""

    daemon_threads = True

    def __init__(self, board: Board, port: int = 0) -> None:
        """Listen on a port of 127.0.0.1; 0 is any that is free. Raises OSError if it is taken."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.board = board
        self.token = token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}
        self.address = f"http://127.0.0.1:{self.server_port}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET of the page and of its news."""

    protocol_version = "HTTP/1.1"
    server_version = "archlang"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer, if the request is the page's own."""
        server = self._server
        if self.headers.get("Host") not in server.hosts:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        token, _, rest = self.path.removeprefix("/").partition("/")
        if not compare_digest(token.encode(), server.token.encode()):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        name, _, query = rest.partition("?")
        if not rest:
            self._send_page()
        elif name == "news":
            self._send_news(self.headers.get("Last-Event-ID") or query.removeprefix("after="))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    @property
    def _server(self) -> PageServer:
        assert isinstance(self.server, PageServer)
        return self.server

    def _send_page(self) -> None:
        body = self._server.board.page().encode()
        self._begin("text/html; charset=utf-8", {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _send_news(self, after: str) -> None:
        """Send events until the browser leaves."""
        self.close_connection = True
        self._begin("text/event-stream", {"Connection": "close"})
        number = int(after) if after.isascii() and after.isdigit() else 0
        try:
            while True:
                found = self._server.board.news(number)
                if found is None:
                    text = ": still here\n\n"
                else:
                    number = found[0]
                    text = f"id: {number}\nevent: news\ndata: {found[1]}\n\n"
                self.wfile.write(text.encode())
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            return

    def _begin(self, kind: str, more: Mapping[str, str]) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, **_HEADERS, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing for a request."""
