"""The law of an operator with the numbers of one application filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from archlang.ops import OperatorsError
from archlang.ops.base import Operator, Work
from archlang.shapes import TensorType
from archlang.why.arithmetic import Value, evaluate
from archlang.why.notation import Formula, law_of

_NAME = re.compile(r"[A-Za-z_]\w*'?(?![\w(])")
_LISTED = re.compile(r"\b(sum|prod|min|max)\((\w+)\)")
_AXES = re.compile(r"c' h' w'|h' w'|c h w(?!')|h w(?!')")
_COUNTS = {"MACs": "macs"} | {field.name: field.name for field in fields(Work) if field.name != "macs"}

Types = tuple[TensorType, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """A formula, the same with numbers, and the result. `name` is `h' = w'` if both have one result."""

    name: str
    formula: str
    numbers: str
    value: int


@dataclass(frozen=True, slots=True)
class _Setting:
    """The values of the names in a formula, and the names of the axes."""

    names: Mapping[str, Value]
    sides: Mapping[str, tuple[str, ...]]  # names of one number for each side of a window, and the axes of the sides
    before: Sequence[str]  # the axes of the input
    after: Sequence[str]  # the axes of the output
    images: int  # entries of the batch axis for each image of the batch

    def products(self) -> dict[str, Sequence[str]]:
        """Return the products and lists of a map's axes in formulas, with their factors in this layout."""
        primed = [f"{axis}'" for axis in self.after]
        return {
            "c h w": _without(self.before, "n"),
            "h w": _without(self.before, "n", "c"),
            "c' h' w'": _without(primed, "n'"),
            "h' w'": _without(primed, "n'", "c'"),
        }


def filled(op: Operator, inputs: Types, outputs: Types) -> tuple[Filled, ...]:
    """Return each formula of the operator's docstring whose condition holds, in order.

    Raises OperatorsError if the result of a formula is no whole number: then the docstring is wrong.
    """
    setting = _setting(op, inputs, outputs)
    holding: dict[str, Formula] = {}
    for formula in law_of(type(op)).formulas:
        if formula.name.endswith("'") and "_" in outputs[0].axes:
            continue  # the axes of a parameter have no names
        if not formula.condition or evaluate(formula.condition, setting.names):
            holding[formula.name] = formula
    return tuple(line for formula in holding.values() for line in _lines(formula, setting))


def axes_law(op: Operator, inputs: Types, outputs: Types) -> tuple[str, str]:
    """Return the axes of input and output as the docstring writes them for this layout; empty if it does not.

    The axes of the output are names of sizes: `n out h' w'`.
    """
    before, _, after = law_of(type(op)).axes.partition(" -> ")
    written = _setting(op, inputs, outputs).products()
    before, after = (_AXES.sub(lambda found: " ".join(written[found[0]]), side) for side in (before, after))
    return " ".join(before.split()), " ".join(after.split())


def told(op: Operator, name: str, inputs: Types, outputs: Types) -> Value:
    """Return the operator's own answer under the name of a formula."""
    if name == "params":
        return op.params(*inputs)
    if name == "buffers":
        return sum(weight.count for weight in op.weights(*inputs) if weight.buffer)
    if name in _COUNTS:
        count: int = getattr(op.work(*inputs), _COUNTS[name])
        return count
    return _setting(op, inputs, outputs).names[name]


# ---- what the names stand for


def _setting(op: Operator, inputs: Types, outputs: Types) -> _Setting:
    own: dict[str, Value] = {name: getattr(op, name) for name in type(op).model_fields}
    own.update(op.symbols(*inputs))
    sizes: dict[str, tuple[int, ...]] = {}
    for x in inputs:
        for axis, size in zip(_called(x, own), x.shape, strict=True):
            sizes[axis] = (*sizes.get(axis, ()), size)
    names: dict[str, Value] = {axis: along[0] if len(set(along)) == 1 else along for axis, along in sizes.items()}
    for y in outputs[:1]:
        names.update({f"{axis}'": size for axis, size in zip(_called(y, own), y.shape, strict=True)})
    names.update(own)
    before, after = ([axis for x in types[:1] for axis in _called(x, own)] for types in (inputs, outputs))
    axes = _without(before, "n", "c")
    sides = {name: axes for name, value in own.items() if isinstance(value, tuple) and len(value) == len(axes)}
    for name in sides:
        names.update({f"{name}_{axis}": side for axis, side in zip(axes, _tuple(own[name]), strict=True)})
    images = next((x["n"] for x in (*outputs[:1], *inputs) if "n" in x.axes), 1)
    return _Setting(names, sides, before, after, images)


def _called(x: TensorType, own: Mapping[str, Value]) -> list[str]:
    """Return the names of the axes in formulas. `_` gets its number; a name that the operator uses ends in `_`."""
    numbered = (f"_{at}" if axis == "_" else axis for at, axis in enumerate(x.axes))
    return [f"{axis}_" if axis in own else axis for axis in numbered]


def _without(axes: Sequence[str], *names: str) -> tuple[str, ...]:
    return tuple(axis for axis in axes if axis not in names)


def _tuple(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def _uneven(name: str, setting: _Setting) -> bool:
    return name in setting.sides and len(set(_tuple(setting.names[name]))) > 1


# ---- formulas for maps, applied to this layout


def _lines(formula: Formula, setting: _Setting) -> Iterator[Filled]:
    if formula.name == "h'":
        yield from _along_each_axis(formula.text, setting)
        return
    text = _products(formula.text, setting)
    if formula.name in _COUNTS and setting.images > 1:
        text = f"n*({text})" if re.search(" [+-] ", text) else f"n*{text}"
    yield _filled(formula.name, text, setting.names)


def _along_each_axis(text: str, setting: _Setting) -> Iterator[Filled]:
    """Yield a formula for `h'`, for each axis. Axes with the same numbers share a line."""
    alike: dict[tuple[str, int], list[Filled]] = {}
    for axis in _without(setting.after, "n", "c"):
        words = {name: f"{name}_{axis}" for name in setting.sides if _uneven(name, setting)} | {"h": axis}
        own = _NAME.sub(lambda found, words=words: words.get(found[0], found[0]), text)  # type: ignore[misc]
        line = _filled(f"{axis}'", own, setting.names)
        alike.setdefault((line.numbers, line.value), []).append(line)
    for lines in alike.values():
        yield Filled(" = ".join(line.name for line in lines), lines[0].formula, lines[0].numbers, lines[0].value)


def _products(text: str, setting: _Setting) -> str:
    """Return a formula with `h*w` and `k*k` replaced by the products of all axes and of all sides of the window."""
    factors = {axes.replace(" ", "*"): found for axes, found in setting.products().items()}
    for name, axes in setting.sides.items():
        factors[f"{name}*{name}"] = [f"{name}_{axis}" if _uneven(name, setting) else name for axis in axes]
    for product in (product for product, found in factors.items() if not found):
        # an empty product vanishes, but is 1 where it stands alone; it comes before the shorter ones within it
        pattern = re.escape(product)
        text = re.sub(rf"\*{pattern}(?![\w'])|(?<![\w']){pattern}\*", "", text)
        text = re.sub(rf"(?<![\w']){pattern}(?![\w'])", "1", text)
    written = "|".join(map(re.escape, factors))
    return re.sub(rf"(?<![\w'])({written})(?![\w'])", lambda found: "*".join(factors[found[0]]) or "1", text)


# ---- numbers replace names


def _filled(name: str, text: str, names: Mapping[str, Value]) -> Filled:
    numbers = _LISTED.sub(lambda found: _listed(found[1], _tuple(names[found[2]]), found[0] == text), text)
    numbers = _NAME.sub(lambda found: _number(found[0], names), numbers)
    value = evaluate(numbers)
    if not isinstance(value, int):
        raise OperatorsError(f"`{name} = {text}` comes to {value}, which is no whole number")
    return Filled(name, text, numbers, value)


def _listed(function: str, values: Sequence[Value], alone: bool) -> str:
    """Return `sum(c)` of several numbers: `64 + 32`."""
    if alone and function in ("sum", "prod") and values:
        return (" + " if function == "sum" else "*").join(map(str, values))
    return f"{function}({', '.join(map(str, values))})"


def _number(name: str, names: Mapping[str, Value]) -> str:
    """Return the number that replaces a name."""
    value = names.get(name)
    if isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    if isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, (int, float)):
        raise OperatorsError(f"`{name}` stands for no number but for {value!r}")
    return str(value) if value >= 0 else f"({value})"
