"""The emitted source, parsed and compared with the regions that it was written from, before it is handed out.

Every name must be bound where it is read. Each `forward` is followed in training and in evaluation: the name of a
value is replaced by the value itself, and each step must then equal the step of the region. This finds a variable that
is overwritten while its value is still needed, whatever the names are. The loop that initialises weights is followed
for each module of the net.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from itertools import product

from archlang.lower import folded, recompute
from archlang.lower.classes import Class, Classes, carried
from archlang.lower.containers import items_of
from archlang.lower.emit import in_format
from archlang.lower.folded import folds
from archlang.lower.following import Following, SourceError
from archlang.lower.following_starts import follow_starts, is_start, start_loops
from archlang.lower.recompute import recomputes
from archlang.lower.variables import used_by_expressions
from archlang.python_text import statements

__all__ = ["SourceError", "audit"]


# the parts of a net's classes; classes that operators carry are not checked
_STATEMENTS = (
    ast.ClassDef,
    ast.FunctionDef,
    ast.Expr,
    ast.Assign,
    ast.If,
    ast.For,
    ast.Pass,
    ast.Return,
    ast.Raise,
    ast.AugAssign,
    ast.Delete,
)
_BUILTINS = {"super", "range", "getattr", "isinstance", "ValueError", "min", "max", "abs", "round", "int"}
_INHERITED = {"__init__", "add_module", "register_buffer", "requires_grad_", "to"}  # methods that a constructor calls


def audit(text: str, made: Classes) -> None:
    """Raise SourceError if a source differs from the regions of its classes."""
    try:
        top = symtable.symtable(text, "source", "exec")
    except SyntaxError as error:
        raise SourceError(f"the source does not parse: {error}") from error
    known = carried(made.program) | (recompute.NAMES if recomputes(made.program) else set[str]())
    known |= folded.NAMES if folds(made.program) else set[str]()
    _bound(
        top,
        known,
        _BUILTINS | used_by_expressions(made.program.walk()),
    )
    expected = [found.name for found in made.classes]
    nodes = [node for node in statements(text).body if isinstance(node, ast.ClassDef)]
    classes = {node.name: node for node in nodes if node.name not in known}
    if list(classes) != expected or len(nodes) > len({node.name for node in nodes}):
        raise SourceError(f"the source has the classes {', '.join(classes)}; expected {', '.join(expected)}")
    *others, (_, net) = classes.items()
    for name, node in others:
        if start_loops(node):
            raise SourceError(f"{name} fills weights, which the net's own class does")
    follow_starts(net, made.program.graph)
    for found in made.classes:
        _class(classes[found.name], found, made)


def _bound(top: symtable.SymbolTable, known: set[str], allowed: set[str]) -> None:
    """Reject a name that is bound by neither its function, nor the source, nor Python.

    `known` are classes that operators carry, `allowed` the built-in names that the classes of a net use.
    """
    own = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    own.update(child.get_name() for child in top.get_children())
    for child in top.get_children():
        bound = own | (set(vars(builtins)) if child.get_name() in known else allowed & set(vars(builtins)))
        for table in _tables(child):
            for symbol in table.get_symbols():
                if symbol.is_global() and symbol.is_referenced() and symbol.get_name() not in bound:
                    raise SourceError(f"{table.get_name()} reads `{symbol.get_name()}`, which nothing binds")


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _class(node: ast.ClassDef, found: Class, made: Classes) -> None:
    for part in ast.walk(node):
        hidden = isinstance(part, ast.Attribute) and part.attr.startswith("__") and part.attr != "__init__"
        if hidden or (isinstance(part, ast.stmt) and not isinstance(part, _STATEMENTS)):
            raise SourceError(f"{found.name} holds what no net needs: {ast.unparse(part)}")
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    members = dict(_members(methods["__init__"]))
    _formatted(methods["__init__"], found)
    if len(methods) != len(node.body) or set(methods) != (
        {"__init__"} if made.is_sequential(found) else {"__init__", "forward"}
    ):
        raise SourceError(f"{found.name} has the methods {', '.join(methods)}")
    if not made.is_sequential(found):
        for training, region in product((True, False), found.instances):
            Following(found, region, made, members, training).follow(methods["forward"])


def _formatted(init: ast.FunctionDef, found: Class) -> None:
    """Check that the constructor of a marked region, and no other, ends with the line that converts the weights."""
    expected = [line.strip() for line in in_format(found.region)]
    written = [ast.unparse(statement) for statement in init.body]
    if [text for text in written if text.startswith("self.to(")] != expected or written[-len(expected) :] != (
        expected or written
    ):
        raise SourceError(f"the constructor of {found.name} converts weights as the region does not say")


def _members(init: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield the members that a constructor assigns: their names, and the text of the calls that construct them."""
    for statement in init.body:
        match statement:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name("self"), attr=name)], value=ast.Call() as call):
                yield from items_of(name, call)
            case ast.Expr(
                ast.Call(ast.Attribute(ast.Name("self"), "add_module"), [ast.Constant(str(name)), ast.Call() as call])
            ):
                yield from items_of(name, call)
            case ast.For() if is_start(statement):
                pass  # followed by itself
            case ast.Assign(targets=[ast.Attribute()], value=ast.Attribute()):  # a tied weight
                pass
            case ast.Expr(ast.Call(ast.Attribute(attr=method))) if method in _INHERITED:
                pass
            case _:
                raise SourceError(f"a constructor has the statement `{ast.unparse(statement)}`")
