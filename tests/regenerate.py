"""Write anew every file that is made from the code, to be read as a diff.

    python -m tests.regenerate                  all of them
    python -m tests.regenerate tests/ops        those that the tests of a folder or of a file write
    python -m tests.regenerate --quick          without running the commands in README.md, CHANGELOG.md and docs/

They are the pages of operators, of errors and of the Python interface, the schema of the Graph, the words of editors,
pictures, expected messages, and what the commands on the pages print. Each is written by the test that compares it, so
this runs the tests that use `rewrite_golden`. If a merge leaves a conflict in such a file, take either side, and run
this.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
FIXTURE = "rewrite_golden"
RUNS_PAGES = "test_docs.py"  # it comes last, since generated pages have commands too


class _OnlyWriters:
    """A plugin that leaves out the tests that write nothing."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        writing = [FIXTURE in getattr(item, "fixturenames", ()) for item in items]
        config.hook.pytest_deselected(items=[item for item, writes in zip(items, writing, strict=True) if not writes])
        items[:] = [item for item, writes in zip(items, writing, strict=True) if writes]


def writers(places: Iterable[Path] = (FOLDER,), quick: bool = False) -> list[Path]:
    """Return the files of tests that write something, in the order in which they have to run."""
    named = [path for place in places for path in (place.rglob("test_*.py") if place.is_dir() else (place,))]
    found = [path for path in named if FIXTURE in path.read_text(encoding="utf-8")]
    return sorted(
        (path for path in found if not (quick and path.name == RUNS_PAGES)),
        key=lambda path: (path.name == RUNS_PAGES, path),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests that write files; return the status of pytest."""
    parser = ArgumentParser(
        prog="python -m tests.regenerate", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="*", type=Path, default=[FOLDER], metavar="PLACE")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(argv)
    missing = [str(place) for place in chosen.places if not place.exists()]
    if missing:
        parser.error(f"there is no {', '.join(missing)}")
    files = writers(chosen.places, chosen.quick)
    if not files:
        sys.stdout.write("no test there writes a file\n")
        return 0
    return pytest.main(["-q", "--rewrite-golden", *map(str, files)], plugins=[_OnlyWriters()])


if __name__ == "__main__":
    sys.exit(main())
