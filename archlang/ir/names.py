"""The names that a Graph may hold. They become attributes, variables and classes of the emitted source.

The elaborator refuses other names where they are written, the Graph when it is read from JSON, the emitter once more.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ir.module_names import CONTAINER_ATTRIBUTES, MODULE_ATTRIBUTES

if TYPE_CHECKING:
    from archlang.ir.graph import Graph
    from archlang.ir.nodes import Block, CallNode, OpNode

MAX_NAME = 100  # characters of a label
_LABEL = re.compile(r"[A-Za-z_]\w*(-\w+)*|0|[1-9]\d*", re.ASCII)  # RegNet's keys hold words joined by `-`
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)  # the names that the language allows for nets, blocks and parameters
_PORT = re.compile(r"\w+(-\w+)*", re.ASCII)  # an output may be called after a path: `0_bn`


def check_label(name: str) -> None:
    """Raise Rejected if a name cannot be the key of a submodule in torch."""
    if len(name) > MAX_NAME:
        raise Rejected("bad-label", f"a label has at most {MAX_NAME} characters")
    if not _LABEL.fullmatch(name):
        message = f"a label is made of letters, digits and `_`, and begins with no digit: not `{name}`"
        raise Rejected("bad-label", message)
    if name.startswith("__"):
        message = f"`{name}` begins with two underscores, and Python keeps or renames such attributes of a class"
        raise Rejected("mangled-label", message, help=f"write `{name.strip('_') or 'other'}` or another name")
    if name in MODULE_ATTRIBUTES or keyword.iskeyword(name):
        what = "a word of Python" if keyword.iskeyword(name) else "an attribute of every torch module"
        message = f"`{name}` is {what}, so no part of a network can be called that"
        raise Rejected("bad-label", message, help=f"write `{name}_` or another name")


def check_path(path: str) -> None:
    """Raise Rejected if the parts of a path cannot be keys of modules, or of the containers that hold them."""
    parts = path.split(".")
    if "" in parts:
        raise Rejected("bad-label", f"between the dots of a label stand names: not `{path}`")
    for part in parts:
        check_label(part)
    refused = [part for part in parts[1:] if part in CONTAINER_ATTRIBUTES]
    if refused:
        message = f"`{refused[0]}` is a method of torch's `nn.ModuleDict`, so nothing in a container can be called that"
        raise Rejected("bad-label", message, help=f"write `{refused[0]}_` or another name")


def check_names(graph: Graph) -> None:
    """Raise ValueError if a name in a Graph is one that the language cannot write."""
    _words("net", [graph.name])
    _words("parameter", [*graph.arguments, *graph.open_sizes])
    for block in graph.blocks:
        _words("block", [block.name])
        _words("parameter", block.arguments)
        _labels("input", [port.name for port in block.inputs])
        for port in block.outputs:
            if not _PORT.fullmatch(port.name):
                raise ValueError(f"{port.name!r} cannot be the name of an output")
        _paths(block)
    _sizes(graph)


def _sizes(graph: Graph) -> None:
    """Check that the open sizes are parameters with a number, and that they are axes of the inputs."""
    axes = {(port.name, axis) for port in graph.root.inputs for axis in graph.root.types[port.value].axes}
    for name in {*graph.open_sizes, *graph.fixed_sizes}:
        if name not in graph.open_sizes or not graph.arguments.get(name, "").isdecimal():
            raise ValueError(f"{name} is not an open size with a default")
        if not axes.issuperset(graph.open_sizes[name]):
            raise ValueError(f"the open size {name} belongs to an input or axis that the net does not have")


def _paths(block: Block) -> None:
    """Check that the paths of a block are made of labels."""
    paths = {*block.scopes, *block.labels, *block.frozen}
    for node in block.nodes:
        paths.update(_paths_of(node))
        if node.name and not CONTAINER_ATTRIBUTES.isdisjoint(node.name.split(".")[1:]):
            raise ValueError(f"{node.name!r} cannot be the name of a node, since a container has such a method")
    for path in paths:
        _labels("path", path.split("."), path)


def _paths_of(node: OpNode | CallNode) -> Iterator[str]:
    if node.scope:  # the outermost scope is empty
        yield node.scope
    yield from (path for path in (node.name, node.module) if path is not None)
    if node.kind == "op":
        yield from filter(None, node.ties)  # a module's own tensor has one weight, without a name
        yield from node.ties.values()


def _labels(what: str, names: Iterable[str], written: str = "") -> None:
    for name in names:
        try:
            check_label(name)
        except Rejected as rejected:
            raise ValueError(f"{written or name!r} cannot be the name of {_a(what)}: {rejected.message}") from None


def _words(what: str, names: Iterable[str]) -> None:
    for name in names:
        if not _WORD.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of {_a(what)}, which is made of letters, digits and `_`")


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
