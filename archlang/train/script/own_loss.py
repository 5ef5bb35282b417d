"""A loss of the user's own in a script: the block or operator as a module, whose values are averaged or summed."""

from __future__ import annotations

import ast
import re

from archlang.lower import source_and_class
from archlang.program import program_of
from archlang.python_text import statements
from archlang.recipes.recipe import LossTerm
from archlang.shapes import TensorType
from archlang.train.script.plan import Plan, Script


def own_loss(plan: Plan, term: LossTerm, names: tuple[str, ...], script: Script) -> str:
    """Write the classes of a loss, and return the variable of its module."""
    assert term.own is not None
    types = [type for name in names if (type := type_of(plan, name)) is not None]
    source, root = source_and_class(program_of(term.own.graph(types)))
    word = "".join(part.title() for part in term.own.word.split("_"))
    imports, classes = parts_of(source)
    script.imports.update(imports)
    number = 1
    while True:
        name = f"{word}Loss{number if number > 1 else ''}"
        text = re.sub(rf"\b{root}\b", name, classes)
        if text in script.functions:
            break
        if not any(f"class {name}(" in one for one in script.functions):
            script.functions += [text, f"{_variable(name)} = {name}()"]
            break
        number += 1
    return _variable(name)


def type_of(plan: Plan, name: str) -> TensorType | None:
    """Return the type of a value that a loss of one's own compares; None if the data alone tells it."""
    return plan.fitted.type(name) or plan.types.get(name)


def parts_of(source: str) -> tuple[list[str], str]:
    """Return the imports of a source, and the rest of it."""
    nodes = [node for node in statements(source).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    last = max(node.end_lineno or 0 for node in nodes)
    return [ast.unparse(node) for node in nodes], "\n".join(source.split("\n")[last:]).strip("\n")


def _variable(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
