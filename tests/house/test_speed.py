"""Start-up stays near that of the imports; `benchmarks/startup.py` measures it to the point on a quiet machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.startup import times_the_imports, with_many_operators


def test_check_costs_little_more_than_its_imports(tmp_path: Path) -> None:
    """torch or networkx would add far more to the ratio than other programs on the machine."""
    assert times_the_imports(tmp_path, tries=4) <= 3


@pytest.mark.sweep
def test_many_operators_cost_little_more(tmp_path: Path) -> None:
    assert with_many_operators(tmp_path) <= 3
