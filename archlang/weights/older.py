"""Forms of keys that older or wrapped modules wrote, and published files that need an option besides.

A form is tried only on a key that the net does not have, so that a file which fits is read unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.weights.reading import Held


@dataclass(frozen=True, slots=True)
class OldForm:
    """Where a form comes from, the regular expression of its part of a key, and what replaces it."""

    origin: str
    pattern: str
    now: str


OLD_FORMS = (
    OldForm("torch.nn.DataParallel or DistributedDataParallel, of the net or a part of it", r"(^|\.)module\.", r"\1"),
    OldForm("torch.compile", r"(^|\.)_orig_mod\.", r"\1"),
    # torchvision/models/densenet.py, _load_state_dict: a module's name may hold no dot any more
    OldForm("torchvision's DenseNet", r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2"),
    # torchvision/models/vision_transformer.py, MLPBlock version 2: linear, GELU, dropout, linear in a row
    OldForm("torchvision's ViT, MLPBlock of version 1", r"(\.mlp\.)linear_1\.", r"\g<1>0."),
    OldForm("torchvision's ViT, MLPBlock of version 1", r"(\.mlp\.)linear_2\.", r"\g<1>3."),
)

COUNTER = "num_batches_tracked"  # batch norm's; files from before torch 0.4.1 have none, and torch then starts at 0
AVERAGED = "n_averaged"  # torch.optim.swa_utils.AveragedModel's own, beside the `module.` that it averages


def renamed(theirs: Collection[str], ours: Collection[str]) -> dict[str, str]:
    """Return for each key of a file its key in the net: the same, or the one that replaced an old form.

    If two keys of the file would get the same key, neither is renamed.
    """
    found = {key: key if key in ours else _now(key, ours) for key in theirs}
    times: dict[str, int] = {}
    for key in found.values():
        times[key] = times.get(key, 0) + 1
    return {key: now if times[now] == 1 else key for key, now in found.items()}


def _now(key: str, ours: Collection[str]) -> str:
    now = key
    for form in OLD_FORMS:
        now = re.sub(form.pattern, form.now, now)
        if now in ours:
            return now
    # a counter is recognised by its key even if the net has none
    beside = f"{now.removesuffix(COUNTER)}running_mean"
    return now if now.endswith(f".{COUNTER}") and beside in ours else key


def is_counter(key: str, present: Collection[str]) -> bool:
    """Return whether a key is the counter of a batch norm whose statistics are present."""
    return key.endswith(f".{COUNTER}") and f"{key.removesuffix(COUNTER)}running_mean" in present


def reason(held: Mapping[str, Held], misshapen: Collection[str]) -> str | None:
    """Return why the shapes of a file differ, if the file's net is known; otherwise None."""
    # torchvision/models/mnasnet.py, MNASNet._load_from_state_dict
    stem = {"layers.0.weight": (32, 3, 3, 3), "layers.3.weight": (32, 1, 3, 3), "layers.6.weight": (16, 32, 1, 1)}
    is_first_mnasnet = all(key in held and held[key].shape == shape for key, shape in stem.items())
    if is_first_mnasnet and misshapen and all(re.match(r"layers\.[0-8]\.", key) for key in misshapen):
        return (
            "this is version 1 of torchvision's MNASNet, whose stem has 32 and 16 channels at every scale; "
            "version 2, which the spec is, scales the stem too. A spec with `let stem = 32`, and 16 in the third "
            "convolution, takes the file"
        )
    return None


@dataclass(frozen=True, slots=True)
class Published:
    """A published file whose net scales its input, which the file does not say. Recognised by size and SHA-256."""

    name: str
    mebibytes: float  # rounded to three digits, as torchvision's metadata has it
    sha256: str  # its first eight digits, as the file's name has them


# torchvision/models/googlenet.py and inception.py set transform_input when these weights are loaded
SCALED = (Published("googlenet", 49.731, "1378be20"), Published("inception_v3", 103.903, "0cc3c7bd"))
SCALED_BY = "transform_input"  # torchvision's name, and the name of the parameter in specs
