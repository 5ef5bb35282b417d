"""Normalisation by the values around a position, in all maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.ops.base import Autocast, Example, Kind, Module, Operator, Reach, Saved, Size, Weight, Work, seeing_all
from archlang.ops.checks import check_dtype
from archlang.ops.course_norms import local_contrast
from archlang.ops.layouts import Laid, Strides, blended, laid
from archlang.ops.parts import Course
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

Positive = Annotated[float, Field(gt=0)]

_LOCAL_CONTRAST_NORM = '''
class LocalContrastNorm(nn.Module):
    """Each value less the mean around it, over the larger of the deviation there and that of the whole image."""

    def __init__(self, kernel_size, sigma=None, eps=1e-4):
        super().__init__()
        self.kernel_size = kernel_size
        self.sigma = kernel_size / 4 if sigma is None else sigma
        self.eps = eps
        steps = torch.arange(kernel_size, dtype=torch.float64) - (kernel_size - 1) / 2
        bell = torch.softmax(-(steps**2) / (2 * self.sigma**2), 0).float()
        self.register_buffer("weight", bell[:, None] * bell)

    def around(self, x):
        before, after = (self.kernel_size - 1) // 2, self.kernel_size // 2
        bordered = nn.functional.pad(x.mean(1, keepdim=True), [before, after] * 2, mode="replicate")
        return nn.functional.conv2d(bordered, self.weight[None, None])

    def forward(self, x):
        centred = x - self.around(x)
        deviation = self.around(centred.square()).clamp_min(self.eps**2).sqrt()
        return centred / torch.maximum(deviation, deviation.mean((2, 3), keepdim=True))
'''


class LocalContrastNorm(Operator):
    """Each value minus the weighted mean around it, divided by the weighted deviation there.

    Jarrett, Kavukcuoglu, Ranzato and LeCun 2009 ("What is the best multi-stage architecture for object recognition?"),
    section 2.1. With Gaussian weights w over the window and all c maps, which sum to 1: v = x - (sum of w*x), s =
    sqrt(sum of w*v**2), y = v/max(s, mean of s over the image). The paper has a window of 9 and three gaps, which are
    filled here as follows. `sigma` is a quarter of the window unless it is given, as in Torch7's `image.gaussian`.
    Borders repeat their values outwards. s is at least `eps`, for images without contrast. The weights of the window
    are a buffer. The mean over the maps is taken first, so that the window slides over one map. No weights.

        buffers = size*size
        MACs = 2*h*w*size*size
        normalised = c*h*w
        activated = h*w
        comparisons = 2*h*w
        elementwise = 3*c*h*w + h*w
    """

    runs = replace(SEVERAL_CALLS, autocast=Autocast("given", known="result"))
    word: ClassVar[str] = "lcn"
    noted: ClassVar[str] = "LCN"
    family: ClassVar[str] = "norm"
    positional: ClassVar[Mapping[str, Kind]] = {"size": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = (
        "LocalContrastNorm", "local_contrast_norm", "local_contrast_normalization", "SpatialContrastiveNormalization",
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("lcn 5", "3x8x7"),
        Example("lcn 9 sigma=1.591", "1x6x6"),
        Example("lcn 4 eps=0.01", "2x5x9"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        eps="with 0, an image without contrast is divided by 0", sigma="0 is not a width"
    )

    size: Size = 9
    sigma: Positive | None = None
    eps: Positive = 1e-4

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        x.spatial(2, self.word)
        check_dtype(x, self.word, weighted=True)
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (self.size, self.size), buffer=True),)

    def work(self, x: TensorType) -> Work:
        n, c, h, w = x.shape
        places = n * h * w
        # the mean over the maps, twice, and the squares; the mean deviation
        elementwise = 3 * c * places + places
        macs = 2 * places * self.size**2
        return Work(macs, normalised=x.values, activated=places, comparisons=2 * places, elementwise=elementwise)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        n, _, h, w = x.shape
        bordered = (n, 1, h + self.size - 1, w + self.size - 1)
        shapes = {
            "centred": x.shape, "mean": (n, 1, h, w), "bordered": bordered, "square": (n, 1, h, w),
            "bordered squares": bordered, "variance": (n, 1, h, w), "deviation": (n, 1, h, w),
            "mean deviation": (n,), "divisor": (n, 1, h, w),
        }  # fmt: skip
        return tuple(Saved("own", shape=shape, name=name) for name, shape in shapes.items())

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        return local_contrast(self, x, self.size)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        n, _, h, w = known.shape
        around = Laid((n, 1, h, w), x.axes, x.dtype, (h * w, h * w, w, 1))
        centred = Laid(known.shape, x.axes, x.dtype, blended(known.shape, known, around))
        return (blended(known.shape, centred, around),)

    def reach(self, x: TensorType) -> Reach:
        # through the mean deviation, where that is the greater one
        return Reach({axis: replace(slide, at_most=True) for axis, slide in seeing_all(x).items()})

    def torch(self, x: TensorType) -> Module:
        options = (("sigma", self.sigma, None), ("eps", self.eps, 1e-4))
        return Module("LocalContrastNorm", (("kernel_size", self.size),), options, _LOCAL_CONTRAST_NORM)
