"""A net in other surroundings: its blocks in a file of their own, and its open sizes at other values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from archlang.elaborate import elaborate, nets
from archlang.ir import Graph
from archlang.parse import parse
from archlang.sizes import Spec, valid_at
from archlang.source import Source
from archlang.syntax import File
from tests.generator.running import SEED, inputs_of, several, weights_of
from tests.interpreter import Interpreter

DECLARED = re.compile(r"^(?:block|net|let) (\w+)", re.MULTILINE)
BLOCKS = "blocks.arch"
NO_ROW = "index out of range in self"  # torch's message of an embedding


def in_two_files(text: str) -> tuple[str, str]:
    """Return the text above the net, and the net, which uses it; the first is empty if there is none."""
    above, net, below = text.rpartition("\nnet tried")
    names = [name for name in DECLARED.findall(above) if re.search(rf"\b{name}\b", below)]
    return (f"{above}\n", f'use "{BLOCKS}": {", ".join(names)}\n{net}{below}') if names else ("", text)


def graph_of_two(blocks: str, text: str) -> Graph | str:
    """Return the Graph of the last net of a text that uses a file of blocks; a message if it is not valid."""
    other, wrong = parse(Source(BLOCKS, blocks))
    file, more = parse(Source("spec.arch", text))
    files = {BLOCKS: other}
    graph, found = elaborate(file, nets(file, files=files)[-1].name, None, files)
    return graph if graph is not None else str([*wrong, *more, *found][0].message)


def at_other_sizes(file: File, graph: Graph, module: nn.Module) -> str:
    """Run the module at other valid values of its open sizes; return what differs, or nothing."""
    spec = Spec(file, nets(file)[-1].name, {}, {})
    weights = weights_of(module)
    for name in graph.open_sizes:
        at, default = valid_at(spec, graph, name), int(graph.arguments[name])
        for size in (default + 1, default + 4, 2 * default):
            other = at(size)
            made = other if other is not None else spec.at(name, size)[0]
            if made is not None and not _agrees(made, module, weights, valid=other is not None):
                return f"{name}={size}"
    return ""


def _agrees(graph: Graph, module: nn.Module, weights: Mapping[str, Tensor], valid: bool) -> bool:
    """Return whether the module computes what the net of another size does; it may refuse a size that is not valid.

    Values may ask for rows that a table does not have, `argmax` of a longer axis for one: then torch refuses both.
    """
    inputs = inputs_of(graph)
    torch.manual_seed(SEED)  # pyright: ignore[reportUnknownMemberType]
    try:
        found = several(module.eval()(*inputs))
    except (ValueError, RuntimeError, IndexError) as error:
        if valid and not (str(error) == NO_ROW and _asks_for_no_row(graph, weights, inputs)):
            raise
        return True
    try:
        wanted = Interpreter(graph, weights).run(inputs, False, SEED)
    except RuntimeError:
        if valid:
            raise
        return True  # the weights do not fit such a net: `check` fixes this size, and its module refuses others
    return len(found) == len(wanted) and all(
        one.shape == two.shape and torch.equal(one.nan_to_num(), two.nan_to_num())
        for one, two in zip(found, wanted, strict=True)
    )


def _asks_for_no_row(graph: Graph, weights: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> bool:
    try:
        Interpreter(graph, weights).run(inputs, False, SEED)
    except IndexError as error:
        return str(error) == NO_ROW
    return False
