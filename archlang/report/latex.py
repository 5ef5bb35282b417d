"""A sheet as a LaTeX table, for the package booktabs."""

from __future__ import annotations

from archlang.sheets import Cell, Sheet

_MARKS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "×": r"$\times$",
} | {mark: f"\\{mark}" for mark in "&%$#_{}"}  # fmt: skip


def as_latex(sheet: Sheet) -> str:
    """Return the sheet as a `tabular`: words to the left, numbers to the right with thin spaces.

    The lines around it are comments.
    """
    last = sheet.all_rows[-1]
    columns = "".join("r" if isinstance(cell, int) else "l" for cell in last)
    body = [_row(row) for row in sheet.rows]
    total = [r"\midrule", _row(sheet.total)] if sheet.total else []
    return "\n".join([
        "% needs \\usepackage{booktabs}",
        *(f"% {line}" for line in sheet.above),
        f"\\begin{{tabular}}{{{columns}}}",
        r"\toprule", _row(sheet.headings), r"\midrule", *body, *total, r"\bottomrule",
        r"\end{tabular}",
        *(f"% {line}" for line in sheet.below),
    ])  # fmt: skip


def escaped(text: str) -> str:
    """Return text with the signs of LaTeX escaped; an indent of two spaces becomes a `\\quad`."""
    words = text.lstrip(" ")
    indent = r"\quad " * ((len(text) - len(words)) // 2)
    return indent + "".join(_MARKS.get(char, char) for char in " ".join(words.splitlines()))


def _row(cells: tuple[Cell, ...]) -> str:
    return " & ".join(f"{c:,}".replace(",", r"\,") if isinstance(c, int) else escaped(c) for c in cells) + r" \\"
