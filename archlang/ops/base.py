"""The class of operators. Passes ask its questions, and never which operator a layer holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from archlang.ops.answers import (
    Autocast,
    Expression,
    GradientPlace,
    Lecture,
    Module,
    Ratio,
    Reach,
    Saved,
    Slide,
    Span,
    Stored,
    Wanted,
    Weight,
    Work,
    is_view,
    seeing_all,
)
from archlang.ops.law import Condition
from archlang.ops.running import Running, Scratch, Temporaries
from archlang.ops.runs import ELEMENTWISE, ONE_CALL, ONE_CALL_FORWARD, SEVERAL_CALLS, Runs

__all__ = [
    "ELEMENTWISE",
    "ONE_CALL",
    "ONE_CALL_FORWARD",
    "SEVERAL_CALLS",
    "Autocast",
    "Condition",
    "Example",
    "Expression",
    "GradientPlace",
    "Kind",
    "Lecture",
    "Module",
    "Natural",
    "Operator",
    "Ratio",
    "Reach",
    "Runs",
    "Saved",
    "Scratch",
    "Size",
    "Slide",
    "Span",
    "Stored",
    "Temporaries",
    "Wanted",
    "Weight",
    "Work",
    "is_view",
    "seeing_all",
]  # fmt: skip

Size = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Kind = Literal["window", "number", "string", "list"]


@dataclass(frozen=True, slots=True)
class Example:
    """A step as written in the language, and the types of its inputs."""

    step: str
    inputs: str
    training: bool = True  # whether values are compared in training mode as well


class Operator(Running, BaseModel):
    """One operator: a frozen value of its hyperparameters. Its fields are its arguments in the language.

    `Law` asks what is true on paper, `Running` how torch runs it. What an operator does not declare is unknown, and
    every answer that depends on it says so.

    The docstring of an operator describes it. Its indented lines are formulas (archlang/why/notation.py): `why` fills
    in their numbers, and the tests compare them with the operator's answers.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    word: ClassVar[str]  # its name in the language
    positional: ClassVar[Mapping[str, Kind]] = {}  # fields that are written without a name, in order, and their kinds
    elsewhere: ClassVar[tuple[str, ...]] = ()  # what other libraries call it
    akin: ClassVar[Mapping[str, str]] = {}  # similar operators of other libraries, and how they differ
    open_arguments: ClassVar[tuple[str, ...]] = ()  # those that torch may receive as numbers when the net runs
    flows: ClassVar[Mapping[str, str]] = {}  # inputs that a user may mistake for arguments, and how they are written
    alike: ClassVar[tuple[str, int] | None] = None  # what `like=x` fills, and the first axis of x that it takes
    stricter: ClassVar[Mapping[str, str]] = {}  # codes and arguments that it refuses though torch takes them, and why
    examples: ClassVar[tuple[Example, ...]] = ()
