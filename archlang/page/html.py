"""The HTML file: the bundle, the data as JSON, and a policy that allows nothing else.

Text and names of a spec are untrusted. They stand only in the JSON, where no `<` can end the element around it, and the
script writes them as text. The Content-Security-Policy allows the one script and the one style sheet by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files

from archlang.marks import marked

# within JSON these can only stand in strings, where an escape means the same
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M2 2h12v3H2zm2 "
    "4.5h8v3H4zM2 11h12v3H2z' fill='%234878b8'/%3E%3C/svg%3E"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{icon}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This page draws the net {title} with a script of its own; allow scripts to see it.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def html_page(data: Mapping[str, object], *, live: bool = False) -> str:
    """Return the page that shows this data. One that is `live` may ask the server that it came from for news."""
    script, style = bundled("page.js"), bundled("page.css")
    asks = "connect-src 'self'; " if live else ""
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        f"{asks}base-uri 'none'; form-action 'none'"
    )
    title = escape(str(data["name"]))
    text = _PAGE.format(policy=policy, title=title, icon=_ICON, style=style, script=script, data=embedded(data))
    return marked(text.encode(), "html").decode()


def embedded(data: Mapping[str, object]) -> str:
    """Return the data as JSON that may stand within a `script` element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return "".join(_ESCAPES.get(character, character) for character in text) if _needs_escapes(text) else text


def _needs_escapes(text: str) -> bool:
    return any(character in text for character in _ESCAPES)


@cache
def bundled(name: str) -> str:
    """Return the text of a file of the bundle."""
    return files("archlang.page").joinpath("bundle", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
