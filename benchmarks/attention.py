"""GPT-2 and MobileViT against modules by hand with fused attention: `python -m benchmarks.attention`.

One thread, seconds of the processor, both in one process, in turn; the median of the ratios of the rounds and the ratio
of the shortest times are printed. The bar is 1.05. MobileViT is held against timm's as well where timm is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import archlang
from tests.attention_nets import Gpt2, MobileVit
from tests.clock import of_call
from tests.torchvision_models import torchvision

ROUNDS = 15
NETS = "tests/nets"
MOBILEVITS: dict[str, dict[str, Any]] = {
    "mobilevit_xxs": {"widths": (16, 24, 48, 64, 80), "dims": (64, 80, 96), "expand": 2, "last": 320},
    "mobilevit_s": {"widths": (32, 64, 96, 128, 160), "dims": (144, 192, 240), "expand": 4, "last": 640},
}

Case = tuple[str, str, nn.Module, Tensor]  # the net, what it is held against, and an input of both


def cases() -> Iterator[Case]:
    """Yield the nets and their references, each with an input."""
    images = torch.randn(2, 3, 256, 256)
    for name, options in MOBILEVITS.items():
        yield f"mobilevit.arch:{name}", "by hand", MobileVit(**options), images
        if find_spec("timm"):
            torchvision()
            timm: Any = import_module("timm")
            yield f"mobilevit.arch:{name}", "timm", timm.create_model(name), images
    tokens = torch.randint(50257, (1, 256))
    yield "gpt2.arch:gpt2", "by hand", Gpt2(50257, 1024, 768, 12, 12, dropout=0.0), tokens


def measured(ours: nn.Module, theirs: nn.Module, inputs: Tensor, training: bool) -> tuple[float, float]:
    """Return the median ratio of the rounds, and the ratio of the shortest times."""

    def call(module: nn.Module) -> Callable[[], float]:
        def step() -> None:
            if not training:
                with torch.no_grad():
                    module(inputs)
                return
            module.zero_grad()
            module(inputs).square().mean().backward()

        return of_call(step)

    first, second = call(ours.train(training)), call(theirs.train(training))
    times: list[tuple[float, float]] = []
    for number in range(-1, ROUNDS):
        other = 0.0 if number % 2 else second()
        mine = first()
        other = other or second()
        if number >= 0:  # the first round is a warm-up
            times.append((mine, other))
    shortest = min(mine for mine, _ in times) / min(other for _, other in times)
    return median(mine / other for mine, other in times), shortest


def main() -> None:
    """Print a row for each net, reference and mode."""
    torch.set_num_threads(1)
    sys.stdout.write("| net | against | mode | median ratio | of the shortest |\n|---|---|---|---:|---:|\n")
    for name, against, theirs, inputs in cases():
        settings = {"dropped": 0.0} if name.startswith("gpt2") else {}
        ours = archlang.load(f"{NETS}/{name}", **settings).module()
        ours.load_state_dict(theirs.state_dict(), strict=True)
        for training in (False, True):
            middle, shortest = measured(ours, theirs, inputs, training)
            mode = "training step" if training else "inference"
            net = name.partition(":")[2]
            sys.stdout.write(f"| {net} | {against} | {mode} | {middle:.3f} | {shortest:.3f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
