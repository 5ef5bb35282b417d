"""Makes the reference that a command names: imports and calls `module:callable` or `FILE.py:callable`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.packages import need

if TYPE_CHECKING:
    from torch import nn

# what the reference's code may raise; the command then ends with its message
FAILURES = (
    ImportError, RuntimeError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError,
    NameError, SyntaxError, OSError,
)  # fmt: skip


@contextmanager
def told(what: str) -> Generator[None]:
    """Turn an error of the code within into a `Rejected` that gives the error, its place, and `what` failed."""
    try:
        yield
    except FAILURES as error:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" ({place.tb_frame.f_code.co_filename}:{place.tb_lineno})" if place is not None else ""
        message = f"{what}: {type(error).__name__}: {str(error) or 'no message'}{where}"
        raise Rejected("run-failed", message) from error


def made(named: str, arguments: Mapping[str, object], seed: int = 0) -> nn.Module:
    """Return the module that `named` returns when it is called with the arguments; `seed` sets its random weights.

    Its file is imported and run, from the current folder too. Raises `Rejected` with the code `run-failed`.
    """
    need("torch", "the reference is run by")
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        found = _made(named, arguments)
    if not isinstance(found, nn.Module):
        raise Rejected("run-failed", f"{named} returns a {type(found).__name__}, not a torch.nn.Module")
    return found


def _made(named: str, arguments: Mapping[str, object]) -> object:
    path, colon, name = named.rpartition(":")
    if not colon:
        raise Rejected(
            "run-failed", f"{named} does not name a callable", help="write module:callable or FILE.py:callable"
        )
    module = _imported(path)
    target: object = module
    for part in name.split("."):
        if not hasattr(target, part):
            raise Rejected("run-failed", f"{path} has no {name}{_near(name, module)}")
        target = getattr(target, part)
    if not callable(target):
        raise Rejected("run-failed", f"{named} is a {type(target).__name__}, which cannot be called")
    with told(f"{named} fails when it is called"):
        return _called(target, arguments)


def _called(target: Callable[..., object], arguments: Mapping[str, object]) -> object:
    return target(**arguments)


def _imported(path: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        with told(f"{path} cannot be imported"):
            return _file(Path(path)) if path.endswith(".py") else import_module(path)
    finally:
        sys.path.pop(0)


def _file(path: Path) -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    path.open("rb").close()  # raises an error with the file's name if it cannot be opened
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _near(name: str, module: ModuleType) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [word for word in vars(module) if not word.startswith("_")], 1)
    return f"; did you mean {near[0]}?" if near else ""


def value_of(text: str) -> object:
    """Parse an argument for the reference: a Python literal, true, false, none, or else a string."""
    from ast import literal_eval

    words: dict[str, object] = {"true": True, "false": False, "none": None}
    if text in words:
        return words[text]
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text
