"""What the code is called and how it hangs together: `python -m benchmarks.house`.

It lists circles of imports (those that serve types alone are left out), names of modules that recur, and names of
classes, functions and constants with a capital or in capitals that two files define.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "archlang"


def modules() -> dict[str, ast.Module]:
    """Return the modules of the package by their full name."""
    found: dict[str, ast.Module] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Return what each module imports of the package, when it is loaded or in a function; not what types alone need."""
    found: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for node in _run(tree.body):
            if isinstance(node, ast.Import):
                found[name].update(alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found[name].add(inner if inner in trees else node.module)
    return {name: {one for one in ones if one in trees and one != name} for name, ones in found.items()}


def _run(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of a module, but those under `if TYPE_CHECKING`."""
    for node in body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _run(node.orelse)
        else:
            yield from ast.walk(node)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other in a circle (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            circle: list[str] = []
            while not circle or circle[-1] != name:
                circle.append(stack.pop())
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def recurring_modules(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Return the names of files that recur, with the modules that have them."""
    return _recurring((name.rpartition(".")[2], name) for name in trees)


def recurring_names(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Return the public classes and constants that more than one module defines."""
    return _recurring((defined, name) for name, tree in trees.items() for defined in _defined(tree))


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from (target.id for target in targets if isinstance(target, ast.Name) and target.id[0].isupper())


def _recurring(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, where in pairs:
        if not name.startswith("_"):
            found[name].append(where)
    return {name: places for name, places in sorted(found.items()) if len(places) > 1}


def main() -> None:
    trees = modules()
    for circle in circles(imports(trees)):
        sys.stdout.write(f"circle: {' '.join(circle)}\n")
    for name, places in recurring_modules(trees).items():
        sys.stdout.write(f"module {name}: {' '.join(places)}\n")
    for name, places in recurring_names(trees).items():
        sys.stdout.write(f"name {name}: {' '.join(places)}\n")


if __name__ == "__main__":
    main()
