"""The changes between two nets, and the parameters and MACs that each of them adds.

A net is written as nested lists of steps, braces and calls of blocks, so two nets are aligned scope by scope. A label
means the same part in both. Parts without a label are aligned by `difflib.SequenceMatcher`: first equal ones, then
those with the same operator or block, so that `conv 3x3 64` and `conv 1x1 64` are one changed layer. networkx could
compute the exact edit distance of two graphs, but that takes exponential time, and the shortest edit script is hard to
read. Connections are compared afterwards, between layers that are in both nets.
"""

from __future__ import annotations

from archlang.diff.changes import ArgumentChange, Change
from archlang.diff.comparing import Diff, diff
from archlang.diff.listing import Row, rows

__all__ = ["ArgumentChange", "Change", "Diff", "Row", "diff", "rows"]
