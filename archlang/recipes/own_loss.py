"""Losses of the user's own: an operator, such as those of `--operators`, or a block of the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, cast

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate import Files, elaborate
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.state.kinds import BlockValue, OperatorValue
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.ops import is_built_in
from archlang.parse import parse
from archlang.recipes.arguments import ANY, FLAG, NAME, Either, Setting, Several
from archlang.recipes.binding import fitting
from archlang.shapes import TensorType, input_type
from archlang.source import Source, Span

NET = "own_loss"  # the name of the net that a loss becomes
_PLAIN = Either((FLAG, ANY, NAME))
_ANYTHING = Either((FLAG, ANY, NAME, Several(_PLAIN)))


@dataclass(frozen=True, slots=True)
class OwnLoss:
    """An operator or block whose values, averaged or summed, are a loss; where it is declared, and its arguments."""

    word: str
    arguments: Mapping[str, Setting]
    file: s.File = field(repr=False, compare=False)
    files: Files = field(repr=False, compare=False)
    span: Span = field(compare=False)

    def graph(self, types: Sequence[TensorType]) -> Graph:
        """Return the loss as a net whose inputs are the values that it compares.

        Raises `Rejected` if they do not fit, or if it has weights, which nothing would train.
        """
        net = self._net(types)
        graph, wrong = elaborate(replace(self.file, declarations=(*self.file.declarations, net)), NET, files=self.files)
        if wrong or graph is None:
            first = next(iter(wrong), None)
            raise Rejected("loss-does-not-fit", first.message if first else "it has a mistake")
        if totals(graph).params:
            raise Rejected("loss-does-not-fit", "it has weights, which nothing would train")
        outputs = [graph.root.types[port.value] for port in graph.root.outputs]
        if len(outputs) != 1 or not outputs[0].is_float:
            told = ", ".join(f"{one} {one.dtype}" for one in outputs)
            raise Rejected("loss-does-not-fit", f"a loss is one value of floats, and this is {told}")
        return graph

    def _net(self, types: Sequence[TensorType]) -> s.Definition:
        """Return a net that applies the loss to inputs of these types, as written where the loss is."""
        lines: list[str] = []
        names: list[str] = []
        for at, type in enumerate(types):
            sides = tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")
            lines.append(f"input v{at}: [{', '.join(map(str, sides))}] dtype={type.dtype}")
            names.append(f"v{at}")
            if input_type(sides, type.dtype).axes != type.axes:
                lines.append(f'(v{at}) -> axes "{" ".join(type.axes)}" -> a{at}: it')
                names[-1] = f"a{at}"
        given = " ".join(f"{name}={_written(value)}" for name, value in self.arguments.items())
        text = "\n".join([f"net {NET} {{", *lines, f"({', '.join(names)}) -> {self.word} {given}", "output", "}", ""])
        file, wrong = parse(Source(self.file.name, text))
        if wrong:
            raise Rejected("loss-does-not-fit", wrong[0].message)
        return cast(s.Definition, _placed(file.declarations[0], self.span))


def misfit_of_own(own: OwnLoss, types: Sequence[TensorType | None]) -> str | None:
    """Return what does not fit in the values of a loss; None if all does, or the type of one is not known."""
    known = [type for type in types if type is not None]
    try:
        if len(known) == len(types):
            own.graph(known)
    except Rejected as rejected:
        return rejected.message
    return None


def own_loss(name: s.Name, arguments: Sequence[s.Argument], here: Here) -> OwnLoss | None:
    """Return the operator or block that a loss names, with its arguments; None if there is none of that name.

    The operators of archlang are none: `softmax` is no loss.
    """
    try:
        value = evaluate(name, here)
    except (Mistake, Silent):
        return None
    is_operator = isinstance(value, OperatorValue) and not is_built_in(value.op.word)
    is_block = isinstance(value, BlockValue) and not value.definition.is_net
    if not (is_operator or is_block):
        return None
    given = {
        str(one.name): fitting(f"`{one.name}` of `{name.text}`", _ANYTHING, one.value, here)
        for one in arguments
        if one.name != "reduction"
    }
    files = here.session.files
    return OwnLoss(name.text, given, files[here.builder.home.file], files, name.span)


def _written(value: Setting) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value if value.isidentifier() else f'"{value}"'
        case tuple():
            return f"[{', '.join(map(_written, value))}]"
        case int() | float():
            return f"({value})" if value < 0 else repr(value)
        case _:
            return "none"


def _placed(node: Any, span: Span) -> Any:
    """Return a tree with one place for all of it."""
    if isinstance(node, Span):
        return span
    if isinstance(node, tuple):
        items: list[Any] = list(node)  # pyright: ignore[reportUnknownArgumentType]
        return tuple(_placed(one, span) for one in items)
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{one.name: _placed(getattr(node, one.name), span) for one in fields(node)})
    return node
