"""Finds, reads and parses a SPEC and the files that it uses. No file outside the root folder is read."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from archlang.diagnostics import Diagnostic, Label, Rejected
from archlang.elaborate import NetName
from archlang.limits import limits, raising
from archlang.parse import parse
from archlang.paths import SPECS
from archlang.shipped import SPACE, near_shipped, nets_of, shipped_files, shipped_nets, shipped_path
from archlang.source import Source
from archlang.syntax import File, Use
from archlang.uses import Folder, is_name, resolved


class CallError(Exception):
    """The call is wrong, not the spec: for example, the file or the net does not exist."""


class SettingError(CallError):
    """A parameter of the net was set wrongly: there is none of that name, or it does not accept the value."""


@dataclass(frozen=True)
class Found:
    """The source of a SPEC, and the net that it names, if any.

    Paths in the source's name are relative to `folder`, which a text alone does not have. `path` is that of the file,
    if it is one.
    """

    source: Source
    net: str | None
    folder: Folder | None
    path: Path | None = None


@dataclass
class Library:
    """A spec and all files that it uses, by name, with the diagnostics of parsing. `paths` lists the files read.

    `notes` are about valid uses.
    """

    main: File
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    files: dict[str, File] = field(default_factory=dict[str, File])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    notes: list[Diagnostic] = field(default_factory=list[Diagnostic])
    paths: list[Path] = field(default_factory=list[Path])


# ---- the spec


def find(spec: str, root: Path | None = None) -> Found:
    """Find the source that a SPEC names. `use` may only read files in `root`, by default the spec's folder."""
    if spec == "-":
        text = _decoded("<stdin>", standard_input())
        return Found(Source("<stdin>", text), None, Folder(Path(), root or Path()))
    path, _, net = spec.rpartition(":") if re.search(r":\w+$", spec) else (spec, "", "")
    if Path(spec).is_file():
        path, net = spec, ""
    if Path(path).is_file():
        with Path(path).open("rb") as file:
            text = _decoded(path, file.read(limits().bytes + 1))
        folder = Folder(Path(), root or Path(path).parent)
        return Found(Source(Path(path).as_posix(), text), net or None, folder, Path(path))
    named = re.fullmatch(rf"(?:{SPACE})?(\w+(?:/\w+)?)(?::(\w+))?", spec)
    if named is None or ((named[2] or "/" in named[1]) and named[1] not in shipped_files()):
        raise CallError(f"there is no file {path}")
    return _shipped(named[1], named[2])


def text_alone(text: str, net: str | None = None) -> Found:
    """Return a text as a source. It has no folder, so it can only use shipped specs."""
    refuse_large("the text", len(text))
    return Found(Source("<text>", text), net, None)


def _shipped(name: str, net: str | None) -> Found:
    """Return the shipped net of that name, or else the shipped file of that name with all its nets, or with one."""
    declaring = (path for path, nets in shipped_nets() if name in nets and net is None)
    path = next(declaring, shipped_files().get(name))
    if path is None:
        near = near_shipped(name)
        hint = f"; did you mean {near}?" if near else "; a path ends in .arch"
        raise CallError(f"there is no file and no shipped net called {name}{hint}")
    source = Source(path.relative_to(SPECS).as_posix(), path.read_text(encoding="utf-8"))
    return Found(source, net or (name if name in nets_of(path) else None), Folder(SPECS, SPECS), path)


def standard_input() -> bytes:
    """Return what standard input holds, up to one byte more than the limit. Raises CallError if it is closed."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  it is None if the shell closed it
        raise CallError("standard input is closed, so no spec can be read from it")
    return sys.stdin.buffer.read(limits().bytes + 1)


def refuse_large(name: str, length: int) -> None:
    """Raise CallError if the file or text called `name` is larger than the limit."""
    most = limits().bytes
    if length > most:
        size = f"{most // 2**20} MiB" if most >= 2**20 else f"{most} bytes"
        raise CallError(f"{name} is larger than {size}; {raising('bytes')}")


def _decoded(name: str, data: bytes) -> str:
    refuse_large(name, len(data))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CallError(f"{name} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None


def chosen(found: Found, told: str, nets: list[NetName], only: bool) -> list[str]:
    """Return the nets to build: the wanted one, or all that are complete."""
    if found.net is not None:
        if found.net not in [net.name for net in nets]:
            listed = ", ".join(net.name for net in nets)
            where = "" if found.folder is None else " in this file"
            raise CallError(f"{told}: there is no net `{found.net}`{where}; it has {listed or 'none'}")
        return [found.net]
    names = [net.name for net in nets if net.complete]
    if only and len(names) > 1:
        example = f'`loads(text, "{names[0]}")`' if found.folder is None else f"`{told}:{names[0]}`"
        raise CallError(f"{told} holds several nets: name one, as in {example}; it has {', '.join(names)}")
    return names


# ---- the files that it uses


def read(found: Found) -> Library:
    """Read and parse the spec and all files that it uses, directly or indirectly, each once."""
    file, diagnostics = parse(found.source)
    notes: list[Diagnostic] = []
    main = resolved(file, found.source.text, found.folder, notes)
    library = Library(main, {main.name: found.source}, {main.name: main}, diagnostics, notes)
    library.paths += [found.path] if found.path is not None else []
    _read_used(main, [], found, library)
    return library


def _read_used(file: File, chain: list[tuple[str, Use]], found: Found, library: Library) -> None:
    for use in file.declarations:
        if not isinstance(use, Use):
            continue
        if len(library.diagnostics) >= limits().mistakes:
            return
        around = [*chain, (file.name, use)]
        if use.file in [name for name, _ in around]:
            library.diagnostics.append(_circle(use.file, around))
        elif use.file not in library.files:
            source = _used_source(use, found, library)
            if source is not None:
                library.sources[use.file] = source
                parsed, wrong = parse(source)
                library.files[use.file] = resolved(parsed, source.text, found.folder, library.notes)
                library.diagnostics += wrong
                _read_used(library.files[use.file], around, found, library)


def _used_source(use: Use, found: Found, library: Library) -> Source | None:
    """Read a file that is used. Returns None, and adds a diagnostic, if it cannot be read."""
    try:
        real = _real_path(use, found)
        most = limits()
        if len(library.files) > most.files:
            raise Rejected("too-large", f"a spec uses at most {most.files} files", help=raising("files"))
        data = _data(use, real)
        if sum(len(source.text) for source in library.sources.values()) + len(data) > most.bytes:
            raise Rejected("too-large", f"`{use.path}` is too large", help=raising("bytes"))
        library.paths.append(real)
        return Source(use.file, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} is {error.object[error.start]:#04x}"
        rejected = Rejected("no-such-file", f"`{use.path}` is not UTF-8 text: {wrong}")
    except Rejected as found_wrong:
        rejected = found_wrong
    library.diagnostics.append(Diagnostic(rejected.code, rejected.message, use.path_span, help=rejected.help))
    return None


def _real_path(use: Use, found: Found) -> Path:
    """Return the file that a `use` means: a shipped one, or one within the root."""
    if use.file.startswith(SPACE):
        shipped = shipped_path(use.file.removeprefix(SPACE).removesuffix(".arch"))
        assert shipped is not None, use.file
        return shipped
    if not use.file:
        near = near_shipped(use.path.removeprefix(SPACE).removesuffix(".arch"))
        help = (
            f"did you mean `{near}`?" if near else "the path of a file ends in `.arch`; `archlang zoo` lists the nets"
        )
        raise Rejected("no-such-file", f"there is no shipped spec or net called `{use.path}`", help=help)
    if "\\" in use.path:
        help = f"write `{use.path.replace(chr(92), '/')}`"
        raise Rejected("bad-path", f"`{use.path}`: the parts of a path are separated by `/`, on Windows too", help=help)
    if not use.file.endswith(".arch"):
        raise Rejected("bad-path", f"`{use.path}` is not a spec: the name of a spec ends in `.arch`")
    if found.folder is None:
        help = "a text can use shipped specs only; `load` a file to use files in its folder"
        raise Rejected(
            "outside-the-root",
            f"`{use.path}`: this text has no folder from which a file could be read",
            help=help,
        )
    try:
        real = found.folder.file(use.file)
    except (OSError, RuntimeError, ValueError):  # a circle of links, or a name that no file can have
        raise Rejected("no-such-file", f"`{use.path}`: no file can be found at that path") from None
    if real is None:
        help = "name a folder that holds both on the command line: `--root DIR`"
        raise Rejected("outside-the-root", f"`{use.path}` leads out of the folder that this spec may read", help=help)
    return real


def _data(use: Use, real: Path) -> bytes:
    """Read an ordinary file."""
    try:
        if not S_ISREG(real.stat().st_mode):
            raise Rejected("no-such-file", f"`{use.path}` is not an ordinary file")
        with real.open("rb") as file:
            return file.read(limits().bytes + 1)
    except (OSError, ValueError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else "it cannot be read"
        raise Rejected("no-such-file", f"`{use.path}`: {reason}", help=_near(real)) from None


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
    named = next((use.path for _, use in around[start:] if is_name(use.path) and shipped_path(use.path)), None)
    if named is not None:
        help = f'write `use "{SPACE}{named}"` for the spec of that name that comes with archlang'
    return Diagnostic("circular-use", message, around[-1][1].path_span, labels, help=help)
