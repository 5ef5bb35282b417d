"""How many argument sets of each operator the tests draw."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

ARGUMENT_SETS = 100  # of each operator

more = settings(
    max_examples=100,
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
many = settings(more, max_examples=200)
