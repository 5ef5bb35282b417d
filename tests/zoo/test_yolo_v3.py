"""YOLOv3 against a reader of Darknet's configuration, layer by layer: routes and shortcuts count layers there."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from archlang.compiler import check
from archlang.facts.work import count
from tests.parity import scramble
from tests.starts import LEAST, likeness

SPEC = Path(__file__).parents[1] / "nets" / "yolo_v3.arch"
WIDTH, CLASSES = 2, 4


def configuration(width: int, outputs: int) -> list[list[str]]:
    """Return the sections of yolov3.cfg in turn, for a first convolution of `width` maps; there it is 32."""
    lines = [f"conv {width} 3 1"]
    for at, depth in enumerate((1, 2, 8, 8, 4)):
        wide = width * 2 ** (at + 1)
        lines += [f"conv {wide} 3 2"]
        lines += depth * [f"conv {wide // 2} 1 1", f"conv {wide} 3 1", "shortcut -3"]
    for wide, kept in ((16 * width, 61), (8 * width, 36), (4 * width, 0)):
        lines += 3 * [f"conv {wide} 1 1", f"conv {2 * wide} 3 1"] + [f"linear {outputs}", "yolo"]
        if kept:
            lines += ["route -4", f"conv {wide // 2} 1 1", "upsample", f"route -1 {kept}"]
    return [line.split() for line in lines]


class Darknet(nn.Module):
    """What Darknet computes of a configuration. A layer is found by its index, or counted from the end."""

    def __init__(self, lines: list[list[str]]) -> None:
        super().__init__()
        self.lines, self.layers = lines, nn.ModuleList()
        widths: list[int] = []
        for kind, *numbers in lines:
            values = list(map(int, numbers))
            before, layer = widths[-1] if widths else 3, nn.Sequential()
            if kind == "conv":
                conv = nn.Conv2d(before, values[0], values[1], values[2], values[1] // 2, bias=False)
                layer = nn.Sequential(conv, nn.BatchNorm2d(values[0], 1e-6, 0.01), nn.LeakyReLU(0.1))
            elif kind == "linear":
                layer = nn.Sequential(nn.Conv2d(before, values[0], 1))
            elif kind == "upsample":
                layer = nn.Sequential(nn.Upsample(scale_factor=2))
            self.layers.append(layer)
            routed = [widths[value] for value in values] if kind == "route" else [before]
            widths.append(values[0] if kind in ("conv", "linear") else sum(routed))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        seen: list[Tensor] = []
        heads: list[Tensor] = []
        for (kind, *numbers), layer in zip(self.lines, self.layers, strict=True):
            if kind == "shortcut":
                seen.append(seen[-1] + seen[int(*numbers)])
            elif kind == "route":
                seen.append(torch.cat([seen[int(number)] for number in numbers], 1))
            elif kind == "yolo":
                boxes = seen[-1].unflatten(1, (3, -1))
                heads.append(torch.cat([boxes[:, :, :2].sigmoid(), boxes[:, :, 2:4], boxes[:, :, 4:].sigmoid()], 2))
                seen.append(boxes)
            else:
                seen.append(layer(seen[-1] if seen else image))
        return tuple(heads)


def test_outputs_and_gradients() -> None:
    """The weights of the spec stand in the order of Darknet's file, so that they are copied one after another."""
    torch.manual_seed(0)
    theirs = Darknet(configuration(WIDTH, 3 * (5 + CLASSES))).double()
    scramble(theirs)
    ours = archlang.load(f"{SPEC}:small").module().double()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    for mode in (False, True):
        for size in ((64, 96), (96, 32)):
            image = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
            results = [module.train(mode)(image) for module in (ours, theirs)]
            torch.testing.assert_close(*results, rtol=1e-10, atol=1e-11)
            for module, result in zip((ours, theirs), results, strict=True):
                module.zero_grad()
                torch.stack([head.square().sum() for head in result]).sum().backward()
            for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
                torch.testing.assert_close(mine.grad, other.grad, rtol=1e-7, atol=1e-10)


def test_it_is_as_large_as_published() -> None:
    """yolov3.weights has 62,001,757 floats behind its header: the weights, and a mean and a variance of each norm."""
    (graph,) = check(f"{SPEC}:yolo_v3").graphs
    counts = count(graph).net
    theirs = [
        value for name, value in Darknet(configuration(32, 255)).state_dict().items() if "num_batches" not in name
    ]
    assert sum(value.numel() for value in theirs) == 62_001_757
    assert counts.params == 61_949_149


def test_starts() -> None:
    """Darknet draws each kernel with deviation sqrt(2/fan_in), and lets biases start at 0."""
    convs = [
        module for module in archlang.load(f"{SPEC}:small").module(seed=0).modules() if isinstance(module, nn.Conv2d)
    ]
    drawn = [conv.weight.detach().flatten() * (conv.weight[0].numel() / 2) ** 0.5 for conv in convs]
    normal = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    assert likeness(torch.cat(drawn), normal) > LEAST
    assert all(conv.bias is None or not conv.bias.any() for conv in convs)
