"""Start-up stays near that of the imports; `benchmarks/startup.py` measures it to the point on a quiet machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.startup import times_the_imports, with_many_operators


@pytest.mark.parametrize("measure", [times_the_imports, pytest.param(with_many_operators, marks=pytest.mark.sweep)])
def test_check_costs_little_more_than_its_imports(measure: Callable[[Path], float], tmp_path: Path) -> None:
    """torch or networkx would add far more to the ratio than other programs on the machine."""
    assert measure(tmp_path) <= 3
