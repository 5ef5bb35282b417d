"""Pictures of what a convolutional net has learned: maps of what it looks at, its filters, its activations.

Each function runs the module as it is: set it to evaluation first (`module.eval()`). Images are n c h w. A `target` is
the number of a class, of the module's only output n classes; without one, it is the class of the largest score.
"""

from __future__ import annotations

from archlang.vision.maps import class_model, grad_cam, occlusion, saliency
from archlang.vision.pictures import activations, filters, grid, save

__all__ = ["activations", "class_model", "filters", "grad_cam", "grid", "occlusion", "saliency", "save"]
