"""Plots of nets, drawn by matplotlib: accuracy against work, and the work, weights and memory of each layer;
and of training runs: curves, confusion matrices, pictures of samples.

matplotlib is an extra of the installation; without it every plot raises `Rejected`. The same nets give the same bytes.
All plots share one style; colours are from Paul Tol's muted palette, which colour-blind readers can distinguish
 (https://personal.sron.nl/~pault/).
"""

from __future__ import annotations

from archlang.plot.accuracy import Point, accuracy_plot
from archlang.plot.bars import profile_plot
from archlang.plot.confusion import confusion_plot
from archlang.plot.curves import Curve, Panel, curves_plot
from archlang.plot.gallery import Picture, gallery_plot
from archlang.plot.paper import FORMATS
from archlang.plot.profiles import QUANTITIES, Bar, Profile, profile
from archlang.plot.timelines import Timeline, timeline_plot

__all__ = [
    "FORMATS", "QUANTITIES", "Bar", "Curve", "Panel", "Picture", "Point", "Profile", "Timeline", "accuracy_plot",
    "confusion_plot", "curves_plot", "gallery_plot", "profile", "profile_plot", "timeline_plot",
]  # fmt: skip
