"""What enters and leaves a block: `input`, `output`, and what is promised of it: `expect`."""

from __future__ import annotations

from typing import Literal, cast

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate import labels
from archlang.elaborate.builder import Here, bundle
from archlang.elaborate.calls import nothing_flows
from archlang.elaborate.expressions import evaluate
from archlang.elaborate.operations import text_of
from archlang.elaborate.paths import flattened, flowing
from archlang.elaborate.suggest import did_you_mean
from archlang.elaborate.values import Mistake, Silent, Tensor, Unknown, Value, kind, known
from archlang.shapes import DTYPE_BYTES, TensorType, Window, input_type


def run_input(item: s.Input, here: Here) -> None:
    """A net's input has a shape of its own; a block's takes the type that the caller gives."""
    builder = here.builder
    if not any(item is first for first in builder.definition.body.items):
        raise Mistake(
            Rejected("misplaced-input", "an `input` stands outside all braces of its net or block"), item.span
        )
    if builder.nodes:
        raise Mistake(Rejected("misplaced-input", "an `input` stands before all steps of its net or block"), item.span)
    labels.refuse_taken(item.name, item.span, here)
    labels.check(item.name, item.span, here)
    written = _written_type(item, here)
    if builder.pending is None:
        if written is None:
            help = f"write `input {item.name}: 3x224x224`"
            raise Mistake(Rejected("input-without-shape", "the input of a net has a shape", help=help), item.span)
        type = written
    else:
        type = _given_type(item, written, here)
    here.scope.labels[item.name] = builder.add_input(item.name, type, item.span)
    here.scope.named[item.name] = item.span
    here.it = bundle([Tensor(port.value, builder.types[port.value]) for port in builder.inputs])


def _given_type(item: s.Input, written: TensorType | None, here: Here) -> TensorType:
    pending = here.builder.pending
    if not pending:
        raise Silent  # an input before this one was refused
    type = pending.pop(0)
    if written is not None and (written.axes, written.dtype) != (type.axes, type.dtype):
        message = f"the input `{item.name}` is {written} ({written.names}), and {type} ({type.names}) flows into it"
        raise Mistake(Rejected("wrong-rank", message), item.span)
    return type


def _written_type(item: s.Input, here: Here) -> TensorType | None:
    dtype = _dtype(item)
    if item.shape is None:
        return None
    shape = evaluate(item.shape, here)
    span = item.shape.span
    if not isinstance(shape, tuple):
        help = f"a shape of one axis is written `[{shape}]`" if isinstance(shape, int) else None
        message = f"a shape is like 3x224x224, and this is {kind(shape)}"
        raise Mistake(Rejected("wrong-kind", message, help=help), span)
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            message = f"each size of a shape is a whole number, at least 1, and one is {kind(size)}"
            raise Mistake(Rejected("out-of-range", message), span)
    try:
        return input_type(tuple(size for size in shape if isinstance(size, int)), dtype)
    except Rejected as rejected:
        raise Mistake(rejected, span) from None


def _dtype(item: s.Input) -> str:
    dtype = "float32"
    for option in item.options:
        if option.name != "dtype":
            raise Mistake(Rejected("unknown-argument", f"an input has no `{option.name}`, only `dtype`"), option.span)
        value = option.value
        dtype = value.text if isinstance(value, s.Name) else ""
        if dtype not in DTYPE_BYTES:
            help = did_you_mean(dtype, list(DTYPE_BYTES)) or f"a dtype is one of {', '.join(DTYPE_BYTES)}"
            raise Mistake(Rejected("unknown-dtype", "this is no dtype", help=help), value.span)
    return dtype


def run_output(item: s.Output, here: Here) -> None:
    """`output` gives `it`, or the values named; `when training` gives them besides, in training alone."""
    builder = here.builder
    if here.scope.outer is not None:
        message = "`output` stands outside all braces of its net or block; a label in them is reached by its path"
        raise Mistake(Rejected("misplaced-output", message), item.span)
    if item.training and not builder.definition.is_net:
        raise Mistake(Rejected("misplaced-output", "`output ... when training` stands in nets alone"), item.span)
    if builder.has_output and not item.training:
        help = "write `output a, b` for several values"
        raise Mistake(Rejected("second-output", "this net or block has its output already", help=help), item.span)
    builder.has_output = builder.has_output or not item.training
    for name, value in _named_values(item, here):
        if name in [port.name for port in builder.outputs]:
            raise Mistake(Rejected("duplicate-label", f"two outputs are called `{name}`"), item.span)
        builder.outputs.append(ir.Port(name=name, value=value.value, training=item.training))
        builder.used.add(value.value)


def _named_values(item: s.Output, here: Here) -> list[tuple[str, Tensor]]:
    """The values of an `output`, each with the name of its port."""
    if not item.values:
        if here.it is None:
            raise nothing_flows("the output", item.span)
        return _numbered("output", known(here.it))
    named: list[tuple[str, Tensor]] = []
    for node in item.values:
        named += _numbered(path_of(node, here).replace(".", "_") or "output", flowing(node, here))
    return named


def _numbered(base: str, value: Value) -> list[tuple[str, Tensor]]:
    items = flattened([value])
    return [(base if len(items) == 1 else f"{base}{at}", _tensor(single)) for at, single in enumerate(items)]


def _tensor(value: Tensor | Unknown) -> Tensor:
    if not isinstance(value, Tensor):
        raise Silent
    return value


def path_of(node: s.Expression, here: Here) -> str:
    """`features.conv1` as it is written, or as a string computes it; empty where an expression is no path."""
    match node:
        case s.Name(text=text):
            return text
        case s.Text():
            return text_of(node, here)
        case s.Attribute(base=base, name=name):
            before = path_of(base, here)
            return f"{before}.{name}" if before else ""
        case _:
            return ""


# ---- promises


def run_expect(item: s.Expect, here: Here) -> None:
    """A promise, kept for the pass that verifies it: which path, which fact, what is promised."""
    if not here.builder.definition.is_net:
        message = "`expect` stands in nets: a block has no size of its own"
        raise Mistake(Rejected("misplaced-expect", message), item.span)
    if here.scope.outer is not None:
        message = "`expect` stands outside all braces of its net, and names what is in them by a path"
        raise Mistake(Rejected("misplaced-expect", message), item.span)
    path = path_of(item.subject, here)
    if not path:
        raise Mistake(
            Rejected("bad-promise", "this is no path and no fact of one", help=_FACTS_HELP), item.subject.span
        )
    head, _, last = path.rpartition(".")
    fact = last if last in ir.FACTS else "shape"
    promised = _promised(item.promised, here)
    if isinstance(promised, bool) or not isinstance(promised, (int, float, Window)):
        message = f"a promise is a number or a shape like 256x56x56, and this is {kind(promised)}"
        raise Mistake(Rejected("bad-promise", message), item.promised.span)
    _check_promise(item, path, fact, promised, here)
    here.builder.promises.append(
        ir.Promise(
            path=path if fact == "shape" else head,
            fact=fact,
            comparison=cast(Comparison, item.comparison),
            expected=tuple(promised) if isinstance(promised, Window) else promised,
            slack=_slack(item.promised) if item.comparison == "~" else 0.0,
            text=path,
            span=item.span,
        )
    )


Comparison = Literal["==", "!=", "<", "<=", ">", ">=", "~"]
_FACTS_HELP = f"the facts are {', '.join(ir.FACTS)}; the shape of a step is told by its label"


def _promised(node: s.Expression, here: Here) -> Value:
    """The number or shape promised; a list of sides is a shape."""
    value = evaluate(node, here)
    sides = [side for side in value if isinstance(side, int)] if isinstance(value, tuple) else []
    return Window(sides) if isinstance(value, tuple) and value and len(sides) == len(value) else value


def _check_promise(item: s.Expect, path: str, fact: str, promised: int | float | Window, here: Here) -> None:
    """Refuse a number for a shape, a shape for a number, and a shape that is larger than another."""
    if fact != "shape":
        if isinstance(promised, Window):
            message = f"`{path}` is a number, and this is a shape"
            raise Mistake(Rejected("bad-promise", message), item.promised.span)
        return
    if not isinstance(promised, Window):
        last = path.rpartition(".")[2]
        value = here.scope.find(path)
        if isinstance(value, Tensor):
            message, help = f"`{path}` is a shape, and this is {kind(promised)}", f"its shape is {value.type}"
            raise Mistake(Rejected("bad-promise", message, help=help), item.promised.span)
        message, help = f"there is no fact called `{last}`", did_you_mean(last, ir.FACTS) or _FACTS_HELP
        raise Mistake(Rejected("bad-promise", message, help=help), item.subject.span)
    if item.comparison not in ("==", "!="):
        message = f"a shape is equal to another or not; `{item.comparison}` compares numbers"
        raise Mistake(Rejected("bad-promise", message), item.span)


def _slack(node: s.Expression) -> float:
    """One unit of the last digit written."""
    match node:
        case s.Quantity(slack=slack):
            return slack
        case s.Literal(unit=unit):
            return unit
        case _:
            return 1.0
