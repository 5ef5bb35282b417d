"""Common mistakes and what was meant by them, recognised by where the parser stopped."""

from __future__ import annotations

from archlang.parse.argument_slips import ARGUMENT_SLIPS
from archlang.parse.statement_slips import STATEMENT_SLIPS, equals, keyword
from archlang.parse.stop import Slip, Stop

_IN_TURN = (*STATEMENT_SLIPS, *ARGUMENT_SLIPS, equals, keyword)


def slip_at(stop: Stop) -> Slip | None:
    """Return the first slip that matches."""
    return next((slip for slip_of in _IN_TURN if (slip := slip_of(stop)) is not None), None)
