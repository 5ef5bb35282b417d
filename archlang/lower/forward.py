"""The forward pass of a class, straight down: one line for each step, in the order written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, groupby

from archlang.formulas import text_of
from archlang.ir import MODULE_ATTRIBUTES, Guard, join_path
from archlang.lower import folded, recompute
from archlang.lower.classes import Class, Classes, FixedSize
from archlang.lower.containers import lists_in, member
from archlang.lower.variables import borrowed, variables
from archlang.ops.base import Expression, Module
from archlang.program import Call, Entry, Program, Region

WIDTH = 88  # the default of formatters


def attributes(region: Region) -> dict[int, str]:
    """Return the attribute that holds each entry's module, by entry id: its key, or torch's name for a plain step.

    A plain step has neither a label nor weights. It does not appear in the state dict, so that one object serves all
    equal ones.
    """
    taken = {*MODULE_ATTRIBUTES, *((entry.name or "").partition(".")[0] for entry in region.entries)}
    shared: dict[object, str] = {}
    numbers: dict[str, Iterator[int]] = {}
    found: dict[int, str] = {}
    for entry in region.entries:
        name = entry.name or ""
        if isinstance(entry, Call) and name.isdigit() and entry.is_stateless and isinstance(entry.torch, Module):
            if entry.torch not in shared:
                word = _word(entry)
                numbered = (f"{word}{number}" for number in numbers.setdefault(word, count(2)))
                shared[entry.torch] = next(free for free in chain([word], numbered) if free not in taken)
                taken.add(shared[entry.torch])
            name = shared[entry.torch]
        found[id(entry)] = name
    return found


def held(region: Region) -> list[Entry]:
    """Return the entries of a region that a module of its class stands for; expressions have none."""
    return [
        entry
        for entry in region.entries
        if entry.name is not None and not (isinstance(entry, Call) and isinstance(entry.torch, Expression))
    ]


def module_paths(region: Region, program: Program, path: str = "") -> Iterator[str]:
    """Yield the paths of all modules of the source at and below a region, as `named_modules` gives them."""
    names = attributes(region)
    for entry in held(region):
        inside = join_path(path, names[id(entry)])
        yield inside
        if isinstance(entry, Region):
            yield from module_paths(entry, program, inside)
        elif entry.callee is not None and entry.module is None:
            yield from module_paths(program.regions[entry.callee], program, inside)
        elif isinstance(entry.torch, Module):  # the modules that an operator's own class may hold
            yield from (f"{inside}.{name}" for name in re.findall(r"\bself\.(\w+) = ", entry.torch.source))


def _word(call: Call) -> str:
    assert isinstance(call.torch, Module)
    return call.torch.target.rsplit(".", 1)[-1].lower()


def forward(found: Class, made: Classes) -> list[str]:
    """Return the lines of `forward`. Entries that only training needs run in training only."""
    region = found.region
    names, modules = variables(region), attributes(region)
    lent, lists = borrowed(region, names), lists_in(inner.name or "" for inner in held(region))
    arguments = [*(names[value] for value in region.inputs), *lent.values()]
    lines = [f"    def forward(self, {', '.join(arguments)}):"]
    for size in made.checks(found):
        lines += size_check(size, names[size.value])
    places = {id(entry): at for at, entry in enumerate(region.entries)}
    computed = [entry for entry in region.entries if entry.is_computed]
    for training, run in groupby(computed, region.skips):
        entries = list(run)
        indent = " " * (12 if training else 8)
        lines += ["        if self.training:"] if training else []
        for entry in entries:
            left = ", ".join(names[value] for value in entry.outputs)
            if isinstance(entry, Call):
                lines += guard_lines(entry.guards, names, indent)
            value = _value(entry, modules[id(entry)], names, region, lent, lists)
            added = _added(entry, names) if isinstance(entry, Call) else None
            if added is not None:
                lines.append(f"{indent}{added}")
            elif value != left or training:  # axes with other names are the same variable
                lines += _assigned(indent, left, value)
            deleted = region.frame.deleted.get(places[id(entry)], ())
            lines += [f"{indent}del {', '.join(names[value] for value in deleted)}"] if deleted else []
        absent = _absent(entries, region) if training else []
        if absent:
            lines += ["        else:", *(f"{indent}{names[value]} = None" for value in absent)]
    return [*lines, *guard_lines(region.guards, names, " " * 8), *_returns(region, names)]


def size_check(fixed: FixedSize, name: str) -> list[str]:
    """Return the lines that reject an input of another size; `archlang check` says which step fixes it."""
    size = f"{name}.shape[{fixed.axis}]"
    message = f"{fixed.name} of {name} is {{{size}}}, and this net is valid at {fixed.size} alone"
    return [f"        if {size} != {fixed.size}:", *wrapped("            raise ", "ValueError", [f'f"{message}"'])]


def wrapped(start: str, function: str, strings: Sequence[str]) -> list[str]:
    """Return the lines of a call with a text of several strings. It is broken if it is too long for one line."""
    whole = f"{start}{function}({' '.join(strings)})"
    pad = " " * (len(start) - len(start.lstrip()))
    broken = [f"{start}{function}(", *(f"{pad}    {one}" for one in strings), f"{pad})"]
    return [whole] if len(whole) <= WIDTH else broken


def guard_lines(guards: Sequence[Guard], names: Mapping[int, str], indent: str) -> Iterator[str]:
    """Yield the lines that reject sizes for which the spec would have other steps."""
    for guard in guards:
        text, opposite = guard.text(names.__getitem__), guard.opposite.text(names.__getitem__)
        read = dict.fromkeys(text_of(part, names.__getitem__) for part in guard.sizes)
        told = (f'f"{size} is {{{size}}}, "' for size in read)
        yield f"{indent}if {opposite}:"
        yield from wrapped(f"{indent}    raise ", "ValueError", [*told, f'"and this net is valid where {text}"'])


def _absent(entries: list[Entry], region: Region) -> list[int]:
    """Return the values of training-only entries that evaluation names too, because braces take or return them."""
    read = {value for entry in region.entries if not region.skips(entry) for value in entry.reads}
    read |= set(region.outputs) if region.name is not None else set()
    return [value for entry in entries for value in entry.outputs if value in read]


def _returns(region: Region, names: Mapping[int, str]) -> list[str]:
    """Return the values of a block in the order of its outputs. Those only of training are returned in training."""
    if region.name is not None:
        return [f"        return {', '.join(names[value] for value in region.outputs)}"]
    ports = region.block.outputs
    always = f"        return {', '.join(names[port.value] for port in ports if not port.training)}"
    if not any(port.training for port in ports):
        return [always]
    return ["        if self.training:", f"            return {', '.join(names[port.value] for port in ports)}", always]


def _assigned(indent: str, left: str, value: str) -> list[str]:
    """Return the line of a step; a chain of methods that is too long for one line takes one for each method."""
    line = f"{indent}{left} = {value}"
    if len(line) <= WIDTH or not left.isidentifier():
        return [line]
    first, *more = _methods(value)
    if any(left in re.findall(r"\w+", method) for method in more):  # it would be read after it is replaced
        return [line]
    return [f"{indent}{left} = {first}", *(f"{indent}{left} = {left}.{method}" for method in more)]


def _added(call: Call, names: Mapping[int, str]) -> str | None:
    """Return `y += x` for a sum that is written over an input, if the variable stays the same."""
    if call.in_place is None or not isinstance(call.torch, Expression):
        return None
    over, other = call.inputs[call.in_place], call.inputs[1 - call.in_place]
    return f"{names[over]} += {names[other]}" if names[over] == names[call.outputs[0]] else None


def _methods(text: str) -> list[str]:
    """Split `x.a(1).b(2)` into `x.a(1)` and `b(2)`, but never within brackets."""
    depth, start, parts = 0, 0, list[str]()
    for at, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "." and depth == 0 and text[at - 1] == ")":
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _value(
    entry: Entry,
    name: str,
    names: Mapping[int, str],
    region: Region,
    borrowed: Mapping[str, str],
    lists: frozenset[str],
) -> str:
    """Return the expression for what an entry gives; `lists` are the containers that are lists."""
    inputs = [names[value] for value in entry.inputs]
    if isinstance(entry, Call) and isinstance(entry.torch, Expression):
        filled = {"{all}": ", ".join(inputs), **{f"{{{at}}}": names[value] for at, value in enumerate(entry.reads)}}
        return re.sub(r"\{\w+\}", lambda hole: filled.get(hole[0], hole[0]), entry.torch.template)
    if isinstance(entry, Call) and entry.module is not None:
        module = _again(entry.module, region, borrowed)
    else:
        module = member(name, lists)
    lent = [_again(path, region, borrowed) for path in entry.borrowed] if isinstance(entry, Region) else []
    if isinstance(entry, Call) and entry.convolution is not None:
        return f"{folded.FUNCTION}({', '.join([member(entry.convolution.name or '', lists), module, *inputs])})"
    if isinstance(entry, Call) and entry.run:
        lists = lists_in(inner.name or "" for inner in held(region))
        module = f"nn.Sequential({', '.join([*(member(one.name or '', lists) for one in entry.run), module])})"
    if isinstance(entry, Call) and entry.recomputed:
        return f"{recompute.FUNCTION}({', '.join([module, *inputs])})"
    return f"{module}({', '.join([*inputs, *lent])})"


def _again(path: str, region: Region, borrowed: Mapping[str, str]) -> str:
    """Return the expression for a module that is applied again: the region's own, or one that the caller passes."""
    if path in borrowed:
        return borrowed[path]
    return reference(path[len(region.path) + 1 :] if region.path else path)


def reference(path: str) -> str:
    """Return a module or tensor at a path below `self`."""
    if all(part.isidentifier() for part in path.split(".")):
        return f"self.{path}"
    return f'self.get_submodule("{path}")'
