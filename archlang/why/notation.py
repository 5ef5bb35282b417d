"""The law of an operator, read off its docstring.

A paragraph of indented lines holds formulas; one that goes on is indented further:

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        params = out*(c/groups)*k*k + out
        params = out*(c/groups)*k*k if not bias
        MACs = h'*w'*out*(c/groups)*k*k

An axis of the input means its size, with a prime that of the output; other names are the operator's fields and its
`symbols`. Of several formulas for one name the last whose condition holds is used. A formula is written for maps, and
read for any layout: `c*h*w` is the product of all axes but `n`, `h*w` that of all but `n` and `c`, `k*k`
that of all sides of a window, and a formula for `h'` is one for each such axis. Counts are those of one image. Where
there are none, the prose says `No weights` or `no MACs`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from archlang.ops import OperatorsError
from archlang.ops.base import Operator

_FORMULA = re.compile(r"([A-Za-z_]\w*'?) = (.+)")
_AXES = re.compile(r"n [\w' ]+ -> n [\w' ]+$", re.MULTILINE)
_NONE = {"params": re.compile(r"\bno weights\b", re.IGNORECASE), "MACs": re.compile(r"\bno MACs\b", re.IGNORECASE)}


@dataclass(frozen=True, slots=True)
class Formula:
    """`name = text`, for operators for which `condition` holds."""

    name: str
    text: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class WrittenLaw:
    """The law as a docstring writes it: its paragraphs of prose, the axes of input and output, its formulas."""

    prose: tuple[str, ...]
    axes: str
    formulas: tuple[Formula, ...]

    @property
    def summary(self) -> str:
        """The first sentence."""
        first = re.split(r"(?<=[\w)\]'`])\. (?=[A-Z`])", self.prose[0], maxsplit=1)[0]
        return first if first.endswith("...") else first.removesuffix(".")

    def says_none(self, name: str) -> bool:
        """Return whether the prose says that there are no `params` or `MACs`."""
        return any(_NONE[name].search(paragraph) for paragraph in self.prose)


@cache
def law_of(op: type[Operator]) -> WrittenLaw:
    """Return the law in the docstring of an operator's class. Raises OperatorsError for a bad line in its formulas."""
    prose: list[str] = []
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(op.__doc__ or "")):
        # Python 3.13 removes the docstring's common indent, so a formula is recognised by its form
        if prose and (_FORMULA.match(paragraph.strip()) or _AXES.match(paragraph.strip())):
            lines += re.sub(r"\n(\s*)", _joined(paragraph), paragraph.strip()).split("\n")
        else:
            prose.append(" ".join(paragraph.split()))
    axes = [line for line in lines if _AXES.match(line)]
    return WrittenLaw(
        tuple(prose), "; ".join(axes), tuple(_formula(op, line) for line in lines if not _AXES.match(line))
    )


def _joined(paragraph: str) -> Callable[[re.Match[str]], str]:
    """Return what replaces a line break among formulas: a space before a continued line, which is indented further."""
    indent = len(paragraph) - len(paragraph.lstrip())
    return lambda found: " " if len(found[1]) > indent else "\n"


def _formula(op: type[Operator], line: str) -> Formula:
    found = _FORMULA.fullmatch(line)
    if found is None:
        raise OperatorsError(f"the docstring of {op.word} has a line that is not a formula: {line}")
    text, _, condition = found[2].partition(" if ")
    return Formula(found[1], text, condition)
