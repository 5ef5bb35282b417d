"""Cards: what notebooks show of a net, a report, a diff and memory. HTML that is escaped, small, and without scripts.

Colours are those of the text around a card and greys that are seen on light and on dark paper, so that a card fits
Jupyter and VS Code in both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

_STYLE = (
    ".archlang-card{font:13px/1.5 system-ui,sans-serif;max-width:72em;margin:6px 0 12px}"
    ".archlang-card>div{max-height:30em;overflow:auto}"
    ".archlang-card table{font:inherit;border-collapse:collapse;font-variant-numeric:tabular-nums;color:inherit}"
    ".archlang-card :is(th,td){padding:1px 10px;text-align:left;font-weight:400;background:none;white-space:nowrap;"
    "border-top:1px solid rgba(128,128,128,.3)}"
    ".archlang-card thead th{font-weight:600;border-top:0}"
    ".archlang-card .n{text-align:right}"
    ".archlang-card tfoot :is(th,td){font-weight:600}"
    ".archlang-card p{margin:2px 0}"
    ".archlang-card :is(svg,img){max-width:100%;height:auto}"
)


class Shown:
    """What has a card. `text/plain` is its `repr`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return the card, which notebooks show."""
        raise NotImplementedError

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return the card and the text, as IPython asks for them."""
        made = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return {
            kind: text
            for kind, text in made.items()
            if (not include or kind in include) and kind not in (exclude or ())
        }


def card(title: str, lines: Sequence[str], *bodies: str) -> str:
    """Return a card: its title, lines of text, and bodies that are HTML."""
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    inner = "".join(f"<div>{body}</div>" for body in bodies)
    return (
        f'<div class="archlang-card"><style>{_STYLE}</style><p><strong>{escape(title)}</strong></p>{told}{inner}</div>'
    )


def table_html(
    headings: Sequence[str], rows: Sequence[Sequence[str | int]], total: Sequence[str | int] = (), numbers: int = 0
) -> str:
    """Return a table. Numbers stand to the right, and so do the last `numbers` columns."""
    right = len(headings) - numbers
    head = "".join(_cell("th", heading, at >= right) for at, heading in enumerate(headings))
    body = "".join(f"<tr>{_row(row, right)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{_row(total, right)}</tr></tfoot>" if total else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"


def _row(row: Sequence[str | int], right: int) -> str:
    return "".join(_cell("td", cell, at >= right or isinstance(cell, int)) for at, cell in enumerate(row))


def _cell(tag: str, cell: str | int, to_right: bool) -> str:
    text = f"{cell:,}" if isinstance(cell, int) else cell
    indented = text.replace("  ", "\u00a0\u00a0") if text.startswith(" ") else text
    return f"<{tag}{' class=n' if to_right else ''}>{escape(indented)}</{tag}>"
