"""The reference that a spec begins with: `# ResNet: He, Zhang, Ren, Sun 2015, arXiv:1512.03385.`"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAMED = re.compile(r"((?:[A-Z][\w-]*)(?: [A-Z][\w-]*| v\d)*): [^:]*?\b((?:19|20)\d\d)\b")
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b")
_ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})\b")


@dataclass(frozen=True, slots=True)
class Origin:
    """The year and the arXiv number of a net's publication; None if the spec does not say."""

    year: int | None
    arxiv: str | None


def origin(text: str, net: str) -> Origin:
    """Read the origin of a net from the comment at the start of its spec.

    A comment may name several, as `ResNet: ... 2015. ResNeXt: ... 2016.`; a net's is the one whose name its own begins
    with, else the first.
    """
    head = _head(text)
    parts = list(_parts(head))
    fitting = [part for part in parts if _plain(net).startswith(_plain(part[0]))]
    _, said = max(fitting, key=lambda part: len(part[0])) if fitting else parts[0] if parts else ("", head)
    year = _YEAR.search(said)
    if year is None:
        return Origin(None, None)
    arxiv = _ARXIV.search(said, year.end())
    is_its = arxiv is not None and _YEAR.search(said, year.end(), arxiv.start()) is None  # not that of a later paper
    return Origin(int(year[1]), arxiv[1] if arxiv and is_its else None)


def _head(text: str) -> str:
    """Return the comment lines at the start of a text, joined into one line."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def _parts(head: str) -> Iterator[tuple[str, str]]:
    """Yield each name in the comment with the text up to the next name."""
    found = list(_NAMED.finditer(head))
    for match, after in zip(found, [*found, None][1:], strict=True):
        yield match[1], head[match.end(1) : after.start() if after else None]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
