"""What changed between two nets, and what it cost.

A net is written as nested lists: it holds steps, braces and calls of blocks. So two nets are aligned scope by scope. A
label names the same thing in both. What has none is aligned by `difflib.SequenceMatcher`, first by what it is, then by
its operator or block alone, so that `conv 3x3 64` and `conv 1x1 64` are one layer that was changed. networkx has the
exact edit distance of two graphs, which takes exponential time, and its shortest script is no story that a reader
follows. Connections are compared afterwards, between layers that were found in both.
"""

from __future__ import annotations

from archlang.diff.changes import ArgumentChange, Change
from archlang.diff.comparing import Diff, diff
from archlang.diff.listing import Row, rows

__all__ = ["ArgumentChange", "Change", "Diff", "Row", "diff", "rows"]
