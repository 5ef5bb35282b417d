"""Reads the tree without evaluating it: labels, paths, expressions as they are written."""

from __future__ import annotations

from collections.abc import Iterator

from archlang import syntax as s
from archlang.ir import join_path
from archlang.source import Span


def written(label: s.Expression | None) -> list[str]:
    """Return the names in a label that are known without evaluating it."""
    match label:
        case s.Name(text=text) | s.Text(parts=(str(text),)):
            return [text]
        case s.Sequence(items=items):
            return [name for item in items for name in written(item)]
        case _:
            return []


def labels_in(node: s.Action | None, scope: str = "") -> Iterator[tuple[str, Span]]:
    """Yield the labels in a part of the tree, each with its path from there."""
    match node:
        case s.Body(items=items):
            for item in items:
                yield from _labels_of(item, scope)
        case s.Branches(branches=parts):
            for part in parts:
                yield from labels_in(part, scope)
        case s.If(then=first, otherwise=second) | s.Residual(body=first, shortcut=second):
            yield from labels_in(first, scope)
            yield from labels_in(second, scope)
        case s.For(body=body) | s.Repeat(body=body):
            yield from labels_in(body, scope)
        case s.Apply(branches=branches):
            yield from labels_in(branches, scope)
        case _:
            return


def _labels_of(step: s.Statement, scope: str) -> Iterator[tuple[str, Span]]:
    if isinstance(step, s.Param):
        yield from ((join_path(scope, name), step.span) for name in written(step.label))
    if not isinstance(step, s.Step):
        return
    if step.label is None:
        if not isinstance(step.action, s.Body):  # braces without a label hide theirs
            yield from labels_in(step.action, scope)
        return
    names = written(step.label)
    for name in names:
        yield join_path(scope, name), step.label.span
    if len(names) == 1 and not isinstance(step.action, (s.Apply, s.Inline, s.Reuse)):
        yield from labels_in(step.action, join_path(scope, names[0]))


def is_outermost(item: s.Statement, body: s.Body | s.Branches | s.If | None) -> bool:
    """Return whether a statement is directly in a body, or only inside braces of `if`."""
    if isinstance(body, s.If):
        return is_outermost(item, body.then) or is_outermost(item, body.otherwise)
    for one in body.items if isinstance(body, s.Body) else ():
        if one is item or (isinstance(one, s.Step) and isinstance(one.action, s.If) and is_outermost(item, one.action)):
            return True
    return False


def spelled(node: s.Expression) -> str:
    """Return an expression as text, for help. Long parts become `...`."""
    match node:
        case s.Literal(value=tuple() as window):
            return "x".join(map(str, window))
        case s.Literal(value=value):
            return str(value).lower()
        case s.Name(text=text):
            return text
        case s.Text(parts=parts):
            return '"' + "".join(part if isinstance(part, str) else f"{{{spelled(part)}}}" for part in parts) + '"'
        case s.Attribute(base=base, name=name):
            return f"{spelled(base)}.{name}"
        case s.Index() | s.Slice() | s.Call():
            return _with_brackets(node)
        case s.Unary(operator="-", operand=operand):
            return f"-{spelled(operand)}"
        case s.Sequence(items=items, is_list=is_list):
            inside = ", ".join(map(spelled, items))
            return f"[{inside}]" if is_list else f"({inside})"
        case _:
            return "..."


def _with_brackets(node: s.Index | s.Slice | s.Call) -> str:
    match node:
        case s.Index(base=base, index=index):
            return f"{spelled(base)}[{spelled(index)}]"
        case s.Slice(base=base, start=start, stop=stop):
            return f"{spelled(base)}[{spelled(start) if start else ''}:{spelled(stop) if stop else ''}]"
        case s.Call(function=function, arguments=arguments):
            given = (f"{one.name}={spelled(one.value)}" if one.name else spelled(one.value) for one in arguments)
            return f"{spelled(function)}({', '.join(given)})"


def mentions_it(node: s.Expression) -> bool:
    """Return whether an expression mentions `it`."""
    match node:
        case s.Name(text="it"):
            return True
        case s.Sequence(items=items):
            return any(map(mentions_it, items))
        case s.Index(base=base) | s.Slice(base=base) | s.Attribute(base=base):
            return mentions_it(base)
        case s.Conditional(then=then, otherwise=otherwise):
            return mentions_it(then) or mentions_it(otherwise)
        case _:
            return False


def names_in(node: s.Expression) -> set[str]:
    """Return the bare names in the holes of a label."""
    match node:
        case s.Text(parts=parts):
            return {part.text for part in parts if isinstance(part, s.Name)}
        case _:
            return set()


def head_of(node: s.Expression) -> str:
    """Return the first word of a path: `nn` of `nn.Conv2d`."""
    while isinstance(node, (s.Attribute, s.Index, s.Slice)):
        node = node.base
    return node.text if isinstance(node, s.Name) else ""
