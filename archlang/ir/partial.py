"""What is known of a net that is wrong: a Graph for pictures alone, with a node in the place of each mistake.

A `PartialGraph` is no Graph, so that nothing that counts, emits or saves a net takes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archlang.diagnostics import Diagnostic
from archlang.ir.graph import Graph
from archlang.ir.nodes import Block, CallNode, OpNode
from archlang.ir.unknown import UNKNOWN
from archlang.source import Source, Span

MOST_LETTERS = 34  # of a step that is shown as it is written
MOST_LINES = 12  # of a text of which nothing is known
_ELSEWHERE = "unknown, because of another mistake"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the walk through a block stopped: before its node `at`, in a scope, with the values that flow in there.

    `told` is the mistake; it is empty if parsing has reported it.
    """

    at: int
    scope: str
    inputs: tuple[int, ...]
    text: str
    told: str
    span: Span

    def node(self, value: int) -> OpNode:
        """Return the node that stands there, which gives this value."""
        from archlang.ir.wrong import Wrong  # only for a wrong net: start-up counts

        op = Wrong(text=self.text, told=self.told)
        return OpNode(op=op, scope=self.scope, name=None, inputs=self.inputs, outputs=(value,), span=self.span)


@dataclass(frozen=True)
class PartialGraph:
    """What is known of a wrong net, and all of its mistakes.

    `drawing` has the nodes that are known, and one in the place of each mistake. It serves pictures alone: its sums are
    not those of the net.
    """

    drawing: Graph
    mistakes: tuple[Diagnostic, ...]

    def told(self, mistakes: Sequence[Diagnostic], sources: Mapping[str, Source]) -> PartialGraph:
        """Return it with all mistakes of the spec, and with the steps as their texts say."""
        blocks = tuple(
            block.model_copy(update={"nodes": tuple(_told(node, mistakes, sources) for node in block.nodes)})
            for block in self.drawing.blocks
        )
        return replace(self, drawing=drawing(self.drawing.name, blocks), mistakes=tuple(mistakes))


def drawing(name: str, blocks: Sequence[Block], arguments: Mapping[str, str] | None = None) -> Graph:
    """Return a Graph for pictures, which is not checked."""
    return Graph.model_construct(name=name, arguments=dict(arguments or {}), blocks=tuple(blocks))


def nothing_known(name: str, mistakes: Sequence[Diagnostic], sources: Mapping[str, Source]) -> PartialGraph:
    """Return what stands for a net of which only the mistakes are known, such as one that cannot be read."""
    stops = [Stop(0, "", (), one.code, one.message, _line_of(one.span)) for one in mistakes[:MOST_LINES]]
    nodes = tuple(stop.node(value) for value, stop in enumerate(stops))
    block = Block(
        id=name, name=name, arguments={}, inputs=(), outputs=(), types=(UNKNOWN,) * len(nodes), nodes=nodes,
        scopes=(), labels={},
    )  # fmt: skip
    return PartialGraph(drawing(name, [block]), ()).told(mistakes, sources)


def _line_of(span: Span) -> Span:
    return Span(span.file, span.line, 1, span.line + 1, 1)


def is_wrong(node: OpNode | CallNode) -> bool:
    """Return whether a node is the place of a mistake."""
    return isinstance(node, OpNode) and node.op.family == "wrong"


def _told(
    node: OpNode | CallNode, mistakes: Sequence[Diagnostic], sources: Mapping[str, Source]
) -> OpNode | CallNode:  # fmt: skip
    """Return the node; the place of a mistake says what is written there, and what is wrong."""
    from archlang.ir.wrong import Wrong

    if not isinstance(node, OpNode) or not isinstance(node.op, Wrong):
        return node
    text = _written(node.span, sources.get(node.span.file)) or node.op.text
    told = node.op.told or next(_in(node.span, mistakes), _ELSEWHERE)
    return node.model_copy(update={"op": Wrong(text=text, told=told)})


def _written(span: Span, source: Source | None) -> str:
    """Return how a step begins in its text, up to a brace and to the end of the line."""
    lines = source.lines() if source is not None else []
    if not 0 < span.line <= len(lines):
        return ""
    end = span.end_column - 1 if span.end_line == span.line else None
    text = " ".join(lines[span.line - 1][span.column - 1 : end].partition("{")[0].partition("#")[0].split())
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _in(span: Span, mistakes: Sequence[Diagnostic]) -> Iterator[str]:
    """Yield the messages about these lines."""
    for one in mistakes:
        if one.span.file == span.file and span.line <= one.span.line <= span.end_line:
            yield one.message
