"""Memory over time for the page: the moments of a training step and of an inference."""

from __future__ import annotations

from archlang.diagnostics import Rejected
from archlang.facts.memory import Memory, Setup, memory
from archlang.facts.memory.heap import KINDS
from archlang.facts.memory.words import described, where
from archlang.facts.untold import UnknownFact, listed
from archlang.ir import Graph
from archlang.page.progressions import numbers


def timeline_data(graph: Graph, setup: Setup) -> dict[str, object]:
    """Return the moments of a run and its peak, or `unknown`: why they are not known."""
    try:
        return _told(memory(graph, setup))
    except (UnknownFact, Rejected) as error:
        return {"title": described(setup), "unknown": str(error)}


def _told(made: Memory) -> dict[str, object]:
    texts: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    moments = [
        [number(moment.phase), number(moment.path), number(moment.op), moment.peak_bytes, moment.times]
        for moment in made.timeline
    ]
    peak = next(at for at, moment in enumerate(made.timeline) if moment == made.moment)
    return {
        "title": described(made.setup),
        "peak": peak,
        "where": where(made.moment),
        "bound": f"a lower bound: not known are the temporaries of {listed(made.untold)}" if made.untold else "",
        "bands": [
            [KINDS.index(kind), kind, numbers([sizes.get(kind, 0) for sizes in made.kinds])]
            for kind in KINDS
            if any(sizes.get(kind) for sizes in made.kinds)
        ],
        "layers": [[path, size] for path, size in list(made.by_layer.items())[:10] if size],
        "moments": moments,
        "texts": list(texts),
    }
