"""A Program as text: a heading for each region of a block, and a line for each call in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archlang.program.regions import Call, Entry, Program, Region


def text_of(program: Program) -> str:
    """Return every region that is called, callees first.

    `%3 = relu "1" (%2)` is a call and its key. Braces are indented below their key. After `;` come the values that more
    than the next entry reads, those that are read for the last time, those that are deleted, and the marks of the call.
    """
    blocks = [_block(id, region, region is program.root) for id, region in program.regions.items()]
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _block(id: str, region: Region, is_net: bool) -> Iterator[str]:
    ports = ", ".join(f"%{port.value} {port.name}: {region.block.types[port.value]}" for port in region.block.inputs)
    outputs = ", ".join(
        f"%{port.value} {port.name}{' when training' if port.training else ''}" for port in region.block.outputs
    )
    mark = f" in {region.memory_format}" if region.memory_format else ""
    yield f"{'net' if is_net else 'block'} {id}({ports}) -> {outputs}{mark}"
    yield from _lines(region, "  ")
    for path, other in region.ties:
        yield f"  tie {path} = {other}"
    for path in region.block.frozen:
        yield f"  freeze {path}"


def _lines(region: Region, indent: str) -> Iterator[str]:
    for at, entry in enumerate(region.entries):
        notes = _notes([*_lifetimes(region, at), *_marks(entry)])
        word = "{ }" if isinstance(entry, Region) else _word(entry)
        yield f"{indent}{_values(entry.outputs)} = {word} {_key(entry.name)}({_values(entry.inputs)}){notes}"
        if isinstance(entry, Region):
            yield from _lines(entry, f"{indent}  ")


def _word(call: Call) -> str:
    if call.callee is not None:
        return call.callee
    return call.node.op.word if call.node.kind == "op" else call.node.block


def _marks(entry: Entry) -> Iterator[str]:
    if entry.training_only:
        yield "training only"
    if isinstance(entry, Region):
        yield from (f"lent {path}" for path in entry.borrowed)
        return
    if entry.module is not None:
        yield f"applies {entry.module} again"
    if entry.recomputed:
        yield "recomputed"
    if entry.deferred:
        yield "deferred"
    if entry.run:
        yield f"with {', '.join(one.name or '' for one in entry.run)}"
    if entry.convolution is not None:
        yield f"folded into {entry.convolution.name}"
    if entry.slim is not None:
        yield "slim"
    if entry.in_place is not None:
        yield f"over %{entry.inputs[entry.in_place]}"


def _lifetimes(region: Region, at: int) -> Iterator[str]:
    """Yield the outputs of an entry that are kept, and the values that no later entry reads."""
    entry = region.entries[at]
    kept = [value for value in entry.outputs if value in region.kept]
    last = [value for value in dict.fromkeys(entry.inputs) if region.last_uses[value] == at]
    if kept:
        yield f"keeps {_values(kept)}"
    if last:
        yield f"last use of {_values(last)}"
    if at in region.frame.deleted:
        yield f"deletes {_values(region.frame.deleted[at])}"


def _notes(notes: Sequence[str]) -> str:
    return f"  ; {', '.join(notes)}" if notes else ""


def _values(values: Sequence[int]) -> str:
    return ", ".join(f"%{value}" for value in values)


def _key(key: str | None) -> str:
    return f'"{key}" ' if key is not None else ""
