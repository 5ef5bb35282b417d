"""The statements `input` and `output`."""

from __future__ import annotations

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.evaluating.flowing import flowing, path_of
from archlang.elaborate.state.kinds import UNKNOWN, Bundle, Tensor, Unknown, Value, bundle, flattened, kind, known
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.open_sizes import size_of
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.spelled import is_outermost
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.elaborate.vocabulary.unknown import nothing_flows
from archlang.formulas import SizeOf
from archlang.open_numbers import OpenInt, formula_of
from archlang.shapes import DTYPE_BYTES, TensorType, input_type
from archlang.shipped import SPACE
from archlang.source import Span


def run_input(item: s.Input, here: Here) -> None:
    """Add an input. A net declares its shape; in a block the type comes from the caller."""
    builder = here.builder
    if not any(item is first for first in builder.definition.body.items):
        raise Mistake(Rejected("misplaced-input", "an `input` cannot be inside braces of its net or block"), item.span)
    if any(node.inputs for node in builder.contents.nodes[builder.first :]):
        raise Mistake(
            Rejected("misplaced-input", "an `input` must come before all steps of its net or block"), item.span
        )
    step_labels.refuse_taken(item.name, item.span, here)
    step_labels.check(item.name, item.span, here)
    here.scope.labels[item.name] = _many(item, here) if item.many else _one(item, here)
    here.scope.named[item.name] = item.span
    entered = tuple(Tensor(port.value, builder.contents.types[port.value]) for port in builder.inputs)
    is_tuple = any(isinstance(one, s.Input) and one.many for one in builder.definition.body.items)
    here.it = Bundle(entered) if is_tuple else bundle(entered)


def _many(item: s.Input, here: Here) -> Bundle:
    """Add an input for each of the values that the other inputs of the block leave."""
    builder = here.builder
    if builder.definition.is_net or item.shape is not None:
        message = "the inputs of a net are written one by one, since each has a shape"
        if not builder.definition.is_net:
            message = f"`*{item.name}` takes the shapes of the values that flow in, so it has no shape of its own"
        raise Mistake(Rejected("misplaced-input", message), item.span)
    items: list[Tensor] = []
    names = {port.name for port in builder.inputs}
    for at in range(builder.left_for_many()):
        type, name = builder.next_type(), f"{item.name}{at}"
        if type is None:
            raise Silent  # an earlier input was refused
        if name in names:
            message = f"`{name}` is already an input, and value {at} of `*{item.name}` would have the same name"
            raise Mistake(Rejected("name-taken", message), item.span)
        items.append(builder.add_input(name, type, item.span))
    return Bundle(tuple(items))


def _one(item: s.Input, here: Here) -> Tensor:
    """Add an input that is one value."""
    builder = here.builder
    written = _written_type(item, here)
    if builder.entry is None:
        if written is None:
            help = f"write `input {item.name}: 3x224x224`"
            raise Mistake(Rejected("input-without-shape", "the input of a net has a shape", help=help), item.span)
        type = written
    else:
        type = _given_type(item, written, here)
    if item.name in [port.name for port in builder.inputs]:
        message = f"`{item.name}` is the name of one of the values of an input above"
        raise Mistake(Rejected("name-taken", message), item.span)
    tensor = builder.add_input(item.name, type, item.span)
    for axis, side in enumerate(item.shape.items if isinstance(item.shape, s.Sequence) else (), 1):
        if isinstance(side, s.OpenSize):  # from here on its name stands for the size of the value
            here.lets.names[side.name] = size_of(tensor, axis)
        elif isinstance(side, s.Name):
            _say_alike(here.lets.names.get(side.text), size_of(tensor, axis), side.span, here)
    return tensor


def _say_alike(named: Value | None, size: int, span: Span, here: Here) -> None:
    """Record that two inputs have a size of the same name, if both are open."""
    first, second = formula_of(named) if isinstance(named, OpenInt) else None, formula_of(size)
    if isinstance(first, SizeOf) and isinstance(second, SizeOf):
        here.builder.say_alike(ir.Guard(comparison="==", left=second, right=first, span=span))


def _given_type(item: s.Input, written: TensorType | None, here: Here) -> TensorType:
    type, entry = here.builder.next_type(), here.builder.entry
    if type is None or entry is None:
        raise Silent  # an earlier input was refused
    if written is None or written == type:
        return type
    labels = (Label(item.span, "declared here"),)
    if (written.axes, written.dtype) != (type.axes, type.dtype):
        message = f"the input `{item.name}` is {written} ({written.names}), but {type} ({type.names}) flows into it"
        raise Mistake(Rejected("wrong-rank", message), entry.span, labels)
    message = f"the input `{item.name}` is {written}, but {type} flows into it"
    raise Mistake(Rejected("input-differs", message, help=_opened(item, written, type)), entry.span, labels)


def _opened(item: s.Input, written: TensorType, type: TensorType) -> str | None:
    """Suggest the input with its differing sizes left open; None if the channels differ."""
    sides = list(zip(written.axes, written.shape, type.shape, strict=True))[1:]
    if any(axis == "c" and size != other for axis, size, other in sides):
        return None
    if item.span.file.startswith(SPACE):
        name = item.span.file.removeprefix(SPACE).removesuffix(".arch")
        window = "x".join(map(str, written.shape[2:]))
        resized = f"write `resize {window}` before it, or " if len(written.shape) == 4 else ""
        return f"{resized}open its sizes in a copy, which `archlang zoo {name} --print` gives"
    shape = ", ".join(str(size) if size == other else f"{axis.upper()}={size}" for axis, size, other in sides)
    return f"leave the sizes open that may differ: `input {item.name}: [{shape}]`"


def _written_type(item: s.Input, here: Here) -> TensorType | None:
    dtype = _dtype(item)
    if item.shape is None:
        return None
    try:
        return input_type(written_sizes(item.shape, here), dtype)
    except Rejected as rejected:
        raise Mistake(rejected, item.shape.span) from None


def written_sizes(node: s.Expression, here: Here) -> tuple[int, ...]:
    """Evaluate a written shape. Each size is a whole number, at least 1; an open size is a parameter."""
    sides = node.items if isinstance(node, s.Sequence) else ()
    opened = any(isinstance(side, s.OpenSize) for side in sides)
    shape = tuple(_size(side, here) for side in sides) if opened else evaluate(node, here)
    if not isinstance(shape, tuple):
        help = f"a shape of one axis is written `[{shape}]`" if isinstance(shape, int) else None
        message = f"a shape must be like 3x224x224, not {kind(shape)}"
        raise Mistake(Rejected("wrong-kind", message, help=help), node.span)
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            message = f"each size of a shape must be a whole number, at least 1, not {kind(size)}"
            raise Mistake(Rejected("out-of-range", message), node.span)
    return tuple(size for size in shape if isinstance(size, int))


def _size(side: s.Expression, here: Here) -> Value:
    if isinstance(side, s.OpenSize):
        size = known(here.lets.names.get(side.name, UNKNOWN))
        if isinstance(size, int) and not isinstance(size, bool):
            here.session.has_open_sizes = True
            here.lets.names[side.name] = OpenInt(size)
        return here.lets.names[side.name]
    return evaluate(side, here)


def _dtype(item: s.Input) -> str:
    dtype = "float32"
    for option in item.options:
        if option.name != "dtype":
            message = f"an input has no `{option.name}`, only `dtype`"
            help = did_you_mean(option.name or "", ["dtype"])
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(option))
        dtype = written_dtype(option)
    return dtype


def written_dtype(option: s.Argument) -> str:
    """Return the dtype named by `dtype=`."""
    value = option.value
    dtype = value.text if isinstance(value, s.Name) else ""
    if dtype not in DTYPE_BYTES:
        help = did_you_mean(dtype, list(DTYPE_BYTES)) or f"a dtype is one of {', '.join(DTYPE_BYTES)}"
        what = f"`{dtype}`" if dtype else "this"
        raise Mistake(Rejected("unknown-dtype", f"{what} is not a dtype", help=help), value.span)
    return dtype


def run_output(item: s.Output, here: Here) -> None:
    """Add outputs: `it`, or the values named. Outputs `when training` are added to the others in training mode only."""
    builder = here.builder
    if not is_outermost(item, builder.definition.body):
        message = "`output` cannot be inside braces, except those of `if`; use a path to name a label inside them"
        raise Mistake(Rejected("misplaced-output", message), item.span)
    if item.training and not builder.definition.is_net:
        raise Mistake(Rejected("misplaced-output", "only a net can have `output ... when training`"), item.span)
    if builder.has_output and not item.training:
        help = "write `output a, b` for several values"
        raise Mistake(Rejected("second-output", "this net or block already has an output", help=help), item.span)
    if not item.training:
        builder.close_outputs()
    for name, value in _named_values(item, here):
        if name in [port.name for port in builder.outputs]:
            raise Mistake(Rejected("duplicate-label", f"two outputs are called `{name}`"), item.span)
        builder.add_output(ir.Port(name=name, value=value.value, training=item.training))


def _named_values(item: s.Output, here: Here) -> list[tuple[str, Tensor]]:
    """Return the values of an `output`, each with the name of its port."""
    if not item.values:
        if here.it is None:
            raise nothing_flows("the output", item.span)
        return _numbered("output", known(here.it))
    named: list[tuple[str, Tensor]] = []
    for node in item.values:
        named += _numbered(_port_name(node, here), flowing(node, here))
    return named


def _port_name(node: s.Expression, here: Here) -> str:
    """Return the name of an output: its path, and the number of an item, as in `maps0` for `maps[0]`."""
    number = ""
    if isinstance(node, s.Index):
        at, node = evaluate(node.index, here), node.base
        number = str(at) if isinstance(at, int) and at >= 0 else ""
    path = path_of(node, here).replace(".", "_")
    return f"{path}{number}" if path else "output"


def _numbered(base: str, value: Value) -> list[tuple[str, Tensor]]:
    items = flattened([value])
    return [(base if len(items) == 1 else f"{base}{at}", _tensor(single)) for at, single in enumerate(items)]


def _tensor(value: Tensor | Unknown) -> Tensor:
    if not isinstance(value, Tensor):
        raise Silent
    return value
