"""The plain module against torchvision's: speed, peak memory, equality: `python -m benchmarks.speed [NET ...]`.

Both have the same weights. Their runs take turns in one thread and in seconds of the processor; a ratio is the median
of the rounds, above 1 where archlang is faster; the range holds the middle half of them. Peaks are of
torch's allocator besides weights and inputs. The bars: no ratio under 0.98, no peak above torchvision's, and outputs
and gradients bit-equal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from statistics import quantiles
from time import process_time
from typing import TYPE_CHECKING

from archlang.compiler import load

if TYPE_CHECKING:
    from torch import Tensor, nn

NETS = (
    "resnet18", "resnet50", "googlenet", "densenet121", "mobilenet_v2", "shufflenet_v2_x1_0", "vgg11", "squeezenet1_1",
    "mnasnet1_0", "efficientnet_b0",
)  # fmt: skip
ROUNDS = {"inference": 15, "training": 7}
BATCH = {"inference": 1, "training": 4}
BAR = 0.98


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    """Return archlang's module and torchvision's, with the same weights."""
    import torch

    from tests.torchvision_models import torchvision

    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    extra = {"init_weights": True} if name == "googlenet" else {}
    theirs = torchvision().models.get_model(name, weights=None, **extra)
    ours = load(name).module()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def inference(net: nn.Module, image: Tensor) -> list[Tensor]:
    """Return the output of an inference."""
    import torch

    with torch.inference_mode():
        return [net.eval()(image)]


def training(net: nn.Module, image: Tensor) -> list[Tensor]:
    """Return the outputs and the gradients of a step; the random numbers of dropout are the same in each."""
    import torch

    torch.manual_seed(1)  # pyright: ignore[reportUnknownMemberType]
    net.zero_grad()
    given = net.train()(image)
    outputs: Sequence[Tensor] = [given] if isinstance(given, torch.Tensor) else [x for x in given if x is not None]
    torch.stack([x.square().mean() for x in outputs]).sum().backward()  # pyright: ignore[reportUnknownMemberType]
    gradients = {name: x.grad for name, x in net.named_parameters() if x.grad is not None}
    return [*outputs, *(gradients[name] for name in sorted(gradients))]  # GoogLeNet's auxiliary parts stand elsewhere


def peak_of(run: Callable[[], object]) -> int:
    """Return the most bytes that a run has allocated at once."""
    from archlang.laws.allocator import peaks, recorded

    run()
    with recorded() as events:
        given = run()
    del given
    return peaks(events, 0).peak_bytes


def measured(name: str, mode: str) -> str:
    """Return the line of a net in a mode."""
    import torch

    run = inference if mode == "inference" else training
    image = torch.randn(BATCH[mode], 3, 224, 224)
    ours, theirs = pair(name)
    is_equal = all(map(torch.equal, run(ours, image), run(theirs, image)))
    peaks = [peak_of(partial(run, net, image)) / 2**20 for net in (ours, theirs)]
    ratios: list[float] = []
    for _ in range(ROUNDS[mode]):
        began = process_time()
        run(ours, image)
        between = process_time()
        run(theirs, image)
        ratios.append((process_time() - between) / (between - began))
    low, middle, high = quantiles(ratios, n=4)
    is_kept = is_equal and middle >= BAR and peaks[0] <= peaks[1] * 1.001
    equal = "equal" if is_equal else "DIFFERENT"
    told = f"{middle:.2f} ({low:.2f} to {high:.2f})  {peaks[0]:7.1f} of {peaks[1]:7.1f} MiB  {equal}"
    return f"{name:20} {mode:10} {told}  {'' if is_kept else 'BELOW THE BAR'}".rstrip()


def main(names: Sequence[str]) -> int:
    """Print a line for each net and mode; return 1 if one is below a bar."""
    import torch

    torch.set_num_threads(1)
    found: list[str] = []
    for name in names or NETS:
        for mode in ("inference", "training"):
            found.append(measured(name, mode))
            sys.stdout.write(f"{found[-1]}\n")
            sys.stdout.flush()
    return int(any(line.endswith("BAR") for line in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
