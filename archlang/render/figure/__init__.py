"""The figure of a net, as a paper would show it: an overview, and an inset for each distinct block."""

from __future__ import annotations
