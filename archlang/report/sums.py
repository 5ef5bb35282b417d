"""Sums by operator and by block."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from archlang.program import Scope
from archlang.report.columns import Column, alike
from archlang.report.data import LayerRow, Report
from archlang.report.lines import By, Line, total_line


def sums_by(report: Report, by: By) -> list[Line]:
    """Return a row for each operator, or for each name of a block, in the order in which they first come."""
    return _by_op(report) if by == "op" else _by_block(report)


def sums_total(report: Report, rows: list[Line]) -> Line:
    """Return the row below them: the whole net, and all calls."""
    return replace(total_line(report), calls=sum(row.calls for row in rows))


def sum_columns(by: By) -> tuple[Column, Column]:
    """Return the first two columns: what is added up, and how often it is called or applied."""
    return alike(by, lambda line: line.path), alike("calls", lambda line: line.calls)


def _by_op(report: Report) -> list[Line]:
    groups: dict[str, list[LayerRow]] = {}
    for row in report.layers:
        groups.setdefault(row.op, []).append(row)
    return [Line(op, op, op, rows, calls=len(rows)) for op, rows in groups.items()]


def _by_block(report: Report) -> list[Line]:
    """Return a row for each block name. A layer counts once for each block name around it, at any depth."""
    calls: Counter[str] = Counter()
    groups: dict[str, list[LayerRow]] = {}

    def add(scope: Scope, around: frozenset[str]) -> None:
        if scope.callee:
            calls[scope.what] += 1
            rows = groups.setdefault(scope.what, [])
            if scope.what not in around:  # a block that calls itself holds its callees' layers already
                rows += report.layers[scope.start : scope.end]
            around |= {scope.what}
        for part in scope.parts:
            if not isinstance(part, int):
                add(part, around)

    add(report.facts.tree, frozenset())
    return [Line(name, name, name, rows, calls=calls[name]) for name, rows in groups.items()]
