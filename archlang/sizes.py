"""Finds the valid values of an open size: those at which the same module works.

A size is valid if the net checks there, every weight has the shape that it has at the default, and torch is called in
the same way. The net is elaborated at every size of a range: nothing is guessed from a few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise

from archlang import syntax as s
from archlang.diagnostics import Diagnostic, Label
from archlang.elaborate import Files, elaborate
from archlang.facts.conditions import conditions, differing, turning_points
from archlang.facts.work import Totals, totals
from archlang.ir import Graph, Guard, Layer, OpNode, join_path
from archlang.shapes import Window
from archlang.source import Span


@dataclass(frozen=True, slots=True)
class Tried:
    """A size, the error of the net there (None if it is valid), and its counts if they were asked for."""

    size: int
    wrong: Diagnostic | None
    counts: Totals | None


@dataclass(frozen=True, slots=True)
class OpenSize:
    """An open size of a net: its name, its inputs and axes, its default, the sizes tried, ascending."""

    name: str
    places: tuple[tuple[str, str], ...]
    default: int
    tried: tuple[Tried, ...]

    def __repr__(self) -> str:
        """Return one line, since thousands of sizes may have been tried."""
        return f"<OpenSize {self.name}: {described(self)}>"

    @property
    def right(self) -> list[int]:
        """The valid sizes."""
        return [one.size for one in self.tried if one.wrong is None]

    @property
    def telling(self) -> Tried | None:
        """The invalid size that explains most: the first above the smallest valid one, otherwise the last below it."""
        wrong = [one for one in self.tried if one.wrong is not None]
        least = self.right[0] if self.right else 0
        return next((one for one in wrong if one.size > least), wrong[-1] if wrong else None)


@dataclass(frozen=True)
class Spec:
    """A net of a parsed file, with settings."""

    file: s.File
    name: str
    settings: Mapping[str, s.Expression]
    files: Files

    def at(self, name: str, size: int) -> tuple[Graph | None, list[Diagnostic]]:
        """Return the net at a value of one of its open sizes."""
        here = Span(f"{name}={size}", 1, 1, 1, 2)
        return elaborate(self.file, self.name, {**self.settings, name: s.Literal(size, here)}, self.files)


def valid_at(spec: Spec, graph: Graph, name: str) -> Callable[[int], Graph | None]:
    """Return a function that returns the net at a value of an open size, None if it is not valid there as this module.

    `graph` is the net at its defaults.
    """
    is_same = _like(graph)

    @cache
    def graph_at(size: int) -> Graph | None:
        made, _ = spec.at(name, size)
        return made if made is not None and is_same(made) else None

    return graph_at


def default_range(graph: Graph, name: str) -> range:
    """Return the values of an open size that are tried by default: from 1 to twice its default."""
    return range(1, 2 * int(graph.arguments[name]) + 1)


def open_sizes(spec: Spec, graph: Graph, ranges: Mapping[str, range], costs: bool = False) -> list[OpenSize]:
    """Return every open size of a net, tried over its range, by default from 1 to twice its default.

    `graph` is the net at its defaults; the other sizes keep theirs. `costs` asks for the counts at each valid size.
    """
    found: list[OpenSize] = []
    for name, places in graph.open_sizes.items():
        sizes = ranges.get(name, default_range(graph, name))
        tried = tuple(_tried(spec, graph, name, sizes, costs))
        found.append(OpenSize(name, places, int(graph.arguments[name]), tried))
    return found


def _tried(spec: Spec, graph: Graph, name: str, sizes: range, costs: bool) -> Iterator[Tried]:
    is_same = _like(graph)
    for size in sizes:
        made, wrong = spec.at(name, size)
        if made is None:
            yield Tried(size, wrong[0], None)
        elif not is_same(made):
            yield Tried(size, _difference(graph, made, f"{name}={size}"), None)
        else:
            yield Tried(size, None, totals(made) if costs else None)


PROBES = ((2, 0), (3, 0), (1, 32), (1, 16), (1, 8), (1, 4), (1, 2), (1, 1), (1, -1))  # times the default, plus
# parts of the default, tried if the net is valid next to it and has conditions: `if` may choose other steps there
FURTHER = (Fraction(1, 2), Fraction(1, 4), Fraction(4), Fraction(16))
SHOWN = 5  # the most steps that are listed for one size


@dataclass(frozen=True, slots=True)
class Fixed:
    """An open size that some steps of the net fix at its default, with a warning at each such step.

    `everywhere` says that the module of the default was valid at no other size that was tried.
    """

    name: str
    warnings: tuple[Diagnostic, ...]
    everywhere: bool


def fixing(spec: Spec, graph: Graph) -> list[Fixed]:
    """Return the open sizes that some steps of a net fix: at another size they would call torch in another way.

    The net is elaborated at a few sizes next to the default, until one is valid, and then at a few further away, unless
    nothing in it depends on a size.
    """
    found: list[Fixed] = []
    for name, places in graph.open_sizes.items():
        default, other, everywhere = int(graph.arguments[name]), None, True
        is_same = _like(graph)
        for size, made in _probed(spec, name, [times * default + plus for times, plus in PROBES]):
            if is_same(made):
                everywhere = False
                break
            other = other or (size, made)
        if other is None and next(conditions(graph), None):
            sizes = [*(int(default * part) for part in FURTHER), *turning_points(graph, default)]
            further = _probed(spec, name, dict.fromkeys(sizes))
            other = next(((size, made) for size, made in further if not is_same(made)), None)
        if other is not None:
            (size, made), what = other, f"{name} of `{places[0][0]}`"
            words = f"is fixed at {default}" if everywhere else "is not open everywhere"
            found.append(Fixed(name, _differing(graph, made, f"{what} {words}: at {name}={size}"), everywhere))
    return found


def _like(graph: Graph) -> Callable[[Graph], bool]:
    """Return a function that says whether another net calls torch in the same way."""
    numbers: dict[object, int] = {}
    default = _program(graph, numbers)
    return lambda made: _program(made, numbers) == default


def _probed(spec: Spec, name: str, sizes: Iterable[int]) -> Iterator[tuple[int, Graph]]:
    """Yield the net at other sizes, if it is valid there."""
    for size in sizes:
        made = spec.at(name, size)[0] if size > 0 else None
        if made is not None:
            yield size, made


def _differing(graph: Graph, made: Graph, head: str) -> tuple[Diagnostic, ...]:
    """Return a warning at each step that differs between the net at its default and at another size."""
    help = "to build the net for another size, give it by name"
    found: dict[Span, Diagnostic] = {}
    for before, after in zip(graph.flat(), made.flat(), strict=False):
        same = (before.path, before.op.word) == (after.path, after.op.word)
        if same and _asked(before) == _asked(after):
            continue
        differs = f"{after.op.word} replaces {before.op.word}"
        if same:
            weights = _weights(before) != _weights(after)
            differs = f"{before.op.word} has other {'weights' if weights else 'arguments'}"
        span = before.node.span
        found.setdefault(span, Diagnostic("fixed-size", f"{head} {differs}", span, (), help, "warning"))
        if not same or len(found) == SHOWN:
            break
    if not found:
        differs, span = _rest(graph, made)
        found[span] = Diagnostic("fixed-size", f"{head} {differs}", span, (), help, "warning")
    return tuple(found.values())


def _rest(graph: Graph, made: Graph) -> tuple[str, Span]:
    """Return what differs between nets that begin with the same steps: more steps in one of them, or a condition."""
    shorter, longer = sorted((list(graph.flat()), list(made.flat())), key=len)
    guard = differing(graph, made) or differing(made, graph)
    if len(longer) == len(shorter) and guard is not None:
        return "this is decided otherwise", guard.span
    return f"{longer[-1].op.word} is in only one of them", longer[-1].node.span


def _asked(layer: Layer) -> object:
    """Return the torch call of a layer, and its weights."""
    return layer.node.torch(*layer.input_types), _weights(layer)


def _program(graph: Graph, numbers: dict[object, int]) -> int:
    """Return a number for the torch calls of a net. Two nets with the same calls have the same number."""
    blocks: dict[str, int] = {}
    for block in graph.blocks:
        nodes: list[object] = []
        for node in block.nodes:
            types = block.types_of(node.inputs)
            does = (node.torch(*types), node.op.weights(*types)) if isinstance(node, OpNode) else blocks[node.block]
            nodes.append((node.scope, node.path, node.reads, does, _conditions(node.guards)))
        outputs = tuple(port.value for port in block.outputs)
        nodes.append(_conditions(block.guards))
        blocks[block.id] = numbers.setdefault((*nodes, outputs), len(numbers))
    return blocks[graph.root.id]


def _conditions(guards: tuple[Guard, ...]) -> tuple[str, ...]:
    """Return the conditions on sizes, with values given by their numbers."""
    return tuple(guard.text(str) for guard in guards)


def _difference(default: Graph, made: Graph, where: str) -> Diagnostic:
    """Return the first layer in which two nets differ, reported at its line."""
    layers = list(made.flat())
    for before, after in zip(default.flat(), layers, strict=False):
        if (before.path, before.op.word) != (after.path, after.op.word):
            return _other_layers(after, where)
        for one, two in zip(_weights(before), _weights(after), strict=False):
            if one != two:
                message = f"at {where} `{two[0]}` would be {Window(two[1])}, but it is {Window(one[1])} at the default"
                label = Label(after.node.span, f"{after.input_types[0]} flows in")
                return Diagnostic("size-changes-weights", message, after.node.span, (label,))
        if before.node.torch(*before.input_types) != after.node.torch(*after.input_types):
            return _other_layers(after, where)
    words, span = _rest(default, made)
    return Diagnostic("size-changes-layers", f"at {where} {words}, and a module holds the steps of the default", span)


def _weights(layer: Layer) -> list[tuple[str, tuple[int, ...]]]:
    return [(join_path(layer.path, weight.name), weight.shape) for weight in layer.op.weights(*layer.input_types)]


def _other_layers(layer: Layer, where: str) -> Diagnostic:
    message = f"at {where} `{layer.op.word}` is another layer than at the default, and a module can hold only one"
    return Diagnostic("size-changes-layers", message, layer.node.span)


# ---- in words


def described(size: OpenSize) -> str:
    """Return the valid sizes in a few words: `32, 64, 96, ..., 1024: multiples of 32`."""
    right, tried = size.right, [one.size for one in size.tried]
    if not right:
        return "none"
    if len(right) == len(tried):
        return f"every size from {tried[0]} to {tried[-1]}"
    if len(right) == 1:
        return f"{right[0]} alone"
    steps = {after - before for before, after in pairwise(right)}
    if steps == {1}:
        return f"{right[0]} to {right[-1]}"
    if len(steps) > 1 or len(right) < 3:
        return _stretches(right, len(tried))
    step = steps.pop()
    few = len(right) <= 4
    listed = ", ".join(map(str, right if few else right[:3])) + ("" if few else f", ..., {right[-1]}")
    kind = f"multiples of {step}" if right[0] % step == 0 else f"{right[0] % step} more than a multiple of {step}"
    start = f", from {right[0]}" if right[0] - step >= tried[0] else ""
    end = f", up to {right[-1]}" if right[-1] + step <= tried[-1] else ""
    return f"{listed}: {kind}{start}{end}"


def _stretches(right: list[int], tried: int) -> str:
    """Return runs of neighbours: `24 to 31, 56 to 63, ... (96 of 448)`."""
    runs: list[list[int]] = []
    for size in right:
        if runs and size == runs[-1][-1] + 1:
            runs[-1].append(size)
        else:
            runs.append([size])
    words = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    listed = ", ".join(words[:4]) + (", ..." if len(words) > 4 else "")
    return f"{listed} ({len(right)} of {tried})"
