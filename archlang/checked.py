"""What checking a spec gives: the Graphs of its nets, what is wrong with it, and the warnings about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archlang.diagnostics import Diagnostic, all_lines, render
from archlang.facts.net import NetFacts
from archlang.ir import Graph, PartialGraph
from archlang.library import CallError, Library
from archlang.limits import limits, raising
from archlang.net import Net
from archlang.source import Source
from archlang.syntax import Expression

if TYPE_CHECKING:
    from archlang.parts import Line
    from archlang.recipes import Recipe


class SpecError(Exception):
    """The spec is wrong. Its text is what the terminal shows; `diagnostics` holds the same as data."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(checked.report())
        self.checked = checked
        self.diagnostics = checked.diagnostics


@dataclass
class Checked:
    """The result of checking a spec: the Graphs of the nets asked for, the errors, and warnings about valid nets.

    `facts` holds the facts of each of the `graphs`, for one image in evaluation. `known` is what is known of the nets
    that are wrong; `partial` returns it with the mistakes of the whole spec. `recipes` are those of the file, if no
    net of it was asked for by name. `settings` replace parameters of the nets.
    """

    library: Library
    settings: Mapping[str, Expression]
    graphs: list[Graph] = field(default_factory=list[Graph])
    known: list[PartialGraph] = field(default_factory=list[PartialGraph])
    facts: list[NetFacts] = field(default_factory=list[NetFacts])
    recipes: list[Recipe] = field(default_factory=list["Recipe"])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])

    @property
    def sources(self) -> dict[str, Source]:
        """The texts of the spec and of the files that it uses, by name."""
        return self.library.sources

    @property
    def source(self) -> Source:
        """The spec's own text."""
        return self.sources[self.library.main.name]

    @property
    def net(self) -> Net:
        """Return the only net. Raises SpecError if the spec is not valid."""
        from archlang.sizes import Spec

        if self.diagnostics:
            raise SpecError(self)
        (graph,) = self.graphs
        return Net(graph, Spec(self.library.main, graph.name, self.settings, self.library.files))

    def partial(self) -> PartialGraph | None:
        """Return what is known of the only net of a spec with mistakes, for pictures; None if nothing is.

        Raises CallError if there are several nets.
        """
        found = [*self.known, *(PartialGraph(graph, ()) for graph in self.graphs)]
        if len(found) > 1:
            raise CallError(f"{self.source.name} holds several nets: name one, as in SPEC:NET")
        return found[0].told(self.diagnostics, self.sources) if found else None

    def rendered(self) -> list[str]:
        """Return each diagnostic as the terminal shows it."""
        return [render(diagnostic, self.sources) for diagnostic in self.diagnostics]

    def report(self) -> str:
        """Return all diagnostics as the terminal shows them. A line at their end says if more were not looked for."""
        from archlang.parts import text_of

        return text_of(self.lines())

    def lines(self) -> list[Line]:
        """Return the lines of the same text, in parts with their roles."""
        found = all_lines(self.diagnostics, self.sources)
        count = len(self.diagnostics)
        if count >= limits().mistakes:
            found.extend([(), (("", f"archlang stopped at {count} mistakes; {raising('mistakes')}"),)])
        return found
