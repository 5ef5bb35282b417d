"""How the values of a parameter begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Initialiser:
    """How values begin: its arguments with their defaults (None must be given), what torch calls, how many axes.

    In the template `{shape}` stands for the sizes with commas, `{tuple}` for them as a tuple, `{dtype}` for the dtype
    as a further argument.
    """

    arguments: Mapping[str, float | None]
    template: str
    floats: bool = True  # whether it gives decimals alone
    axes: range = range(1, 9)

    def refusal(self, values: Mapping[str, float]) -> tuple[str, str] | None:
        """The argument that torch refuses, and why; None where it takes all."""
        std, low, high = values.get("std", 1.0), values.get("low", 0.0), values.get("high", 1.0)
        if std < 0:
            return "std", f"a deviation is 0 or more, and this is {std}"
        if std == 0 and "trunc_normal" in self.template:
            return "std", "a deviation that is cut off at two sides is more than 0"
        if low > high:
            return "high", f"`high` is at least `low`, and {high} is below {low}"
        return None


INITIALISERS: Mapping[str, Initialiser] = {
    "zeros": Initialiser({}, "torch.zeros({shape}{dtype})", floats=False),
    "ones": Initialiser({}, "torch.ones({shape}{dtype})", floats=False),
    "constant": Initialiser({"value": None}, "torch.full({tuple}, {value}{dtype})", floats=False),
    "arange": Initialiser({}, "torch.arange({shape}{dtype})", floats=False, axes=range(1, 2)),
    "normal": Initialiser({"std": 1.0, "mean": 0.0}, "torch.empty({shape}).normal_({mean}, {std})"),
    "uniform": Initialiser({"low": 0.0, "high": 1.0}, "torch.empty({shape}).uniform_({low}, {high})"),
    "trunc_normal": Initialiser({"std": 1.0}, "nn.init.trunc_normal_(torch.empty({shape}), std={std})"),
    "xavier_uniform": Initialiser({}, "nn.init.xavier_uniform_(torch.empty({shape}))", axes=range(2, 9)),
    "xavier_normal": Initialiser({}, "nn.init.xavier_normal_(torch.empty({shape}))", axes=range(2, 9)),
}
