"""Emitted source, executed: modules whose classes can be copied, pickled and saved.

A source is executed once, in a module `archlang.built.NAME`; the same text always gives the same classes. No file holds
these classes, so pickle could not find them by name in another process. A pickled instance carries its source instead,
and executes it where it is loaded: the text that was read is the text that runs.
"""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable
from threading import Lock
from types import ModuleType
from weakref import WeakValueDictionary

Reduced = str | tuple[object, ...]

_lock = Lock()
_executed: WeakValueDictionary[tuple[str, str], ModuleType] = WeakValueDictionary()  # by name and text, while in use


def execute(text: str, name: str) -> ModuleType:
    """Return the module that a source defines. A source that is in use is not executed again.

    A traceback shows the source's lines.
    """
    with _lock:
        made = _executed.get((name, text))
        if made is None:
            made = _executed[name, text] = _executing(text, name)
    return made


def _executing(text: str, name: str) -> ModuleType:
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    filename = f"<archlang {name} {digest}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    made = ModuleType(f"archlang.built.{name}")
    made.__file__ = filename
    exec(compile(text, filename, "exec"), vars(made))  # noqa: S102  our own source, made from checked names and numbers
    reduce = _reduce_of(made, text, name)
    for value in vars(made).values():
        if isinstance(value, type) and value.__module__ == made.__name__:
            value.__reduce_ex__ = reduce  # type: ignore[assignment,method-assign]  # pyright: ignore[reportAttributeAccessIssue]
    return made


def _reduce_of(made: ModuleType, text: str, name: str) -> Callable[[object, int], Reduced]:
    """Return how pickle saves an instance: by its source and the name of its class, in place of the class itself."""

    def reduce(self: object, protocol: int) -> Reduced:
        given = object.__reduce_ex__(self, max(protocol, 2))
        own = vars(made).get(type(self).__name__)
        if own is not type(self) or isinstance(given, str):  # a class that somebody derived from ours
            return given
        return (instance, (text, name, type(self).__name__), *given[2:])

    return reduce


def instance(text: str, name: str, class_name: str) -> object:
    """Return an instance without a state, as pickle needs before it fills it."""
    made: type[object] = vars(execute(text, name))[class_name]
    return made.__new__(made)
