"""Answers that an operator leaves open. A fact that depends on them is unknown; this is said, never guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archlang.ir import Layer


@dataclass(frozen=True, slots=True)
class Untold:
    """A question of `Operator` that the operator of a layer leaves open."""

    path: str
    word: str
    question: str

    @property
    def who(self) -> str:
        return f"`{self.path}` ({self.word})" if self.path else f"`{self.word}`"


class UnknownFact(ValueError):
    """A fact of a net that its operators leave open."""

    def __init__(self, what: str, untold: Iterable[Untold]) -> None:
        super().__init__(f"{what} is unknown: {listed(untold)}")


def untold(layer: Layer, **answers: object) -> tuple[Untold, ...]:
    """Return the questions to which the layer's operator answers None."""
    return tuple(Untold(layer.path, layer.op.word, name) for name, answer in answers.items() if answer is None)


def listed(found: Iterable[Untold]) -> str:
    """Return what is unknown, in words: the first two operators, and how many more there are."""
    questions: dict[str, list[str]] = {}
    for one in found:
        questions.setdefault(one.who, []).append(f"`{one.question}`")
    each = [f"{who} does not declare {' and '.join(dict.fromkeys(names))}" for who, names in questions.items()]
    more = f"; and {len(each) - 2} more like these" if len(each) > 2 else ""
    return "; ".join(each[:2]) + more


def united(*groups: tuple[Untold, ...]) -> tuple[Untold, ...]:
    """Return each of them once, in order."""
    return tuple(dict.fromkeys(one for group in groups for one in group))
