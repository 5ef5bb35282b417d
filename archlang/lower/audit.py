"""The emitted source, parsed and compared with the regions that it was written from, before it is handed out.

Every name must be bound where it is read. Each `forward` is followed in training and in evaluation: the name of a
value is replaced by the value itself, and each step must then read as the step of the region does. So a variable that
is given away while its value is still needed is found, whatever the names are.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archlang.lower.classes import Class, Program, carried
from archlang.lower.regions import Region, Step, is_computed, is_training_only
from archlang.ops.base import Expression, Module


class SourceError(RuntimeError):
    """The emitted source is not what the Graph says. This is a mistake of archlang, never of a spec."""


def audit(text: str, made: Program) -> None:
    """Raise SourceError where a source differs from the regions of its classes."""
    try:
        _bound(text)
    except SyntaxError as error:
        raise SourceError(f"the source does not parse: {error}") from error
    expected = [found.name for found in made.classes]
    for training in (True, False):
        # parsed for each mode, as names are replaced in the tree itself
        classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
        if len(set(expected)) < len(expected) or set(classes) != {*expected, *carried(made.roots.values())}:
            raise SourceError(f"the source has the classes {', '.join(classes)}; expected {', '.join(expected)}")
        for found in made.classes:
            _class(classes[found.name], found, made, training)


def _bound(text: str) -> None:
    """Refuse a name that nothing binds: neither its function, nor the source, nor Python."""
    top = symtable.symtable(text, "source", "exec")
    known = {*(symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported())}
    known |= {*vars(builtins), *(child.get_name() for child in top.get_children())}
    for table in _tables(top):
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced() and symbol.get_name() not in known:
                raise SourceError(f"{table.get_name()} reads `{symbol.get_name()}`, which nothing binds")


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _class(node: ast.ClassDef, found: Class, made: Program, training: bool) -> None:
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    if found.region.is_sequential:
        if "forward" in methods:
            raise SourceError(f"{found.name} is a chain, and has a `forward` of its own")
        return
    members = dict(_members(methods["__init__"]))
    _Forward(found, made, members, training).follow(methods["forward"])


def _members(init: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """The members that a constructor makes: their names, and the text of the calls that make them."""
    for statement in init.body:
        match statement:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name("self"), attr=name)], value=ast.Call() as call):
                yield name, ast.unparse(call.func)
            case ast.Expr(
                ast.Call(ast.Attribute(ast.Name("self"), "add_module"), [ast.Constant(str(name)), ast.Call() as call])
            ):
                yield name, ast.unparse(call.func)
            case _:
                pass


@dataclass(frozen=True)
class _Forward:
    """A `forward` in one mode, and the region that it must compute."""

    found: Class
    made: Program
    members: Mapping[str, str]
    training: bool

    def follow(self, function: ast.FunctionDef) -> None:
        """Follow the lines of the method; raises SourceError where they do not compute the region."""
        region = self.found.region
        names = [argument.arg for argument in function.args.args]
        expected = ["self", *map(_value, region.inputs), *map(self._reached, region.borrowed)]
        if len(names) != len(expected) or len(set(names)) < len(names):
            raise self._wrong(f"takes {', '.join(names)}")
        bound: dict[str, ast.expr] = {name: ast.Name(token) for name, token in zip(names, expected, strict=True)}
        entries = [entry for entry in region.entries if is_computed(entry) and self._runs(entry)]
        for statement in self._statements(function.body):
            match statement:
                case ast.Return(value=ast.expr() as value):
                    self._returned(value, bound, entries)
                    return
                case ast.Assign(targets=[ast.Name() | ast.Tuple() as target], value=ast.Constant(None)):
                    self._bind(target, [ast.Constant(None)], bound)
                case ast.Assign(targets=[ast.Name() | ast.Tuple() as target], value=value):
                    given = self._replaced(value, bound)
                    if entries and self._is(given, entries[0]):
                        tokens = [ast.Name(_value(value)) for value in entries.pop(0).outputs]
                        self._bind(target, tokens, bound)
                    else:  # the first part of a long chain of methods
                        self._bind(target, [given], bound)
                case _:
                    raise self._wrong(f"has the statement `{ast.unparse(statement)}`")
        raise self._wrong("returns nothing")

    def _runs(self, entry: Region | Step) -> bool:
        return self.training or not is_training_only(entry)

    def _statements(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        """The statements that run in this mode."""
        for statement in body:
            if isinstance(statement, ast.If) and ast.unparse(statement.test) == "self.training":
                yield from statement.body if self.training else statement.orelse
            else:
                yield statement

    def _returned(self, value: ast.expr, bound: Mapping[str, ast.expr], left: list[Region | Step]) -> None:
        region = self.found.region
        ports = region.block.outputs
        outputs = (
            [port.value for port in ports if self.training or not port.training]
            if region.name is None
            else region.outputs
        )
        expected = ", ".join(map(self._token, outputs))
        given = ast.unparse(self._replaced(value, bound)).removeprefix("(").removesuffix(")")
        if left or given != expected:
            raise self._wrong(f"returns {given or 'nothing'} where the region gives {expected}, {len(left)} steps left")

    def _bind(self, target: ast.expr, values: Sequence[ast.expr], bound: dict[str, ast.expr]) -> None:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        if len(names) != len(values):
            raise self._wrong(f"binds {ast.unparse(target)} to {len(values)} values")
        for name, value in zip(names, values, strict=True):
            assert isinstance(name, ast.Name)
            bound[name.id] = value

    def _replaced(self, expression: ast.expr, bound: Mapping[str, ast.expr]) -> ast.expr:
        """An expression with the values themselves where their names stand."""
        found: object = _Replacing(bound).visit(expression)
        assert isinstance(found, ast.expr)
        return found

    def _is(self, given: ast.expr, entry: Region | Step) -> bool:
        """Whether an expression is that of an entry."""
        if isinstance(entry, Step) and isinstance(entry.call, Expression):
            text = entry.call.template.replace("{all}", ", ".join(map(self._token, entry.inputs)))
            for at, value in enumerate(entry.inputs):
                text = text.replace(f"{{{at}}}", self._token(value))
            return ast.unparse(given) == ast.unparse(ast.parse(text, mode="eval"))
        if not isinstance(given, ast.Call) or given.keywords:
            return False
        lent = entry.borrowed if isinstance(entry, Region) else ()
        expected = [*map(self._token, entry.inputs), *(self._reached(path) for path in lent)]
        return [ast.unparse(argument) for argument in given.args] == expected and self._is_callee(given.func, entry)

    def _is_callee(self, callee: ast.expr, entry: Region | Step) -> bool:
        if isinstance(entry, Step) and entry.module is not None:
            return ast.unparse(callee) == self._reached(entry.module)
        match callee:
            case ast.Attribute(ast.Name("self"), name) | ast.Call(
                ast.Name("getattr"), [ast.Name("self"), ast.Constant(str(name))]
            ):
                is_shared = isinstance(entry, Step) and str(entry.name).isdigit() and entry.stateless
                return (is_shared or name == entry.name) and self.members.get(name) == self._constructor(entry)
            case _:
                return False

    def _constructor(self, entry: Region | Step) -> str:
        """What makes the module of an entry."""
        made = self.made.of(entry)
        if made is not None:
            return made.name
        if isinstance(entry, Region):
            return "nn.Sequential"
        assert isinstance(entry.call, Module)
        target = entry.call.target
        return target.removeprefix("torch.") if target.startswith("torch.nn.") else target

    def _reached(self, path: str) -> str:
        """A module that is applied again, as the region reaches it: lent by its caller, or its own."""
        region = self.found.region
        if path in region.borrowed:
            return f"ð{region.borrowed.index(path)}"
        below = path[len(region.path) + 1 :] if region.path else path
        is_attributes = all(part.isidentifier() for part in below.split("."))
        return f"self.{below}" if is_attributes else f"self.get_submodule({below!r})"

    def _token(self, value: int) -> str:
        return self._others.get(value) or _value(value)

    @cached_property
    def _others(self) -> dict[int, str]:
        """The values that no step computes: those that the module stores, and those of training in evaluation."""
        found: dict[int, str] = {}
        for entry in self.found.region.entries:
            if not is_computed(entry):
                found |= dict.fromkeys(entry.outputs, f"self.{entry.name}")
            elif not self._runs(entry):
                found |= dict.fromkeys(entry.outputs, "None")
        return found

    def _wrong(self, what: str) -> SourceError:
        mode = "training" if self.training else "evaluation"
        return SourceError(f"the `forward` of {self.found.name}, in {mode}, {what}")


class _Replacing(ast.NodeTransformer):
    def __init__(self, bound: Mapping[str, ast.expr]) -> None:
        self.bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.bound.get(node.id, node)


def _value(value: int) -> str:
    """The name that stands for a value in what is compared; no label has such a letter."""
    return f"ø{value}"
