"""NASNet-A against torch code written by hand, which reads its cells from a table, and against timm's."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_in_eval, computes_the_same, scramble
from tests.timm_models import needs_timm, timm_model

SPEC = Path(__file__).parents[1] / "nets" / "nasnet.arch"

# of each sum, the state it starts from and the step that is taken there, twice; `h` is the last map, `p` the one before
NORMAL = ("h 5", "p 3"), ("p 5", "p 3"), ("h mean", "p"), ("p mean", "p mean"), ("h 3", "h")
HALVED = ("h 5", "p 7"), ("h max", "p 7"), ("h mean", "p 5"), ("0 mean", "1"), ("0 3", "h max")


def same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Return a border such that a window stands at every stride, the odd rest at the end."""
    borders: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        borders += [missing // 2, missing - missing // 2]
    return nn.functional.pad(x, borders, value=value)


class Unit(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width, 1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x.relu()))
        return y


class Separable(nn.Module):
    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.depthwise_conv2d = nn.Conv2d(channels, channels, kernel, stride, groups=channels, bias=False)
        self.pointwise_conv2d = nn.Conv2d(channels, width, 1, bias=False)
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise_conv2d(self.depthwise_conv2d(same(x, self.kernel, self.stride)))
        return y


class Branch(nn.Module):
    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.separable_1 = Separable(channels, width, kernel, stride)
        self.separable_2 = Separable(width, width, kernel, 1)
        self.bn_sep_1, self.bn_sep_2 = nn.BatchNorm2d(width, 1e-3), nn.BatchNorm2d(width, 1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn_sep_2(self.separable_2(self.bn_sep_1(self.separable_1(x.relu())).relu()))
        return y


class Cell(nn.Module):
    """A cell of a table. `shrinks`: the map before is twice as large; with `first` it enters unchanged."""

    def __init__(
        self,
        channels: tuple[int, int],
        width: int,
        table: tuple[tuple[str, str], ...],
        shrinks: bool,
        first: bool = False,
    ) -> None:
        super().__init__()
        self.table, self.shrinks, self.first = table, shrinks, first
        self.conv_1x1 = Unit(channels[0], width)
        if shrinks:
            paths = (nn.Conv2d(channels[1], width // 2, 1, bias=False) for _ in range(2))
            self.path_1, self.path_2 = (nn.ModuleDict({"conv": conv}) for conv in paths)
            self.final_path_bn = nn.BatchNorm2d(width, 1e-3)
        elif not first:
            self.conv_prev_1x1 = Unit(channels[1], width)
        for at, pair in enumerate(table):
            for side, step in zip(("left", "right"), pair, strict=True):
                state, kernel = step[0], step[2:]
                if kernel.isdigit():
                    entering = channels[1] if first and state == "p" else width
                    branch = Branch(entering, width, int(kernel), self.stride(state))
                    self.add_module(f"comb_iter_{at}_{side}", branch)

    def stride(self, state: str) -> int:
        return 2 if self.table is HALVED and state in "hp" else 1

    def earlier(self, before: Tensor) -> Tensor:
        if self.shrinks:
            x = before.relu()
            parts = [x[:, :, ::2, ::2], nn.functional.pad(x[:, :, 1:, 1:], [0, 1, 0, 1])[:, :, ::2, ::2]]
            paths = (self.path_1["conv"], self.path_2["conv"])
            halves = torch.cat([path(part) for path, part in zip(paths, parts, strict=True)], 1)
            joined: Tensor = self.final_path_bn(halves)
            return joined
        entered: Tensor = before if self.first else self.conv_prev_1x1(before)
        return entered

    def step(self, text: str, name: str, states: dict[str, Tensor]) -> Tensor:
        state, kind = text[0], text[2:]
        x, stride = states[state], self.stride(state)
        if kind == "mean" and stride == 1:
            return nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        if kind == "mean":
            return nn.functional.avg_pool2d(same(x, 3, 2), 3, 2)
        if kind == "max":
            return nn.functional.max_pool2d(same(x, 3, stride, -torch.inf), 3, stride)
        y: Tensor = self.get_submodule(name)(x) if kind else x
        return y

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        states = {"h": self.conv_1x1(x), "p": self.earlier(before)}
        for at, (left, right) in enumerate(self.table):
            one = self.step(left, f"comb_iter_{at}_left", states)
            states[str(at)] = one + self.step(right, f"comb_iter_{at}_right", states)
        kept = "p01234" if self.table is NORMAL else "1234"
        return torch.cat([states[state] for state in kept], 1)


class NASNet(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3, 2, bias=False), "bn": nn.BatchNorm2d(4, 1e-3)})
        self.cell_stem_0 = Cell((4, 4), 1, HALVED, shrinks=False, first=True)
        self.cell_stem_1 = Cell((4, 4), 2, HALVED, shrinks=True)
        self.cell_0, self.cell_1 = Cell((8, 4), 4, NORMAL, shrinks=True), Cell((24, 8), 4, NORMAL, shrinks=False)
        self.reduction_cell_0 = Cell((24, 24), 8, HALVED, shrinks=False)
        self.cell_2, self.cell_3 = Cell((32, 24), 8, NORMAL, shrinks=True), Cell((48, 32), 8, NORMAL, shrinks=False)
        self.reduction_cell_1 = Cell((48, 48), 16, HALVED, shrinks=False)
        self.cell_4, self.cell_5 = Cell((64, 48), 16, NORMAL, shrinks=True), Cell((96, 64), 16, NORMAL, shrinks=False)
        self.last_linear = nn.Linear(96, 5)

    def forward(self, image: Tensor) -> Tensor:
        before = self.conv0["bn"](self.conv0["conv"](image))
        x = self.cell_stem_0(before, before)
        before, x = x, self.cell_stem_1(x, before)
        for at in range(6):
            if at in (2, 4):
                x = self.get_submodule(f"reduction_cell_{at // 2 - 1}")(x, before)
            before, x = x, self.get_submodule(f"cell_{at}")(x, before)
        scores: Tensor = self.last_linear(x.relu().mean((2, 3)))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), NASNet().double()
    image = torch.randn(2, 3, 75, 75, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-10, gradients=1e-8)


@needs_timm
def test_timm() -> None:
    ours, theirs = archlang.load(f"{SPEC}:nasnetalarge").module(), timm_model("nasnetalarge")
    scramble(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image = torch.randn(1, 3, 331, 331, generator=torch.Generator().manual_seed(0))
    assert_equal_in_eval(ours, theirs, image)
