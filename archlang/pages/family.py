"""The page of a family: the signature, law, arguments and examples of each operator, and a net that uses it."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.ir import Layer
from archlang.ops.base import Example, Expression, Module, Operator
from archlang.pages.markdown import code, escaped, table
from archlang.why.example_specs import example_spec
from archlang.why.examples import Argument, applied, arguments, signature
from archlang.why.notation import WrittenLaw, law_of

_RIGHT = (False, False, False, True, True, False)  # the columns of examples that are aligned to the right


def family_page(title: str, ops: list[type[Operator]]) -> str:
    """Return the page, as Markdown."""
    parts = ["\n".join(_operator(op)) for op in ops]
    return "\n\n".join([f"# {escaped(title)}", "[All operators](README.md)", *parts]) + "\n"


# ---- one operator


def _operator(op: type[Operator]) -> Iterator[str]:
    layers = [applied(example) for example in op.examples]
    law = law_of(op)
    yield from (f"## {op.word}", "", escaped(law.prose[0]), "", "```text", signature(op), "```")
    for paragraph in law.prose[1:]:
        yield from ("", escaped(paragraph))
    formulas = list(_formulas(law))
    if formulas:
        yield from ("", "Shapes and counts, for one image:", "", "```text", *formulas, "```")
    if op.model_fields:
        yield from ("", "Arguments:", "")
        yield from table(("argument", "written", "takes", "default"), (_argument(one) for one in arguments(op)))
    yield from ("", "Examples, with their calls of PyTorch:", "")
    rows = (_example(example, layer) for example, layer in zip(op.examples, layers, strict=True))
    yield from table(("example", "input", "output", "parameters", "MACs", "PyTorch"), rows, _RIGHT)
    yield from _carried(layers)
    yield from ("", "```arch", example_spec(op.examples[0]), "```")
    yield from _other_names(op)
    if op.stricter:
        yield from ("", "Not accepted, although PyTorch accepts it:", "")
        yield from (f"- {code(name)}: {escaped(reason)}" for name, reason in op.stricter.items())


def _formulas(law: WrittenLaw) -> Iterator[str]:
    """Yield the axes of input and output, and the formulas with their conditions."""
    if law.axes:
        yield law.axes
    for formula in law.formulas:
        yield f"{formula.name} = {formula.text}" + (f" if {formula.condition}" if formula.condition else "")


def _carried(layers: list[Layer]) -> Iterator[str]:
    """Yield a sentence about the classes that the emitted source defines, if there are any."""
    calls = (layer.op.torch(*layer.input_types) for layer in layers)
    names = list(dict.fromkeys(f"`{call.target}`" for call in calls if isinstance(call, Module) and call.source))
    if names:
        are, them = ("is a class", "it") if len(names) == 1 else ("are classes", "them")
        yield from ("", f"{' and '.join(names)} {are} that PyTorch lacks: the emitted source defines {them}.")


def _other_names(op: type[Operator]) -> Iterator[str]:
    """Yield the operator's names in other libraries, and similar names that mean something else."""
    if op.elsewhere:
        yield from ("", f"Other names: {', '.join(f'`{name}`' for name in op.elsewhere)}.")
    for name, difference in op.akin.items():
        yield from ("", f"Different from `{name}` of other libraries: {difference}.")


def _argument(argument: Argument) -> tuple[str, str, str, str]:
    *most, last = argument.accepts
    takes = f"{', '.join(most)} or {last}" if most else last
    name = argument.name
    written = f"/{name.upper()}" if argument.kind == "stride" else name.upper() if argument.kind else f"{name}="
    defaults = {None: "required", "": "optional"}
    default = defaults[argument.default] if argument.default in defaults else code(str(argument.default))
    return code(name), code(written), escaped(takes), default


def _call(layer: Layer) -> str:
    """Return the layer's call of PyTorch: a module with its arguments, or an expression of its inputs."""
    call = layer.op.torch(*layer.input_types)
    if isinstance(call, Module):
        given = [repr(value) for _, value in call.args]
        given += [f"{name}={value!r}" for name, value, default in call.options if value != default]
        return f"{call.target.removeprefix('torch.')}({', '.join(given)})"
    if not isinstance(call, Expression):
        raise TypeError(f"{layer.op.word} is a step, and torch holds it as a tensor")
    count = len(layer.input_types)
    names = ["x"] if count == 1 else [f"x{at}" for at in range(1, count + 1)]
    return call.template.replace("{all}", ", ".join(names)).format(*names)


def _example(example: Example, layer: Layer) -> tuple[str, ...]:
    outputs = ", ".join(map(str, layer.output_types))
    params, macs = layer.op.params(*layer.input_types), layer.op.work(*layer.input_types).macs
    return code(example.step), example.inputs, outputs, f"{params:,}", f"{macs:,}", code(_call(layer))
