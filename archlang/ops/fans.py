"""Initial values of weights whose fans torch would misread: their first two axes are not outputs and inputs."""

from __future__ import annotations

from math import sqrt

from archlang.diagnostics import Rejected
from archlang.ops.answers import Fans
from archlang.ops.initialisers import Number

_GAINS = {"relu": sqrt(2), "leaky_relu": sqrt(2), "linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "selu": 0.75}
_OF_A_MATRIX = ("orthogonal", "dirac", "identity", "sparse")


def refuse_fans(word: str, values: tuple[Number, ...], fans: Fans | None) -> None:
    """Raise Rejected if an initialiser asks for a fan that differs within this weight, or for a matrix."""
    if fans is None:
        return
    if word in _OF_A_MATRIX:
        message = f"`{word}` fills the kernels of one layer, but this weight holds those of many"
        raise Rejected("wrong-rank", message, about="init")
    for name in _asked(word, values):
        if fans[_PLACES[name]] is None:
            message = f"`{word}` asks for the {name} of this weight, but its units have different ones"
            help = "give the deviation itself, as in `normal(0.1)`"
            raise Rejected("out-of-range", message, help=help, about="init")


_PLACES = {"fan_in": 0, "fan_out": 1}


def _asked(word: str, values: tuple[Number, ...]) -> tuple[str, ...]:
    """Return the fans that an initialiser asks for."""
    if word in ("he_normal", "he_uniform"):
        return (str(values[0]),)
    return {
        "xavier_normal": ("fan_in", "fan_out"),
        "xavier_uniform": ("fan_in", "fan_out"),
        "lecun_normal": ("fan_in",),
    }.get(word, ())


def by_number(word: str, values: tuple[Number, ...], fans: Fans | None) -> tuple[str, tuple[Number, ...]]:
    """Return an initialiser with its fan replaced by the deviation or the bound; others unchanged."""
    asked = [fans[_PLACES[name]] for name in _asked(word, values)] if fans is not None else []
    sizes = [size for size in asked if size is not None]
    if not sizes:
        return word, values
    deviation = _gain(word, values) / sqrt(sum(sizes) / len(sizes))
    bound = sqrt(3) * deviation
    return ("uniform", (-bound, bound)) if word.endswith("uniform") else ("normal", (deviation, 0.0))


def _gain(word: str, values: tuple[Number, ...]) -> float:
    """Return the factor before 1/sqrt(fan), as torch.nn.init.calculate_gain gives it."""
    match word, values:
        case (("he_normal" | "he_uniform"), (_, str(nonlinearity), float(slope))):
            return _GAINS[nonlinearity] / (sqrt(1 + slope**2) if nonlinearity == "leaky_relu" else 1.0)
        case (("xavier_normal" | "xavier_uniform"), (float(gain),)):
            return gain
        case _:
            return 1.0
