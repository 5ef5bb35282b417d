"""PCA colour: noise along the principal axes of the colours (Krizhevsky et al. 2012, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PcaColor:
    """Adds to all pixels of an image one colour: each axis times its variance times a number of deviation `sigma`.

    Bytes are read as numbers from 0 to 1, and stay bytes.
    """

    sigma: float
    variances: Sequence[float]
    axes: Sequence[Sequence[float]]  # each is a column

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with another image."""
        import torch
        from torchvision import tv_tensors

        image = sample["image"]
        drawn = torch.randn(3) * self.sigma
        color = (torch.tensor(self.axes) @ (torch.tensor(self.variances) * drawn)).view(3, 1, 1)
        if image.is_floating_point():
            changed = image + color
        else:
            changed = ((image / 255 + color).clamp(0, 1) * 255).round().to(image.dtype)
        return {**sample, "image": tv_tensors.Image(changed)}


def principal_axes(images: Iterable[Tensor]) -> tuple[list[float], list[list[float]]]:
    """Return the variances of the colours of images along their principal axes, and the axes as columns."""
    import torch

    count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for image in images:
        if image.shape[0] != 3:
            raise Rejected("bad-data", f"`pcacolor` changes images of 3 colours, and these have {image.shape[0]}")
        pixels = image.double().flatten(1) / (1 if image.is_floating_point() else 255)
        count += pixels.shape[1]
        total += pixels.sum(1)
        products += pixels @ pixels.T
    mean = total / count
    found: tuple[Tensor, Tensor] = cast(Any, torch.linalg).eigh(products / count - mean.outer(mean))
    variances, axes = found
    signs = axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()  # an axis has no direction of its own
    columns: list[list[float]] = cast(Any, axes * signs).tolist()
    return [float(one) for one in variances.clamp_min(0)], columns
