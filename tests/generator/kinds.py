"""What a statement can be, and how often."""

from __future__ import annotations

from tests.generator.attending import attended
from tests.generator.calls import call
from tests.generator.chains import braced
from tests.generator.featured import featured_step
from tests.generator.growing import Grow
from tests.generator.nesting import condition, dense, join, loop, repeat, residual, scope
from tests.generator.own_tensors import projected, stored, tied_to_own, viewed
from tests.generator.sharing import embedded, let, tied
from tests.generator.starts import default
from tests.generator.steps import again, gated, operator_step, parameter_step, pick, pick_and_join
from tests.generator.tuples import over_values, whole

KINDS: dict[Grow, int] = {
    operator_step: 50, pick: 6, pick_and_join: 12, again: 5, stored: 4, viewed: 3, projected: 4, tied_to_own: 3,
    featured_step: 8, parameter_step: 8, embedded: 4, tied: 4, attended: 2, gated: 3, let: 3, default: 3,
}  # fmt: skip
NESTED: dict[Grow, int] = {
    call: 14, scope: 8, braced: 5, repeat: 5, loop: 4, condition: 4, residual: 6, dense: 3, join: 8,
}  # fmt: skip
MANY: dict[Grow, int] = {over_values: 25, whole: 15}  # where an input takes any number of values
