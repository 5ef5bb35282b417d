"""A user's own operators: the classes of a Python file, and those that installed packages name by entry points."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from archlang.ops.base import Operator
from archlang.ops.errors import OperatorsError

_ASKED = ("outputs", "work", "torch")  # what every operator must define


def classes_of_file(path: Path) -> dict[str, type[Operator]]:
    """Run a Python file and return the operators that it defines, by word. Raises OperatorsError."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise OperatorsError(f"{path} is {what}; operators are defined in a Python file")
    with _told(str(path), path):
        module = _module(path.resolve())
    found: dict[str, type[Operator]] = {}
    for op in vars(module).values():
        # imported classes do not count, and a class without a word is a base class
        if (
            isinstance(op, type)
            and issubclass(op, Operator)
            and op.__module__ == module.__name__
            and "word" in vars(op)
        ):
            if found.setdefault(str(op.word), op) is not op:
                raise OperatorsError(f"{path}: two operators are called `{op.word}`")
    if not found:
        raise OperatorsError(f"{path} holds no operator: a class derived from `Operator` that has a `word`")
    for op in found.values():
        _check(op, str(path), path)
    return found


def class_of(entry: EntryPoint) -> type[Operator]:
    """Return the operator that an installed package names. Raises OperatorsError if it is missing or not valid."""
    place = f"the package {entry.dist.name}" if entry.dist else entry.value
    with _told(f"{place}: {entry.value}"):
        op: object = entry.load()
    if not (isinstance(op, type) and issubclass(op, Operator)):
        raise OperatorsError(f"{place}: {entry.value} is not a class derived from `Operator`")
    if op.__dict__.get("word") != entry.name:
        raise OperatorsError(f"{place}: {entry.value} has another word than its entry point, `{entry.name}`")
    _check(op, place)
    return op


@cache
def _module(path: Path) -> ModuleType:
    """Run a file as a module of its own. No bytecode is written."""
    stem = re.sub(r"\W", "_", path.stem)
    name = next(name for name in _names(f"archlang.own.{stem}") if name not in sys.modules)
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # pydantic looks up the types in annotations here
    with ExitStack() as stack:
        stack.callback(sys.modules.pop, name)
        exec(compile(path.read_bytes(), path, "exec"), vars(module))  # noqa: S102  the user asked for it
        stack.pop_all()
    return module


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in range(2, sys.maxsize))


@contextmanager
def _told(place: str, path: Path | None = None) -> Generator[None]:
    """Report whatever a user's code raises as an OperatorsError with the line of the file at `path`."""
    try:
        yield
    except (Exception, SystemExit) as error:  # a stranger's code may raise anything
        line = _line(error, path)
        what = error.msg if isinstance(error, SyntaxError) else str(error).partition("\n")[0]
        raise OperatorsError(": ".join([f"{place}{line}", type(error).__name__, *filter(None, [what])])) from error


def _line(error: BaseException, path: Path | None) -> str:
    """Return the line of the file at which an error was raised, as `:12`; empty if it was raised elsewhere."""
    from traceback import extract_tb

    if path is None:
        return ""
    here = str(path.resolve())
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == here]
    if isinstance(error, SyntaxError) and error.filename == here:
        lines.append(error.lineno)
    return f":{lines[-1]}" if lines else ""


def _check(op: type[Operator], place: str, path: Path | None = None) -> None:
    """Refuse a class that is not a complete operator."""
    name = op.__name__
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(op.word)):
        raise OperatorsError(f"{place}: the word of {name} is {op.word!r}; one has lower-case letters, digits and _")
    if not op.__doc__:
        raise OperatorsError(f"{place}: {name} has no docstring, which is its law")
    missing = [question for question in _ASKED if getattr(op, question) is getattr(Operator, question)]
    if missing:
        raise OperatorsError(f"{place}: {name} does not answer {', '.join(f'`{question}`' for question in missing)}")
    with _told(f"{place}: {name}", path):
        op.model_rebuild()  # this makes pydantic read the annotations now
