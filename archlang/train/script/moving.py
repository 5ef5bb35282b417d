"""The functions and classes of a script that apply transforms to samples, and those that torchvision lacks."""

from __future__ import annotations

from archlang.train.framing import framed, unframed
from archlang.train.script.copying import copied
from archlang.train.script.plan import Plan, Script

_VIEWED = '''
class Viewed(torch.utils.data.Dataset):
    """Samples behind a transform."""

    def __init__(self, samples, transform):
        self.samples, self.transform = samples, transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        SAMPLE
'''

_AUGMENTED = '''
class Augmented(Viewed):
    """Samples behind a transform that draws. A key is (epoch, index)."""

    def __getitem__(self, at):
        epoch, index = at
        torch.default_generator.manual_seed(key("sample", epoch, index))
        return super().__getitem__(index)
'''

_IMAGE = """sample = self.samples[index]
        return {**sample, "image": self.transform(sample["image"])}"""

PRINCIPAL_AXES = '''
def principal_axes(images):
    """Return the variances of colours along their principal axes, and the axes as columns."""
    count, total, products = 0, 0, 0
    for image in images:
        pixels = image.double().flatten(1) / SCALE
        count += pixels.shape[1]
        total += pixels.sum(1)
        products += pixels @ pixels.T
    mean = total / count
    variances, axes = torch.linalg.eigh(products / count - mean.outer(mean))
    # an axis has no direction of its own
    signs = axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return variances.clamp_min(0).tolist(), (axes * signs).tolist()
'''

_PCA = '''
class PcaColor:
    """Adds one colour to all pixels: each axis times its variance times a drawn number.

    Krizhevsky et al. 2012, section 4.1. Bytes stay bytes.
    """

    def __init__(self, sigma, variances, axes):
        self.sigma, self.variances, self.axes = sigma, variances, axes

    def __call__(self, image):
        drawn = torch.randn(3) * self.sigma
        color = torch.tensor(self.axes) @ (torch.tensor(self.variances) * drawn)
        color = color.view(3, 1, 1)
        if image.is_floating_point():
            return image + color
        return ((image / 255 + color).clamp(0, 1) * 255).round().to(image.dtype)
'''


def add_behind(plan: Plan, script: Script, is_random: bool) -> None:
    """Write the classes of samples behind transforms."""
    sample = "return moved(self.samples[index], self.transform)" if plan.moved else _IMAGE
    script.add(_VIEWED.replace("SAMPLE", sample), "import torch")
    if is_random:
        script.add(_AUGMENTED)


def add_pca(plan: Plan, script: Script) -> None:
    """Write the transform `pcacolor`."""
    text = _PCA
    if plan.moved:
        text = text.replace("self, image)", "self, image, *others)")
        text = text.replace("return image + color", "return image + color, *others")
        text = text.replace("        return ((image", "        image = ((image").rstrip("\n")
        text += "\n        return tv_tensors.Image(image), *others\n"
        text = text.replace("return image + color,", "return tv_tensors.Image(image + color),")
    script.add(text, "import torch")


def add_moved(plan: Plan, script: Script) -> None:
    """Write the function that moves a mask, or boxes, as the image is moved."""
    script.imports |= {"import torch", "from torchvision import tv_tensors"}
    wrapped, names = ['tv_tensors.Image(sample["image"])'], ["image"]
    if "mask" in plan.moved:
        wrapped.append('tv_tensors.Mask(sample["mask"])')
        names.append("mask")
    if "boxes" in plan.moved:
        script.functions += [copied(framed), copied(unframed)]
        wrapped.append('framed(sample["boxes"], sample["image"])')
        names.append("boxes")
    rows = [
        "def moved(sample, transform):",
        f'    """Return a sample behind a transform, which moves its {" and its ".join(names)} alike."""',
        "    changed = transform(",
        *(f"        {one}," for one in wrapped),
        "    )",
        f"    {', '.join(names)} = changed",
    ]
    if "boxes" in names:
        rows.append('    boxes = unframed(sample["boxes"], boxes)')
    plain = [f'"{name}": {name}.as_subclass(torch.Tensor)' for name in names]
    script.add("\n".join([*rows, "    return {", "        **sample,", *(f"        {one}," for one in plain), "    }"]))
