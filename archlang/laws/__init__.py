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
from archlang.laws.counts import (
    defaults_are_torchs,
    json_comes_back,
    lectures_formula_is_the_weights,
    macs_are_torchs,
    types_are_torchs,
    weights_are_torchs,
)
from archlang.laws.keeping import (
    layouts_are_torchs,
    saved_bytes_are_torchs,
    saved_bytes_in_each_mode,
    saved_bytes_of_some_outputs,
    views_are_torchs,
)
from archlang.laws.seeing import reach_is_torchs

if TYPE_CHECKING:
    from archlang.laws.cases import Case

__all__ = ["LAWS", "Broken", "Law", "Undeclared"]


@dataclass(frozen=True, slots=True)
class Law:
    """A law: its name, and the function that compares a case with torch.

    A `slow` law is checked on the examples alone.
    """

    name: str
    hold: Callable[[Case], None]
    slow: bool = False

    def __call__(self, case: Case) -> None:
        self.hold(case)


LAWS = (
    Law("outputs", types_are_torchs),
    Law("weights", weights_are_torchs),
    Law("defaults", defaults_are_torchs),
    Law("MACs", macs_are_torchs),
    Law("saved bytes", saved_bytes_are_torchs),
    Law("view", views_are_torchs),
    Law("storages", storages_are_torchs),
    Law("reach", reach_is_torchs),
    Law("JSON", json_comes_back),
    Law("lecture", lectures_formula_is_the_weights),
    Law("saved bytes by mode", saved_bytes_in_each_mode, slow=True),
    Law("saved bytes by output", saved_bytes_of_some_outputs, slow=True),
    Law("layouts", layouts_are_torchs, slow=True),
    Law("temporaries", temporaries_are_torchs, slow=True),
    Law("gradient places", gradient_places_are_torchs, slow=True),
    Law("viewed gradients", viewed_gradients_are_torchs, slow=True),
    Law("backward in one call", backward_bytes_are_torchs, slow=True),
)
