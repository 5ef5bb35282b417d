"""How a refusal travels from where it is made to the statement that reports it."""

from __future__ import annotations

from archlang.diagnostics import Diagnostic, Label, Rejected
from archlang.source import Span


class Mistake(Exception):
    """A refusal with its place, on its way to the statement that reports it."""

    def __init__(self, rejected: Rejected, span: Span, labels: tuple[Label, ...] = ()) -> None:
        super().__init__(rejected.message)
        self.rejected = rejected
        self.span = span
        self.labels = labels

    def diagnostic(self, trace: tuple[Label, ...]) -> Diagnostic:
        """The message, with the chain of calls and loops that leads here."""
        rejected = self.rejected
        around = (label for label in trace if label.span != self.span)
        return Diagnostic(rejected.code, rejected.message, self.span, (*self.labels, *around), rejected.help)


class Silent(Exception):
    """A value that an earlier mistake left unknown was needed; that mistake is reported already."""
