"""What can be wrong with the built site: broken links, files fetched from elsewhere, specs without colours."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
NOT_FETCHED = ("canonical", "prev", "next", "alternate")  # kinds of <link> that name another page


@dataclass
class Page(HTMLParser):
    """What a page of HTML offers to links, and what it links to."""

    ids: set[str] = field(default_factory=set[str])
    links: list[tuple[str, bool]] = field(
        default_factory=list[tuple[str, bool]]
    )  # an address, and whether the browser fetches it

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ids and addresses of one element."""
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        for name in ("href", "src"):
            if name in values:
                fetched = (tag, name) in FETCHED and values.get("rel") not in NOT_FETCHED
                self.links.append((values[name], fetched))


def broken(site: Path) -> list[str]:
    """Return what is wrong with the links below a folder of HTML, one line for each."""
    pages: dict[Path, Page] = {}
    for path in sorted(site.resolve().rglob("*.html")):
        pages[path] = Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    return [
        f"{path.relative_to(site.resolve())}: {address}: {problem}"
        for path, page in pages.items()
        if path.name != "404.html"  # served at any address, so that its links begin at the root
        for address, fetched in page.links
        if (problem := wrong(path, address, fetched, pages))
    ]


def wrong(page: Path, address: str, fetched: bool, pages: dict[Path, Page]) -> str:
    """Return why a link does not hold, or nothing."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return "fetched from elsewhere" if fetched and parts.scheme != "data" else ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "leads nowhere"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
        return "the page has no such heading"
    return ""


def uncoloured(staged: list[str], pages: Path, site: Path) -> list[str]:
    """Return the pages whose specs were not read by the lexer of this package."""
    found: list[str] = []
    for page in staged:
        html = site / page.replace("README.md", "index.md").replace(".md", ".html")
        has_spec = "```arch" in (pages / page).read_text(encoding="utf-8")
        if has_spec and "language-arch" not in html.read_text(encoding="utf-8"):
            found.append(f"{page}: its specs have no colours")
    return found
