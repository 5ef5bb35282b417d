"""Operators stay short, so that one can be read at a glance."""

from __future__ import annotations

from statistics import median, quantiles

from tests.operator_lines import counted


def test_operators_are_short() -> None:
    lines = list(counted().values())
    assert median(lines) <= 26
    assert quantiles(lines, n=10)[8] <= 65
