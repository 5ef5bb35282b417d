"""The transforms of images, of torchvision.transforms.v2: their words, arguments, ranges and defaults.

Unnamed arguments fill in torchvision's order: `randomcrop 32`. A test holds names and defaults against torchvision.
"""

from __future__ import annotations

from archlang.recipes.arguments import (
    ANY,
    COUNT,
    FLAG,
    FRACTION,
    FROM_ZERO,
    NOT_NEGATIVE,
    POSITIVE,
    REQUIRED,
    Either,
    Number,
    Several,
    Word,
    known,
)

_SIZE = Either((COUNT, Several(COUNT, (1, 2))))
_P = (FRACTION, 0.5)
_FILL = Either((ANY, Several(ANY)))
_PADDING = (Either((FROM_ZERO, Several(FROM_ZERO, (2, 4)))), None)
_MODE = (Word(("constant", "edge", "reflect", "symmetric")), "constant")
_RANGE = Several(POSITIVE, (2,))
_INTERPOLATION = Word(("nearest", "bilinear", "bicubic"))
_JITTER = (Either((NOT_NEGATIVE, Several(NOT_NEGATIVE, (2,)))), None)
_DEGREES = (Either((NOT_NEGATIVE, Several(ANY, (2,), rising=True))), REQUIRED)

TRANSFORMS = {
    "autoaugment": known(
        "AutoAugment",
        policy=(Word(("imagenet", "cifar10", "svhn")), "imagenet"),
        interpolation=(_INTERPOLATION, "nearest"),
    ),
    "augmix": known(
        "AugMix", severity=(Number("[1, 10]", whole=True), 3), mixture_width=(COUNT, 3), alpha=(POSITIVE, 1.0)
    ),
    "centercrop": known("CenterCrop", size=(_SIZE, REQUIRED)),
    "colorjitter": known(
        "ColorJitter",
        brightness=_JITTER,
        contrast=_JITTER,
        saturation=_JITTER,
        hue=(Either((Number("[0, 0.5]"), Several(Number("[-0.5, 0.5]"), (2,)))), None),
    ),
    "elastictransform": known("ElasticTransform", alpha=(NOT_NEGATIVE, 50.0), sigma=(POSITIVE, 5.0)),
    "gaussianblur": known(
        "GaussianBlur", kernel_size=(_SIZE, REQUIRED), sigma=(Either((POSITIVE, _RANGE)), (0.1, 2.0))
    ),
    "gaussiannoise": known("GaussianNoise", mean=(ANY, 0.0), sigma=(NOT_NEGATIVE, 0.1), clip=(FLAG, True)),
    "grayscale": known("Grayscale", num_output_channels=(Number("[1, 3]", whole=True), 1)),
    # without numbers, mean and deviation of the training part are taken
    "normalize": known("Normalize", mean=(Several(ANY), None), std=(Several(POSITIVE), None)),
    "pad": known(
        "Pad",
        padding=(Either((FROM_ZERO, Several(FROM_ZERO, (2, 4)))), REQUIRED),
        fill=(_FILL, 0),
        padding_mode=_MODE,
    ),
    # noise along the principal axes of the colours, which are measured on the training part; not of torchvision
    "pcacolor": known("PcaColor", sigma=(POSITIVE, 0.1)),
    "randaugment": known(
        "RandAugment",
        num_ops=(COUNT, 2),
        magnitude=(FROM_ZERO, 9),
        num_magnitude_bins=(COUNT, 31),
        interpolation=(_INTERPOLATION, "nearest"),
    ),
    "randomadjustsharpness": known("RandomAdjustSharpness", sharpness_factor=(NOT_NEGATIVE, REQUIRED), p=_P),
    "randomaffine": known(
        "RandomAffine",
        degrees=_DEGREES,
        translate=(Several(FRACTION, (2,)), None),
        scale=(_RANGE, None),
        shear=(Either((NOT_NEGATIVE, Several(ANY, (2, 4)))), None),
        interpolation=(_INTERPOLATION, "nearest"),
        fill=(_FILL, 0),
    ),
    "randomautocontrast": known("RandomAutocontrast", p=_P),
    "randomchannelpermutation": known("RandomChannelPermutation"),
    "randomcrop": known(
        "RandomCrop",
        size=(_SIZE, REQUIRED),
        padding=_PADDING,
        pad_if_needed=(FLAG, False),
        fill=(_FILL, 0),
        padding_mode=_MODE,
    ),
    "randomequalize": known("RandomEqualize", p=_P),
    "randomerasing": known(
        "RandomErasing",
        p=_P,
        scale=(Several(FRACTION, (2,)), (0.02, 0.33)),
        ratio=(_RANGE, (0.3, 3.3)),
        value=(ANY, 0.0),
    ),
    "randomgrayscale": known("RandomGrayscale", p=(FRACTION, 0.1)),
    "randomhorizontalflip": known("RandomHorizontalFlip", p=_P),
    "randominvert": known("RandomInvert", p=_P),
    "randomperspective": known("RandomPerspective", distortion_scale=(FRACTION, 0.5), p=_P),
    "randomphotometricdistort": known("RandomPhotometricDistort", p=_P),
    "randomposterize": known("RandomPosterize", bits=(Number("[0, 8]", whole=True), REQUIRED), p=_P),
    "randomresizedcrop": known(
        "RandomResizedCrop",
        size=(_SIZE, REQUIRED),
        scale=(_RANGE, (0.08, 1.0)),
        ratio=(_RANGE, (3 / 4, 4 / 3)),
        interpolation=(_INTERPOLATION, "bilinear"),
    ),
    "randomrotation": known(
        "RandomRotation", degrees=_DEGREES, interpolation=(_INTERPOLATION, "nearest"), fill=(_FILL, 0)
    ),
    "randomsolarize": known("RandomSolarize", threshold=(NOT_NEGATIVE, REQUIRED), p=_P),
    "randomverticalflip": known("RandomVerticalFlip", p=_P),
    "resize": known(
        "Resize",
        size=(_SIZE, REQUIRED),
        interpolation=(_INTERPOLATION, "bilinear"),
        max_size=(COUNT, None),
        antialias=(FLAG, True),
    ),
    "trivialaugmentwide": known(
        "TrivialAugmentWide", num_magnitude_bins=(COUNT, 31), interpolation=(_INTERPOLATION, "nearest")
    ),
}

MIXES = {
    "mixup": known("MixUp", alpha=(POSITIVE, 1.0)),
    "cutmix": known("CutMix", alpha=(POSITIVE, 1.0)),
}

RANDOM = frozenset(word for word in TRANSFORMS if word.startswith("random")) | {
    "pcacolor", "autoaugment", "augmix", "colorjitter", "elastictransform", "gaussianblur", "gaussiannoise",
    "randaugment", "trivialaugmentwide",
}  # fmt: skip
