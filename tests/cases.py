"""How many argument sets of each operator the tests draw."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

ARGUMENT_SETS = 24  # of each operator; the sweep draws more

more = settings(
    max_examples=100,
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def argument_sets(swept: int) -> pytest.MarkDecorator:
    """Give a test `count` argument sets of each operator, and more of them in the sweep."""
    return pytest.mark.parametrize("count", [ARGUMENT_SETS, pytest.param(swept, marks=pytest.mark.sweep)])
