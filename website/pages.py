"""Which files become pages, and in which order.

The copy keeps the repository's folders, so that a relative link leads to the same page on the site, on GitHub and in a
checkout. A spec or a source file that a page links to becomes a page too, with its text in a coloured fence.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath

FENCES = {".arch": "arch", ".py": "python", ".cff": "yaml"}  # what is shown as text, and how it is coloured
PLAIN = (".svg", ".png", ".json", ".css", ".js")  # what is copied as it is
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")

# The sections of the site: pages with their titles in the navigation, then the folder whose other pages follow them.
SECTIONS: dict[str, tuple[dict[str, str], str]] = {
    "archlang": (
        {
            "What it is": "README.md",
            "A tour in ten minutes": "docs/tour.md",
            "The lectures, step by step": "docs/lectures.md",
        },
        "",
    ),
    "Guide": (
        {
            "The language": "docs/language.md",
            "The report": "docs/report.md",
            "Pictures": "docs/pictures.md",
            "The page of a net": "docs/page.md",
            "What every number counts": "docs/conventions.md",
            "Memory": "docs/memory.md",
            "In Python": "docs/python.md",
            "Comparing nets": "docs/compare.md",
            "Checking against a module": "docs/verify.md",
            "Weights from files": "docs/weights.md",
            "Export": "docs/export.md",
            "Looking inside": "docs/vision.md",
        },
        "",
    ),
    "Operators": (
        {
            "All operators": "docs/operators/README.md",
            "PyTorch's names": "docs/operators/torch.md",
            "An operator of your own": "docs/operators/your-own.md",
        },
        "docs/operators/",
    ),
    "Nets": ({"The shipped nets": "docs/nets.md", "Equal to torchvision": "docs/zoo.md"}, "specs/"),
    "Errors": ({"All errors": "docs/errors/README.md"}, "docs/errors/"),
    "Project": (
        {
            "What is new": "CHANGELOG.md",
            "Contributing": "CONTRIBUTING.md",
            "How archlang is built": "docs/design.md",
            "Security": "SECURITY.md",
            "Measured: other counters": "docs/benchmarks/counters.md",
            "Measured: memory": "docs/benchmarks/memory.md",
            "Measured: doors of PyTorch": "docs/benchmarks/doors.md",
            "Measured: training in less memory": "docs/benchmarks/train_memory.md",
            "Measured: what fits": "docs/benchmarks/fit.md",
            "Measured: speed": "docs/benchmarks/report.md",
        },
        "*",
    ),
}


def stage(root: Path, place: Path) -> list[str]:
    """Copy the pages below `root` to `place`; the paths of those that are Markdown, relative to it."""
    written = sorted(path for path in root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))
    shown = set((root / "specs").rglob("*.arch"))
    for path in written:
        text = path.read_text(encoding="utf-8")
        shown |= linked_sources(path, text)
        write(place / path.relative_to(root), to_shown(text))
    for path in sorted(shown):
        write(place / shown_path(path.relative_to(root)), in_a_fence(path))
    for path in [*(root / "docs").rglob("*"), *(root / "website").iterdir()]:
        if path.suffix in PLAIN:
            target = place / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*.md"))


def linked_sources(page: Path, text: str) -> set[Path]:
    """Return the specs and source files that a page links to."""
    targets = {(page.parent / target).resolve() for _, target, _ in LINK.findall(text)}
    return {target for target in targets if target.suffix in FENCES and target.is_file()}


def to_shown(text: str) -> str:
    """Return the links to specs and source files, turned into links to their pages."""
    return LINK.sub(lambda found: found[1] + shown_path(PurePosixPath(found[2])).as_posix() + found[3], text)


def shown_path(path: PurePath) -> PurePath:
    """Return the path of a source file's page; any other path unchanged."""
    return path.with_name(f"{path.name}.md") if path.suffix in FENCES else path


def in_a_fence(path: Path) -> str:
    """Return the page of a source file."""
    return f"# {path.name}\n\n````{FENCES[path.suffix]}\n{path.read_text(encoding='utf-8').rstrip()}\n````\n"


def write(path: Path, text: str) -> None:
    """Write a file, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def navigation(pages: Iterable[str]) -> str:
    """Return the line of the settings that lists the pages, in the order in which they are best read.

    Source files that a page links to are reached by that link alone.
    """
    rest = {page for page in pages if not page.endswith((".py.md", ".cff.md"))}
    rest -= {page for chosen, _ in SECTIONS.values() for page in chosen.values()}
    sections: dict[str, dict[str, str]] = {}
    for name, (chosen, folder) in SECTIONS.items():
        following = sorted(page for page in rest if folder == "*" or (folder and page.startswith(folder)))
        rest -= set(following)
        sections[name] = chosen | {_own_title(page, following): page for page in following}
    return f"nav = {toml(sections)}"


def _own_title(page: str, pages: Sequence[str]) -> str:
    """Return a page's name; with its folder if a page nearer to the top has the name: `recipes/lenet`."""
    nearer = any(title(other) == title(page) and other.count("/") < page.count("/") for other in pages)
    return f"{PurePosixPath(page).parent.name}/{title(page)}" if nearer else title(page)


def title(page: str) -> str:
    """Return a page's name in the navigation, where none is chosen: that of its file."""
    name = PurePosixPath(page).name.removesuffix(".md")
    return name.capitalize().replace("_", " ") if page.startswith("docs/operators/") else name


def toml(sections: dict[str, dict[str, str]]) -> str:
    """Return the sections as TOML writes them; its strings are written as JSON's are."""
    lists = {
        name: ", ".join(f"{{ {json.dumps(title)} = {json.dumps(page)} }}" for title, page in pages.items())
        for name, pages in sections.items()
    }
    return f"[{', '.join(f'{{ {json.dumps(name)} = [{pages}] }}' for name, pages in lists.items())}]"
