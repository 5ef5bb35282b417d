"""`archlang explain`: the page of a diagnostic code, or the list of all codes."""

from __future__ import annotations

import argparse
import re

from archlang.cli.command import Command
from archlang.paths import ERRORS

INDENT = "    "


def codes() -> list[str]:
    """Return all diagnostic codes, in alphabetical order; each has a page."""
    return sorted(path.stem for path in ERRORS.glob("*.md") if path.name != "README.md")


def title(code: str) -> str:
    """Return the title of a code's page, without the code."""
    with (ERRORS / f"{code}.md").open(encoding="utf-8") as page:
        return page.readline().rpartition(": ")[2].strip()


def plain(markdown: str) -> str:
    """Convert a page for the terminal: fenced blocks are indented, and headings lose their `#`."""
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            lines.append(f"{INDENT}{line}".rstrip())
        else:
            lines.append(re.sub(r"^#+ ", "", line))
    return "\n".join(lines)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="a diagnostic code, such as unequal-shapes (default: list all)"
    )


def _explain(arguments: argparse.Namespace) -> int:
    known = codes()
    if arguments.code is None:
        width = max(map(len, known))
        print("\n".join(f"{code:{width}}  {title(code)}" for code in known))
        return 0
    if arguments.code not in known:
        raise _unknown(arguments.code, known)
    print(plain((ERRORS / f"{arguments.code}.md").read_text(encoding="utf-8")))
    return 0


def _unknown(code: str, known: list[str]) -> Exception:
    from difflib import get_close_matches

    from archlang.library import CallError

    near = get_close_matches(code[:60].lower(), known, 1)
    hint = f"did you mean {near[0]}?" if near else "`archlang explain` lists them all"
    return CallError(f"there is no diagnostic called {code}; {hint}")


EXPLAIN = Command("explain a diagnostic, or list all of them", _explain, _options, spec="")
