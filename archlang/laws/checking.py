"""Checks an operator against every law, over its examples and further argument sets."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from archlang.laws import LAWS, Broken, Comparison, Undeclared
from archlang.laws.cases import Case, examples
from archlang.laws.draws import draws
from archlang.ops.base import Operator


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one law: it holds for a number of cases, it fails at one, or the operator does not declare it.

    `why` says where the operator differs from torch, or what it does not declare.
    """

    law: str
    outcome: Literal["pass", "fail", "unknown"]
    cases: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdicts on one operator."""

    word: str
    examples: int
    drawn: int
    verdicts: tuple[Verdict, ...]

    @property
    def fails(self) -> bool:
        return any(verdict.outcome == "fail" for verdict in self.verdicts)


def check(op: type[Operator]) -> Checked:
    """Check an operator against every law. Slow laws are checked on the examples alone."""
    if not op.examples:
        why = f"{op.__name__} has no `examples`, on which the laws are tried"
        return Checked(op.word, 0, 0, (Verdict("examples", "fail", 0, why),))
    try:
        written = examples(op)
    except Exception as error:  # noqa: BLE001  the operator is a stranger's
        return Checked(op.word, len(op.examples), 0, (Verdict("examples", "fail", 0, _told(error)),))
    drawn = draws(op)
    verdicts = tuple(_verdict(law, written if law.slow else [*written, *drawn]) for law in LAWS)
    return Checked(op.word, len(written), len(drawn), verdicts)


def _verdict(law: Comparison, cases: Iterable[Case]) -> Verdict:
    held = 0
    unknown = ""
    for case in cases:
        try:
            with warnings.catch_warnings(action="ignore"):
                law(case)
        except Undeclared as error:
            unknown = f"{error} is not declared{f' for {case}' if held else ''}"
        except Exception as error:  # noqa: BLE001  the operator is a stranger's
            return Verdict(law.name, "fail", held, f"{case}: {_told(error)}")
        else:
            held += 1
    return Verdict(law.name, "unknown" if unknown else "pass", held, unknown)


def _told(error: Exception) -> str:
    text = str(error).strip()
    return text if isinstance(error, Broken) else ": ".join(filter(None, [type(error).__name__, text]))


def lines(checked: Checked) -> Iterator[str]:
    """Yield the verdicts for people: what fails, and what is unknown with its reason."""
    examples = "1 example" if checked.examples == 1 else f"{checked.examples} examples"
    yield f"{checked.word}: {examples} and {checked.drawn} other argument sets"
    for verdict in checked.verdicts:
        why = f": {verdict.why}" if verdict.why else ""
        yield f"  {verdict.outcome:<8} {verdict.law}{why}"
