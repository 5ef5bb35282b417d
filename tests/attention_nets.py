"""GPT-2 and MobileViT written by hand with torch's fused attention, as references: keys as in transformers and timm."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Residual(nn.Module):
    """x + mixing(norm(x)), twice: attention and a perceptron, under the names that are given."""

    def __init__(self, width: int, attention: nn.Module, mlp: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names
        for name, module in zip(names, (nn.LayerNorm(width), attention, nn.LayerNorm(width), mlp), strict=True):
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        norm1, attention, norm2, mlp = (self.get_submodule(name) for name in self.names)
        x = x + attention(norm1(x))
        y: Tensor = x + mlp(norm2(x))
        return y


class Attention(nn.Module):
    """Multi-head attention of n t c: one layer for queries, keys and values, and one after it, under these names."""

    def __init__(
        self, width: int, heads: int, names: tuple[str, str], dropout: float = 0.0, causal: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.names, self.rate, self.causal = heads, names, dropout, causal
        self.add_module(names[0], nn.Linear(width, 3 * width))
        self.add_module(names[1], nn.Linear(width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        qkv, proj = (self.get_submodule(name) for name in self.names)
        q, k, v = qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        rate = self.rate if self.training else 0.0
        y = scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=self.causal)
        z: Tensor = self.drop(proj(y.transpose(1, 2).reshape(n, t, c)))
        return z


# ---- GPT-2


class Gpt2(nn.Module):
    """GPT-2 with `nn.Linear` where transformers has its Conv1D; the head is tied to the table of tokens."""

    def __init__(self, vocabulary: int, context: int, width: int, depth: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()

        def layer() -> nn.Module:
            attention = Attention(width, heads, ("c_attn", "c_proj"), dropout, causal=True)
            parts = {
                "c_fc": nn.Linear(width, 4 * width), "act": nn.GELU(approximate="tanh"),
                "c_proj": nn.Linear(4 * width, width), "drop": nn.Dropout(dropout),
            }  # fmt: skip
            return Residual(width, attention, nn.Sequential(OrderedDict(parts)), ("ln_1", "attn", "ln_2", "mlp"))

        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, width), "wpe": nn.Embedding(context, width), "drop": nn.Dropout(dropout),
            "h": nn.Sequential(*(layer() for _ in range(depth))), "ln_f": nn.LayerNorm(width),
        })  # fmt: skip
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer.get_parameter("wte.weight")

    def forward(self, tokens: Tensor) -> Tensor:
        wte, wpe, drop, h, ln_f = self.transformer.values()
        x = wte(tokens) + wpe(torch.arange(tokens.shape[1], device=tokens.device))
        scores: Tensor = self.lm_head(ln_f(h(drop(x))))
        return scores


# ---- MobileViT


def unit(inner: int, out: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Module:
    """Return a convolution, a batch norm, and `silu` if `act`."""
    conv = nn.Conv2d(inner, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    parts: dict[str, nn.Module] = {"conv": conv, "bn": nn.BatchNorm2d(out)}
    return nn.Sequential(OrderedDict(parts | ({"act": nn.SiLU()} if act else {})))


class Inverted(nn.Module):
    """The inverted residual of MobileNet v2."""

    def __init__(self, inner: int, out: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        self.adds = stride == 1 and inner == out
        wide = expand * inner
        self.conv1_1x1 = unit(inner, wide, 1)
        self.conv2_kxk = unit(wide, wide, 3, stride, groups=wide)
        self.conv3_1x1 = unit(wide, out, 1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv3_1x1(self.conv2_kxk(self.conv1_1x1(x)))
        return x + y if self.adds else y


class MobileVitBlock(nn.Module):
    """Convolutions, attention among the pixels at one place of all 2x2 patches, and convolutions."""

    def __init__(self, inner: int, width: int, depth: int) -> None:
        super().__init__()

        def layer() -> nn.Module:
            parts = {"fc1": nn.Linear(width, 2 * width), "act": nn.SiLU(), "fc2": nn.Linear(2 * width, width)}
            attention = Attention(width, 4, ("qkv", "proj"))
            return Residual(width, attention, nn.Sequential(OrderedDict(parts)), ("norm1", "attn", "norm2", "mlp"))

        self.conv_kxk, self.conv_1x1 = unit(inner, inner), nn.Conv2d(inner, width, 1, bias=False)
        self.transformer, self.norm = nn.Sequential(*(layer() for _ in range(depth))), nn.LayerNorm(width)
        self.conv_proj, self.conv_fusion = unit(width, inner, 1), unit(2 * inner, inner)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_1x1(self.conv_kxk(x))
        n, c, h, w = y.shape
        y = y.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 2, 4, 1).reshape(4 * n, h * w // 4, c)
        y = self.norm(self.transformer(y))
        y = y.reshape(n, 2, 2, h // 2, w // 2, c).permute(0, 5, 3, 1, 4, 2).reshape(n, c, h, w)
        z: Tensor = self.conv_fusion(torch.cat([x, self.conv_proj(y)], 1))
        return z


class MobileVit(nn.Module):
    """MobileViT for images whose sides are multiples of 64."""

    def __init__(self, widths: Sequence[int], dims: Sequence[int], expand: int, last: int, classes: int = 1000) -> None:
        super().__init__()
        a, b, *rest = widths
        self.stem = unit(3, 16, 3, 2)
        stages = [
            nn.Sequential(Inverted(16, a, expand)),
            nn.Sequential(Inverted(a, b, expand, 2), Inverted(b, b, expand), Inverted(b, b, expand)),
        ]
        for inner, out, width, depth in zip((b, *rest), rest, dims, (2, 4, 3), strict=False):
            stages.append(nn.Sequential(Inverted(inner, out, expand, 2), MobileVitBlock(out, width, depth)))
        self.stages, self.final_conv = nn.Sequential(*stages), unit(rest[-1], last, 1)
        self.head = nn.ModuleDict({"fc": nn.Linear(last, classes)})

    def forward(self, image: Tensor) -> Tensor:
        x = self.final_conv(self.stages(self.stem(image)))
        scores: Tensor = self.head["fc"](x.mean((2, 3)))
        return scores
