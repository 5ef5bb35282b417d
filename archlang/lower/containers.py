"""Containers in the source: `nn.ModuleList` and `nn.ModuleDict`, which hold the modules whose labels have dots."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, cast

T = TypeVar("T")
Tree = dict[str, "T | Tree[T]"]

LIST, DICT = "nn.ModuleList", "nn.ModuleDict"


def tree_of(members: Mapping[str, T]) -> Tree[T]:
    """Return the members by key, those below a container in a tree of its own. Items of a list are in order."""
    tree: Tree[T] = {}
    for path, member in members.items():
        *containers, name = path.split(".")
        at = tree
        for key in containers:
            at = cast("Tree[T]", at.setdefault(key, {}))
        at[name] = member
    return tree


def is_list(keys: Iterable[str]) -> bool:
    """Return whether a container is an `nn.ModuleList`: its keys are 0, 1, 2, ... in any order."""
    found = sorted(keys)
    return sorted(found) == sorted(map(str, range(len(found))))


def lists_in(names: Iterable[str]) -> frozenset[str]:
    """Return the paths of the containers that are lists, of members with these names."""
    keys: dict[str, set[str]] = {}
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts)):
            keys.setdefault(".".join(parts[:end]), set()).add(parts[end])
    return frozenset(path for path, found in keys.items() if is_list(found))


def member(name: str, lists: frozenset[str]) -> str:
    """Return the expression for a member of a module: `self.conv`, `self.convs[0]`, `self.maps["first"]`."""
    head, *rest = name.split(".")
    text, path = f"self.{head}" if head.isidentifier() else f'getattr(self, "{head}")', head
    for key in rest:
        text += f"[{key}]" if path in lists else f'["{key}"]'
        path = f"{path}.{key}"
    return text


def name_of(expression: ast.expr) -> str | None:
    """Return the name of the member that an expression stands for, as `member` writes it; None for any other."""
    match expression:
        case ast.Attribute(ast.Name("self"), name):
            return name
        case ast.Call(ast.Name("getattr"), [ast.Name("self"), ast.Constant(str(name))]):
            return name
        case ast.Subscript(value, ast.Constant(int() | str() as key)):
            outer = name_of(value)
            return f"{outer}.{key}" if outer is not None else None
        case _:
            return None


def items_of(name: str, call: ast.Call) -> Iterator[tuple[str, str]]:
    """Yield the members that a constructor's line makes: their names, and the texts of what is called for each."""
    match call:
        case ast.Call(ast.Attribute(ast.Name("nn"), "ModuleList"), [ast.List(items)]):
            yield from _items(name, enumerate(items))
        case ast.Call(ast.Attribute(ast.Name("nn"), "ModuleDict"), [ast.Dict(keys, items)]):
            named = (key.value for key in keys if isinstance(key, ast.Constant))
            yield from _items(name, zip(named, items, strict=True))
        case _:
            is_over = any(word.arg == "inplace" and ast.unparse(word.value) == "True" for word in call.keywords)
            yield name, overwriting(ast.unparse(call.func)) if is_over else ast.unparse(call.func)


def overwriting(constructor: str) -> str:
    """Return the text for a member that writes its result over its input."""
    return f"{constructor}(inplace=True)"


def _items(name: str, items: Iterable[tuple[object, ast.expr]]) -> Iterator[tuple[str, str]]:
    for key, item in items:
        if isinstance(item, ast.Call):
            yield from items_of(f"{name}.{key}", item)
