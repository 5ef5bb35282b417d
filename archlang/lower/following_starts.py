"""The loop of the constructor that fills weights, followed for each module and compared with the Graph."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archlang.ir import Graph
from archlang.lower.following import SourceError
from archlang.ops.base import Module
from archlang.ops.fans import by_number
from archlang.ops.initialisers import filling
from archlang.python_text import expression, statements


@dataclass
class _Place:
    """A module: its path, its class and that class's bases if they are known, its weights, and what fills them."""

    path: str
    kinds: frozenset[str] | None = frozenset()
    weights: set[str] = field(default_factory=set[str])
    expected: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class _Branch:
    """What is filled if a condition holds. Some weights may be missing: the source asks for these first."""

    holds: Callable[[_Place], bool]
    calls: Mapping[str, str]
    optional: frozenset[str]


def is_start(statement: ast.For) -> bool:
    """Return whether a loop of a constructor is the one that fills weights."""
    return ast.unparse(statement.iter) in ("self.modules()", "self.named_modules()")


def start_loops(node: ast.ClassDef) -> list[ast.For]:
    """Return the loops of a class that fill weights."""
    return [part for part in ast.walk(node) if isinstance(part, ast.For) and is_start(part)]


def follow_starts(net: ast.ClassDef, graph: Graph) -> None:
    """Raise SourceError if the net's class does not fill each weight as the Graph says, and no other."""
    loops = start_loops(net)
    places = _places(graph)
    if not any(place.expected for place in places):
        if loops:
            raise SourceError("the constructor fills weights that begin as torch's modules do")
        return
    if len(loops) != 1 or len(loops[0].body) != 1:
        raise SourceError("the constructor does not fill the weights in one loop")
    branches = list(_branches(loops[0].body[0]))
    for place in places:
        found = _filled(place, branches)
        if found != place.expected:
            told = ", ".join(place.expected.values()) or "nothing"
            raise SourceError(f"the constructor fills {place.path} by {found or 'nothing'}; expected {told}")


def _kinds(call: Module) -> frozenset[str] | None:
    """Return the class of a module, with its bases if the class is emitted; None for a class from elsewhere."""
    if call.target.startswith("torch.nn."):
        return frozenset({call.target.removeprefix("torch.")})
    emitted = {node.name: node for node in statements(call.source).body if isinstance(node, ast.ClassDef)}
    if call.target not in emitted:
        return None
    return frozenset({call.target, *map(ast.unparse, emitted[call.target].bases)})


def _places(graph: Graph) -> list[_Place]:
    """Return all modules of a net: those of layers, those within them that hold weights, and the scopes around them."""
    places: dict[str, _Place] = {}
    for layer in graph.flat():
        call = layer.op.torch(*layer.input_types)
        if layer.reused or not isinstance(call, Module):
            continue
        places[layer.path] = _Place(layer.path, _kinds(call))
        for weight in layer.op.weights(*layer.input_types):
            inner, _, name = weight.name.rpartition(".")
            path = ".".join(filter(None, (layer.path, inner)))
            place = places.setdefault(path, _Place(path, None))
            if not weight.buffer:
                place.weights.add(name)
                start = layer.node.starts.get(weight.name)
                if start is not None:
                    text = filling(*by_number(start.word, start.values, weight.fans), f"module.{name}")
                    place.expected[name] = ast.unparse(expression(text))
    for path in list(places):
        parts = path.split(".")
        for count in range(1, len(parts)):
            scope = ".".join(parts[:count])
            places.setdefault(scope, _Place(scope))
    return list(places.values())


def _filled(place: _Place, branches: Sequence[_Branch]) -> dict[str, str]:
    """Return the calls by which the loop fills the weights of a module."""
    for branch in branches:
        if not branch.holds(place):
            continue
        lacking = branch.calls.keys() - place.weights
        if lacking - branch.optional:
            raise SourceError(f"the constructor fills {', '.join(sorted(lacking))} of {place.path}, which has none")
        return {name: call for name, call in branch.calls.items() if name in place.weights}
    return {}


# ---- the statements of the loop


def _branches(statement: ast.stmt) -> Iterator[_Branch]:
    """Yield the branches of `if ... elif ...`, in order."""
    match statement:
        case ast.If(test=test, body=body, orelse=orelse) if len(orelse) < 2:
            calls: dict[str, str] = {}
            optional: set[str] = set()
            for name, call, is_optional in _calls(body):
                calls[name] = call
                optional |= {name} if is_optional else set()
            yield _Branch(_condition(test, calls), calls, frozenset(optional))
            for other in orelse:
                yield from _branches(other)
        case _:
            raise _unknown(statement)


def _calls(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str, bool]]:
    """Yield the weights that a branch fills, the call that fills each, and whether the weight may be lacking."""
    for statement in body:
        match statement:
            case ast.Pass():
                pass
            case ast.Expr(ast.Call() as call):
                yield _weight(call), ast.unparse(call), False
            case ast.If(test=test, body=[ast.Expr(ast.Call() as call)], orelse=[]) if (
                ast.unparse(test) == f"module.{_weight(call)} is not None"
            ):
                yield _weight(call), ast.unparse(call), True
            case _:
                raise _unknown(statement)


def _weight(call: ast.Call) -> str:
    """Return the weight that a call fills: the only attribute of `module` in it."""
    names = {
        part.attr
        for part in ast.walk(call)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "module"
    }
    if len(names) != 1:
        raise _unknown(call)
    return names.pop()


def _condition(test: ast.expr, calls: Mapping[str, str]) -> Callable[[_Place], bool]:
    match test:
        case ast.Compare(ast.Name("name"), [ast.Eq()], [ast.Constant(str(path))]):
            return lambda place: place.path == path
        case ast.Compare(ast.Name("name"), [ast.In()], [ast.Tuple() as several]):
            paths = set(_strings(several))
            return lambda place: place.path in paths
        case ast.Call(ast.Attribute(ast.Name("name"), "endswith"), [ends], []):
            tails = _strings(ends)
            return lambda place: place.path.endswith(tails)
        case ast.Call(ast.Name("isinstance"), [ast.Name("module"), kinds], []):
            listed = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
            classes = {ast.unparse(kind) for kind in listed}
            return lambda place: _is_of(place, classes, calls)
        case _:
            raise _unknown(test)


def _is_of(place: _Place, classes: set[str], calls: Mapping[str, str]) -> bool:
    """Return whether a module is of a class. If that is not known, it must hold no weight that would be filled."""
    if place.kinds is None and place.weights & calls.keys():
        raise SourceError(f"the constructor asks for the class of {place.path}, which is not known")
    return bool((place.kinds or frozenset()) & classes)


def _strings(node: ast.expr) -> tuple[str, ...]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    found = tuple(item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str))
    if len(found) < len(items):
        raise _unknown(node)
    return found


def _unknown(part: ast.AST) -> SourceError:
    return SourceError(f"the loop that fills weights holds `{ast.unparse(part)}`")
