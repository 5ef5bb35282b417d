"""The faults: every place of a file where one word can be another, and the file with that word."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_SWAPS: dict[type[ast.AST], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in", ast.And: "or", ast.Or: "and", ast.Add: "-", ast.Sub: "+",
    ast.Mult: "+", ast.FloorDiv: "*", ast.Div: "*", ast.Mod: "//", ast.Pow: "*", ast.BitOr: "&", ast.BitAnd: "|",
}  # fmt: skip
_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min", "True": "False", "False": "True"}


@dataclass(frozen=True, slots=True)
class Fault:
    """The text from `start` to `end` of a file is `after` in the place of `before`."""

    path: Path
    line: int
    row: str
    column: int
    start: int
    end: int
    before: str
    after: str

    def planted(self) -> str:
        """Return the file with the fault in it."""
        text = self.path.read_text(encoding="utf-8")
        assert text[self.start : self.end] == self.before, f"{self.name} has changed since the faults were drawn"
        return text[: self.start] + self.after + text[self.end :]

    def __str__(self) -> str:
        return f"{self.name}:{self.line}: `{self.before}` -> `{self.after}` in  {self.row}"

    @property
    def name(self) -> str:
        """The file, as the repository has it."""
        return str(self.path.relative_to(ROOT))


class _File:
    """A file, its tree, and where in the text each node stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self._starts = [0]
        self._rows = self.text.splitlines(keepends=True)
        for row in self._rows:
            self._starts.append(self._starts[-1] + len(row))

    def at(self, line: int, column: int) -> int:
        """Return the place in the text; Python counts the bytes of a row."""
        row = self.text[self._starts[line - 1] : self._starts[line]]
        return self._starts[line - 1] + len(row.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def fault(self, line: int, start: int, end: int, after: str) -> Fault:
        row, first = self._rows[line - 1].strip(), self._starts[line - 1]
        return Fault(self.path, line, row, start - first, start, end, self.text[start:end], after)

    def between(self, left: ast.expr, right: ast.expr, word: str) -> Iterator[Fault]:
        """Yield the operator between two operands, which brackets and white space may stand around."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = self.text[start:end]
        before = gap.strip("() \n\t\\")
        if before and "#" not in gap:
            at = start + gap.index(before)
            line = self.text.count("\n", 0, at) + 1
            yield self.fault(line, at, at + len(before), word)


def paths(packages: Sequence[str]) -> list[Path]:
    """Return the files of some packages, or modules, of archlang."""
    found: list[Path] = []
    for name in packages:
        base = ROOT / "archlang" / name.replace(".", "/")
        files = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
        if not files or not files[0].exists():
            raise SystemExit(f"archlang has no {name}")
        found += files
    return found


def faults(path: Path) -> list[Fault]:
    """Return every fault of a file, in order. What runs when a function is called has faults; messages have none."""
    file = _File(path)
    found = (fault for node in _running(ast.parse(file.text)) for fault in _of(file, node))
    return sorted(found, key=lambda fault: (fault.start, fault.end))


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes within functions that run when these are called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for statement in node.body:
                yield from _below(statement)


def _below(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return  # a function within one is walked by itself
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # of `zip`: it checks what is so
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield from _below(part)


def _of(file: _File, node: ast.AST) -> Iterator[Fault]:
    for kinds, found in _BY_KIND:
        if isinstance(node, kinds):
            yield from found(file, node)


def _of_comparison(file: _File, node: ast.Compare) -> Iterator[Fault]:
    operands = [node.left, *node.comparators]
    for (left, right), op in zip(pairwise(operands), node.ops, strict=True):
        yield from file.between(left, right, _SWAPS[type(op)])


def _of_logic(file: _File, node: ast.BoolOp) -> Iterator[Fault]:
    for left, right in pairwise(node.values):
        yield from file.between(left, right, _SWAPS[type(node.op)])


def _of_arithmetic(file: _File, node: ast.BinOp) -> Iterator[Fault]:
    if type(node.op) in _SWAPS and not _is_text(node.left) and not _is_text(node.right):
        yield from file.between(node.left, node.right, _SWAPS[type(node.op)])


def _of_sign(file: _File, node: ast.UnaryOp) -> Iterator[Fault]:
    if isinstance(node.op, ast.Not):
        start, _ = file.span(node)
        yield file.fault(node.lineno, start, start + len("not"), "not not")


def _of_name(file: _File, node: ast.Name) -> Iterator[Fault]:
    if node.id in _NAMES:
        yield file.fault(node.lineno, *file.span(node), _NAMES[node.id])


def _of_constant(file: _File, node: ast.Constant) -> Iterator[Fault]:
    if isinstance(node.value, bool):
        yield file.fault(node.lineno, *file.span(node), str(not node.value))
    elif isinstance(node.value, int):
        yield file.fault(node.lineno, *file.span(node), str(node.value + 1))


def _of_filter(file: _File, node: ast.comprehension) -> Iterator[Fault]:
    for test in node.ifs:
        yield file.fault(test.lineno, *file.span(test), "True")


def _of_condition(file: _File, node: ast.If | ast.IfExp | ast.While) -> Iterator[Fault]:
    for after in ("True", "False"):
        yield file.fault(node.test.lineno, *file.span(node.test), after)


def _of_jump(file: _File, node: ast.Break | ast.Continue) -> Iterator[Fault]:
    yield file.fault(node.lineno, *file.span(node), "continue" if isinstance(node, ast.Break) else "break")


def _of_effect(file: _File, node: ast.AugAssign | ast.Expr) -> Iterator[Fault]:
    if not _is_text(node.value):
        yield file.fault(node.lineno, *file.span(node), "pass")


_BY_KIND: tuple[tuple[Any, Callable[[_File, Any], Iterator[Fault]]], ...] = (
    (ast.Compare, _of_comparison),
    (ast.BoolOp, _of_logic),
    (ast.BinOp, _of_arithmetic),
    (ast.UnaryOp, _of_sign),
    (ast.Name, _of_name),
    (ast.Constant, _of_constant),
    (ast.comprehension, _of_filter),
    ((ast.If, ast.IfExp, ast.While), _of_condition),
    ((ast.Break, ast.Continue), _of_jump),
    ((ast.AugAssign, ast.Expr), _of_effect),
)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
