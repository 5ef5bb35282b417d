"""The exceptions that carry a mistake from where it is found to the statement that reports it."""

from __future__ import annotations

from archlang.diagnostics import Diagnostic, Label, Rejected
from archlang.limits import limits, raising
from archlang.source import Span


class Mistake(Exception):
    """A mistake with its place. It is caught and reported by the statement in which it occurs.

    `inputs` are the values that flow into the step, if they are not those that flow into the statement.
    """

    def __init__(
        self, rejected: Rejected, span: Span, labels: tuple[Label, ...] = (), inputs: tuple[int, ...] = ()
    ) -> None:
        super().__init__(rejected.message)
        self.rejected = rejected
        self.span = span
        self.labels = labels
        self.inputs = inputs

    def diagnostic(self, trace: tuple[Label, ...]) -> Diagnostic:
        """Return the diagnostic, with the chain of calls and loops that leads here."""
        rejected = self.rejected
        around = (label for label in trace if label.span != self.span)
        return Diagnostic(rejected.code, rejected.message, self.span, (*self.labels, *around), rejected.help)


def refuse_many(count: int, span: Span) -> None:
    """Raise Mistake if a tuple has more values than the limit."""
    most = limits().values
    if count > most:
        message = f"a tuple of more than {most:,} values would flow here"
        raise Mistake(Rejected("too-large", message, help=raising("values")), span)


class Silent(Exception):
    """A value is needed that an earlier mistake, already reported, left unknown. So there is no message."""


class Entered(Silent):
    """A block that was entered is wrong. What is known of it is kept, so that its call has no place of a mistake."""
