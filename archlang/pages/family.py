"""The page of a family: the signature, law, arguments and examples of each operator, and a net that uses it."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.ir import Layer
from archlang.ops.base import Example, Expression, Module, Operator
from archlang.pages.markdown import code, escaped, table
from archlang.why.example_specs import example_spec
from archlang.why.examples import Argument, applied, arguments, signature
from archlang.why.notation import law_of


def family_page(title: str, ops: list[type[Operator]]) -> str:
    """Return the page, as Markdown."""
    parts = ["\n".join(_operator(op)) for op in ops]
    return "\n\n".join([f"# {escaped(title)}", "[All operators](README.md)", *parts]) + "\n"


# ---- one operator


def _operator(op: type[Operator]) -> Iterator[str]:
    layers = [applied(example) for example in op.examples]
    yield from (f"## {op.word}", "", "```text", signature(op), "```")
    yield from _law(op)
    if op.model_fields:
        yield ""
        yield from table(("argument", "written", "takes", "default"), (_argument(one) for one in arguments(op)))
    yield from ("", _torch(layers))
    if op.elsewhere:
        yield f"Elsewhere called {', '.join(f'`{name}`' for name in op.elsewhere)}."
    yield from (f"Not `{name}` of other libraries: {difference}." for name, difference in op.akin.items())
    if op.stricter:
        yield from ("", "Refused here, though PyTorch takes it:", "")
        yield from (f"- {code(name)}: {escaped(reason)}" for name, reason in op.stricter.items())
    yield ""
    rows = (_example(example, layer) for example, layer in zip(op.examples, layers, strict=True))
    yield from table(("example", "of", "gives", "parameters", "MACs"), rows, (False, False, False, True, True))
    yield from ("", "```arch", example_spec(op.examples[0]), "```")


def _law(op: type[Operator]) -> Iterator[str]:
    law = law_of(op)
    for paragraph in law.prose:
        yield from ("", escaped(paragraph))
    formulas = [law.axes] if law.axes else []
    for formula in law.formulas:
        formulas.append(f"{formula.name} = {formula.text}" + (f" if {formula.condition}" if formula.condition else ""))
    if formulas:
        yield from ("", "```text", *formulas, "```")


def _argument(argument: Argument) -> tuple[str, str, str, str]:
    *most, last = argument.accepts
    takes = f"{', '.join(most)} or {last}" if most else last
    name = argument.name
    written = f"/{name.upper()}" if argument.kind == "stride" else name.upper() if argument.kind else f"{name}="
    defaults = {None: "has to be written", "": "may be left out"}
    default = defaults[argument.default] if argument.default in defaults else code(str(argument.default))
    return code(name), code(written), escaped(takes), default


def _torch(layers: list[Layer]) -> str:
    """Return the torch calls of its examples."""
    calls = dict.fromkeys(_call(layer) for layer in layers)
    return f"In PyTorch: {'; '.join(calls)}."


def _call(layer: Layer) -> str:
    call = layer.op.torch(*layer.input_types)
    if isinstance(call, Module):
        return f"`{call.target}`" + (", a class that the source carries" if call.source else "")
    if not isinstance(call, Expression):
        raise TypeError(f"{layer.op.word} is a step, and torch holds it as a tensor")
    count = len(layer.input_types)
    names = ["x"] if count == 1 else [f"x{at}" for at in range(1, count + 1)]
    return f"`{call.template.replace('{all}', ', '.join(names)).format(*names)}`"


def _example(example: Example, layer: Layer) -> tuple[str, str, str, str, str]:
    outputs = ", ".join(map(str, layer.output_types))
    params, macs = layer.op.params(*layer.input_types), layer.op.work(*layer.input_types).macs
    return code(example.step), example.inputs, outputs, f"{params:,}", f"{macs:,}"
