"""The initialisers of parameters and weights, and the torch call of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from archlang.diagnostics import Rejected
from archlang.ops.checks import MOST_NUMBER
from archlang.ops.tables import FORMULA
from archlang.shapes import Window

FANS = ("fan_in", "fan_out")
NONLINEARITIES = ("relu", "leaky_relu", "linear", "sigmoid", "tanh", "selu")
LISTED = "list"  # the numbers themselves
TORCHS_OWN = "torch_default"  # what torch does if nothing is said

Number = float | str


def is_start(argument: str) -> bool:
    """Return whether an argument of this name says how weights begin: `init=`, `bias_init=`, `weight_hh_l0_init=`."""
    return argument == "init" or argument.endswith("_init")


@dataclass(frozen=True, slots=True)
class Initialiser:
    """An initialiser: its arguments and their defaults (None must be given), its torch call, the number of axes.

    `fills` is the call that fills the tensor `{tensor}`. `template` makes the tensor of a `param`: `{shape}` stands for
    the sizes with commas, `{tuple}` for them as a tuple, `{dtype}` for the dtype as a further argument. `words` are the
    arguments that are words, with their possible values.
    """

    arguments: Mapping[str, Number | None]
    fills: str
    template: str = ""
    floats: bool = True  # whether it fills with decimal numbers
    axes: range = range(1, 9)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def makes(self, values: Mapping[str, Number]) -> str:
        """Return the expression that makes the tensor of a `param`, without arguments that have torch's defaults."""
        return self.template or self._short(values).replace("{tensor}", "torch.empty({shape})")

    def _short(self, values: Mapping[str, Number]) -> str:
        """Return the call that fills a tensor, without arguments that have torch's default."""
        short = self.fills
        for name, (text, default) in _TORCHS.items():
            if values.get(name) == default:
                short = short.replace(text, "")
        return short

    def call(self, tensor: str, values: Mapping[str, Number]) -> str:
        """Return the call that fills this tensor."""
        text = self._short(values).replace("{tensor}", tensor)
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", f'"{value}"' if isinstance(value, str) else repr(_whole(name, value)))
        return text

    def refusal(self, values: Mapping[str, Number]) -> tuple[str, str] | None:
        """Return the argument that is out of range, and why; None if all are valid."""
        numbers = {name: value for name, value in values.items() if not isinstance(value, str)}
        huge = [name for name, value in numbers.items() if abs(value) >= MOST_NUMBER]
        if huge:
            return huge[0], f"{numbers[huge[0]]} is too large: numbers stay below 2**63"
        std, low, high = numbers.get("std", 1.0), numbers.get("low", 0.0), numbers.get("high", 1.0)
        if std < 0:
            return "std", f"a deviation must be 0 or more, not {std}"
        if std == 0 and "trunc_normal" in self.fills:
            return "std", "the deviation of a truncated normal must be more than 0"
        if low > high:
            return "high", f"`high` must be at least `low`, but {high} is below {low}"
        if numbers.get("gain", 0.0) < 0:
            return "gain", f"a gain must be 0 or more, not {numbers['gain']}"
        if not 0 <= numbers.get("sparsity", 0.0) <= 1:
            return "sparsity", f"the part of each column that is 0 must be from 0 to 1, not {numbers['sparsity']}"
        groups = numbers.get("groups", 1)
        if groups < 1 or groups != int(groups):
            return "groups", f"the number of groups must be a whole number from 1, not {groups}"
        return None

    def refuse_shape(self, word: str, values: Mapping[str, Number], shape: tuple[int, ...]) -> None:
        """Raise Rejected if a tensor of this shape cannot be filled."""
        if len(shape) not in self.axes:
            fewest, most = self.axes[0], self.axes[-1]
            wanted = {1: f"at most {most} axes", most: f"{most} axes"}.get(fewest, f"{fewest} to {most} axes")
            wanted = "one axis" if most == 1 else f"{fewest} axes or more" if most == 8 and fewest > 1 else wanted
            raise Rejected("wrong-rank", f"`{word}` fills {wanted}, but this shape has {len(shape)}", about="init")
        if word == "identity" and shape[0] != shape[1]:
            message = f"`identity` fills a square matrix, but this weight is {Window(shape)}"
            raise Rejected("out-of-range", message, about="init")
        if word == "dirac" and shape[0] % int(values["groups"]):
            groups = f"{values['groups']:g} groups"
            message = f"`dirac` with {groups} needs as many outputs or a multiple, but this weight has {shape[0]}"
            raise Rejected("out-of-range", message, about="init")


_TORCHS: Mapping[str, tuple[str, Number]] = {
    "gain": (", gain={gain}", 1.0),
    "slope": (", a={slope}", 0.0),
    "mode": (", mode={mode}", "fan_in"),
    "groups": (", groups={groups}", 1.0),
}


def _whole(name: str, value: float) -> float:
    """Return the value of an argument as torch takes it: a number of groups is an integer."""
    return int(value) if name == "groups" else value


_HE: Mapping[str, Number | None] = {"mode": "fan_in", "nonlinearity": "relu", "slope": 0.0}
_HE_WORDS = {"mode": FANS, "nonlinearity": NONLINEARITIES}
_MATRIX = range(2, 9)


def _kaiming(kind: str) -> Initialiser:
    fills = f"nn.init.kaiming_{kind}_({{tensor}}, a={{slope}}, mode={{mode}}, nonlinearity={{nonlinearity}})"
    return Initialiser(_HE, fills, axes=_MATRIX, words=_HE_WORDS)


INITIALISERS: Mapping[str, Initialiser] = {
    "zeros": Initialiser({}, "nn.init.zeros_({tensor})", "torch.zeros({shape}{dtype})", floats=False),
    "ones": Initialiser({}, "nn.init.ones_({tensor})", "torch.ones({shape}{dtype})", floats=False),
    "constant": Initialiser(
        {"value": None}, "nn.init.constant_({tensor}, {value})", "torch.full({tuple}, {value}{dtype})", floats=False
    ),
    "arange": Initialiser({}, "", "torch.arange({shape}{dtype})", floats=False, axes=range(1, 2)),
    "normal": Initialiser(
        {"std": 1.0, "mean": 0.0},
        "nn.init.normal_({tensor}, mean={mean}, std={std})",
        "torch.empty({shape}).normal_({mean}, {std})",
    ),
    "uniform": Initialiser(
        {"low": 0.0, "high": 1.0},
        "nn.init.uniform_({tensor}, {low}, {high})",
        "torch.empty({shape}).uniform_({low}, {high})",
    ),
    "trunc_normal": Initialiser({"std": 1.0}, "nn.init.trunc_normal_({tensor}, std={std})"),
    "xavier_uniform": Initialiser({"gain": 1.0}, "nn.init.xavier_uniform_({tensor}, gain={gain})", axes=_MATRIX),
    "xavier_normal": Initialiser({"gain": 1.0}, "nn.init.xavier_normal_({tensor}, gain={gain})", axes=_MATRIX),
    "he_normal": _kaiming("normal"),
    "he_uniform": _kaiming("uniform"),
    "lecun_normal": Initialiser({}, 'nn.init.kaiming_normal_({tensor}, nonlinearity="linear")', axes=_MATRIX),
    "orthogonal": Initialiser({"gain": 1.0}, "nn.init.orthogonal_({tensor}, gain={gain})", axes=_MATRIX),
    "dirac": Initialiser({"groups": 1.0}, "nn.init.dirac_({tensor}, groups={groups})", axes=range(3, 6)),
    "identity": Initialiser({}, "nn.init.eye_({tensor})", axes=range(2, 3)),
    "sparse": Initialiser(
        {"sparsity": None, "std": 0.01}, "nn.init.sparse_({tensor}, sparsity={sparsity}, std={std})", axes=range(2, 3)
    ),
}


def refuse_start(word: str, values: tuple[Number, ...], shape: tuple[int, ...]) -> None:
    """Raise Rejected if the initialiser does not fit this shape. The values are its arguments, in order."""
    if word == LISTED:
        if len(values) != prod(shape) or any(isinstance(value, str) for value in values):
            message = f"the list has {len(values)} numbers, but this weight holds {prod(shape)}"
            raise Rejected("out-of-range", message, about="init")
        return
    found = INITIALISERS.get(word)
    if found is None or not found.fills:
        raise Rejected("unknown-initialiser", f"`{word}` does not fill a weight", about="init")
    if len(values) != len(found.arguments):
        raise Rejected("missing-argument", f"`{word}` has {len(found.arguments)} arguments", about="init")
    named = dict(zip(found.arguments, values, strict=True))
    for name, value in named.items():
        allowed = found.words.get(name)
        if isinstance(value, str) != (allowed is not None) or (allowed and value not in allowed):
            raise Rejected("out-of-range", f"`{name}` of `{word}` cannot be {value}", about="init")
    refused = found.refusal(named)
    if refused is not None:
        raise Rejected("out-of-range", refused[1], about="init")
    found.refuse_shape(word, named, shape)


def filling(word: str, values: tuple[Number, ...], tensor: str) -> str:
    """Return the constructor's line that initialises the tensor of that name."""
    if word == LISTED:
        return f"{tensor}.detach().copy_(torch.tensor({list(values)!r}).view_as({tensor}))"
    found = INITIALISERS[word]
    return found.call(tensor, dict(zip(found.arguments, values, strict=True)))


def start_text(word: str, values: tuple[Number, ...]) -> str:
    """Return an initialiser as the language writes it, without the arguments that have their defaults."""
    if word == LISTED:
        return f"[{', '.join(f'{value:g}' for value in values if not isinstance(value, str))}]"
    if word == FORMULA:
        return str(values[0])
    given = zip(INITIALISERS[word].arguments.items(), values, strict=True)
    written = [
        f"{name}={value}" if isinstance(value, str) else f"{name}={value!r}"
        for (name, default), value in given
        if value != default
    ]
    return f"{word}({', '.join(written)})" if written else word
