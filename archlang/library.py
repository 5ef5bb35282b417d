"""Finds, reads and parses a SPEC and the files that it uses. No file outside the root folder is read."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from archlang.diagnostics import Diagnostic, Label
from archlang.parse import parse
from archlang.paths import SPECS
from archlang.source import Source, path_from
from archlang.syntax import File, Use

MAX_BYTES = 16 * 2**20  # the most bytes of all files together
MAX_FILES = 100  # the most files that a spec may use


class CallError(Exception):
    """The call is wrong, not the spec: for example, the file or the net does not exist."""


class SettingError(CallError):
    """A parameter of the net was set wrongly: there is none of that name, or it does not accept the value."""


@dataclass(frozen=True)
class Found:
    """The source of a SPEC, and the net that it names, if any.

    Paths in the source's name are relative to `folder`; files that it uses must be in `root`.
    """

    source: Source
    net: str | None
    folder: Path
    root: Path
    path: Path | None = None  # None for standard input


@dataclass
class Library:
    """A spec and all files that it uses, by name, with the diagnostics of parsing. `paths` lists the files read."""

    main: File
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    files: dict[str, File] = field(default_factory=dict[str, File])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    paths: list[Path] = field(default_factory=list[Path])


# ---- the spec


def find(spec: str, root: Path | None = None) -> Found:
    """Find the source that a SPEC names. `use` may only read files in `root`, by default the spec's folder."""
    if spec == "-":
        text = _decoded("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1))
        return Found(Source("<stdin>", text), None, Path(), root or Path())
    path, _, net = spec.rpartition(":") if re.search(r":\w+$", spec) else (spec, "", "")
    if Path(spec).is_file():
        path, net = spec, ""
    if Path(path).is_file():
        with Path(path).open("rb") as file:
            text = _decoded(path, file.read(MAX_BYTES + 1))
        return Found(Source(Path(path).as_posix(), text), net or None, Path(), root or Path(path).parent, Path(path))
    if re.fullmatch(r"\w+", spec):
        return _shipped(spec)
    raise CallError(f"there is no file {path}")


def _shipped(name: str) -> Found:
    for path, names in shipped_nets():
        if name in names:
            relative = path.relative_to(SPECS).as_posix()
            return Found(Source(relative, path.read_text(encoding="utf-8")), name, SPECS, SPECS, path)
    from difflib import get_close_matches

    near = get_close_matches(name, [net for _, names in shipped_nets() for net in names], 1)
    hint = f"; did you mean {near[0]}?" if near else "; a path ends in .arch"
    raise CallError(f"there is no file and no shipped net called {name}{hint}")


def shipped_nets() -> Iterator[tuple[Path, list[str]]]:
    """Yield each file of the shipped specs with the names of the nets that it declares."""
    for path in sorted(SPECS.rglob("*.arch")):
        yield path, re.findall(r"^net (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def _decoded(name: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise CallError(f"{name} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CallError(f"{name} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None


# ---- the files that it uses


def read(found: Found) -> Library:
    """Read and parse the spec and all files that it uses, directly or indirectly, each once."""
    main, diagnostics = parse(found.source)
    library = Library(main, {found.source.name: found.source}, {main.name: main}, diagnostics)
    library.paths += [found.path] if found.path is not None else []
    _read_used(main, [], found, library)
    return library


def _read_used(file: File, chain: list[tuple[str, Use]], found: Found, library: Library) -> None:
    for use in file.declarations:
        if not isinstance(use, Use):
            continue
        path = path_from(file.name, use.path)
        around = [*chain, (file.name, use)]
        if path in [name for name, _ in around]:
            library.diagnostics.append(_circle(path, around))
        elif path not in library.files:
            source = _used_source(path, use, found, library)
            if source is not None:
                library.sources[path] = source
                library.files[path], wrong = parse(source)
                library.diagnostics += wrong
                _read_used(library.files[path], around, found, library)


def _used_source(path: str, use: Use, found: Found, library: Library) -> Source | None:
    """Read a file that is used. Returns None, and adds a diagnostic, if it cannot be read."""

    def refused(code: str, message: str, help: str | None = None) -> None:
        library.diagnostics.append(Diagnostic(code, message, use.path_span, help=help))

    if not path.endswith(".arch"):
        refused("bad-path", f"`{use.path}` is no spec: its name ends in `.arch`")
        return None
    real = (found.folder / path).resolve()
    if not real.is_relative_to(found.root.resolve()):
        help = "name a folder that holds both on the command line: `--root DIR`"
        refused("outside-the-root", f"`{use.path}` leads out of the folder that this spec may read", help)
        return None
    if len(library.files) > MAX_FILES:
        refused("too-large", f"a spec uses at most {MAX_FILES} files")
        return None
    try:
        regular = S_ISREG(real.stat().st_mode)
        data = real.read_bytes() if regular else b""
    except (OSError, ValueError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else "it cannot be read"
        refused("no-such-file", f"`{use.path}`: {reason}", _near(real))
        return None
    size = sum(len(source.text) for source in library.sources.values()) + len(data)
    if not regular or size > MAX_BYTES:
        refused("no-such-file", f"`{use.path}` is " + ("too large" if regular else "no ordinary file"))
        return None
    library.paths.append(real)
    try:
        return Source(path, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        refused("no-such-file", f"`{use.path}` is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}")
        return None


def _near(real: Path) -> str | None:
    from difflib import get_close_matches

    beside = [path.name for path in real.parent.glob("*.arch")] if real.parent.is_dir() else []
    near = get_close_matches(real.name, beside, 1)
    return f"did you mean `{near[0]}`?" if near else None


def _circle(path: str, around: list[tuple[str, Use]]) -> Diagnostic:
    """Return the diagnostic for files that use each other in a circle. It begins at the file that closes the circle."""
    start = next(at for at, (name, _) in enumerate(around) if name == path)
    names = [name for name, _ in around[start:]]
    story = ", which uses ".join([*(f"`{name}`" for name in names[1:]), f"`{path}`"])
    labels = tuple(Label(use.path_span, "the circle comes through here") for _, use in around[start:-1])
    message = f"`{path}` uses {story}: a circle of files"
    help = "move what both need to a file of its own"
    return Diagnostic("circular-use", message, around[-1][1].path_span, labels, help=help)
