"""The laws: what an operator declares, compared with torch. `archlang ops --check` and the tests run them.

Each law is a function of one case. It raises `Broken` if torch does something else, and `Undeclared` if the operator
does not declare what the law is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.laws.agreeing import Broken, Undeclared
from archlang.laws.allocating import (
    backward_bytes_are_torchs,
    gradient_places_are_torchs,
    storages_are_torchs,
    temporaries_are_torchs,
    viewed_gradients_are_torchs,
)
from archlang.laws.autocasting import (
    dtypes_under_autocast,
    saved_bytes_under_autocast,
    temporaries_under_autocast,
)
from archlang.laws.counts import (
    defaults_are_torchs,
    json_comes_back,
    lectures_formula_is_the_weights,
    macs_are_torchs,
    types_are_torchs,
    weights_are_torchs,
)
from archlang.laws.keeping import (
    formats_are_torchs,
    layouts_are_torchs,
    saved_bytes_are_torchs,
    saved_bytes_in_each_mode,
    saved_bytes_of_some_outputs,
    views_are_torchs,
)
from archlang.laws.overwriting import fresh_results_are_torchs, overwritten_inputs_are_torchs
from archlang.laws.seeing import reach_is_torchs

if TYPE_CHECKING:
    from archlang.laws.cases import Case

__all__ = ["LAWS", "Broken", "Comparison", "Undeclared"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A law: its name, and the function that compares a case with torch.

    A `slow` law is checked on the examples alone.
    """

    name: str
    hold: Callable[[Case], None]
    slow: bool = False

    def __call__(self, case: Case) -> None:
        self.hold(case)


LAWS = (
    Comparison("outputs", types_are_torchs),
    Comparison("weights", weights_are_torchs),
    Comparison("defaults", defaults_are_torchs),
    Comparison("MACs", macs_are_torchs),
    Comparison("saved bytes", saved_bytes_are_torchs),
    Comparison("view", views_are_torchs),
    Comparison("storages", storages_are_torchs),
    Comparison("new memory", fresh_results_are_torchs, slow=True),
    Comparison("overwritten inputs", overwritten_inputs_are_torchs),
    Comparison("reach", reach_is_torchs),
    Comparison("JSON", json_comes_back),
    Comparison("lecture", lectures_formula_is_the_weights),
    Comparison("saved bytes by mode", saved_bytes_in_each_mode, slow=True),
    Comparison("saved bytes by output", saved_bytes_of_some_outputs, slow=True),
    Comparison("layouts", layouts_are_torchs, slow=True),
    Comparison("memory formats", formats_are_torchs, slow=True),
    Comparison("temporaries", temporaries_are_torchs, slow=True),
    Comparison("gradient places", gradient_places_are_torchs, slow=True),
    Comparison("viewed gradients", viewed_gradients_are_torchs, slow=True),
    Comparison("backward in one call", backward_bytes_are_torchs, slow=True),
    Comparison("autocast", dtypes_under_autocast),
    Comparison("saved bytes under autocast", saved_bytes_under_autocast, slow=True),
    Comparison("temporaries under autocast", temporaries_under_autocast, slow=True),
)
