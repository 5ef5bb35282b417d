"""The page of a net: its graph, spec, costs and memory in one HTML file that needs no network.

`page_data` is what the page shows, as plain JSON values; `html_page` puts it into the file, with the bundle of
`archlang/page/web`, whose sources are TypeScript.
"""

from __future__ import annotations

from archlang.page.accuracy import Published
from archlang.page.data import PageSetup, page_data, partial_data
from archlang.page.html import html_page

__all__ = ["PageSetup", "Published", "html_page", "page_data", "partial_data"]
