"""The shipped specs, by the name of a file (`resnet`) or of a net in it (`resnet18`), as `archlang zoo` lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from archlang.paths import SPECS

SPACE = "zoo:"  # the prefix of a shipped file's name, since a file of the user could have the same name

_LISTED = 3  # files that a message names
_DECLARED = re.compile(r"^(net|block) (\w+)", re.MULTILINE)


def shipped_nets() -> Iterator[tuple[Path, list[str]]]:
    """Yield each file of the shipped specs with the names of the nets that it declares."""
    for path in sorted(SPECS.rglob("*.arch")):
        yield path, nets_of(path)


def nets_of(path: Path) -> list[str]:
    """Return the nets that a shipped file declares."""
    return [name for kind, name in _declared(path) if kind == "net"]


def shipped_path(name: str) -> Path | None:
    """Return the shipped file of that name, or the one that declares the net of that name; None if there is none."""
    return shipped_files().get(name) or next((path for path, nets in shipped_nets() if name in nets), None)


def shipped_name(path: Path) -> str:
    """Return the name of a shipped file, under which other specs use it: `zoo:resnet.arch`."""
    return SPACE + path.relative_to(SPECS).as_posix()


def near_shipped(name: str) -> str | None:
    """Return the name of a shipped file or net that is most similar to this one; None if none is similar."""
    return _near(name, [*shipped_files(), *_nets()])


def shipped_help(name: str) -> str | None:
    """Suggest how to use the shipped block or net of this name, or the net of a similar name."""
    files = [stem for stem, path in shipped_files().items() if any(name == declared for _, declared in _declared(path))]
    if files:
        listed = ", or ".join(f'`use "{stem}": {name}`' for stem in files[:_LISTED])
        return f"at the top of the file, {listed} brings in one that comes with archlang"
    near = _near(name, _nets())
    return f"did you mean `{near}`, which comes with archlang?" if near else None


def _near(name: str, names: list[str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name[:60], names, 1, cutoff=0.75)
    return near[0] if near else None


def _nets() -> list[str]:
    return [name for _, names in shipped_nets() for name in names]


@cache
def shipped_files() -> dict[str, Path]:
    """Return the shipped files by name; the name begins with the folder, if there is one: `lectures/perceptron`."""
    return {path.relative_to(SPECS).with_suffix("").as_posix(): path for path in sorted(SPECS.rglob("*.arch"))}


@cache
def _declared(path: Path) -> list[tuple[str, str]]:
    """Return the nets and blocks that a shipped file declares, each as its kind and its name."""
    return [(kind, name) for kind, name in _DECLARED.findall(path.read_text(encoding="utf-8"))]
