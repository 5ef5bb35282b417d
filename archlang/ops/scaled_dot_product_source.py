"""The class for `sdpa` in the emitted source. It holds only the lines that its kind needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_HEAD = '''
class {name}(nn.Module):
    """Attention of queries, keys and values that are projected already."""

    def __init__(self, {parameters}):
        super().__init__()
        {stored}

    def forward(self, {inputs}):
'''
_SPLIT = """\
        parts = zip((q, k, v), self.heads)
        q, k, v = (x.unflatten(2, (n, -1)).transpose(1, 2) for x, n in parts)
"""
_PADDED = """\
        seen = torch.arange(k.shape[2], device=k.device) < lengths[:, None]
        seen = seen[:, None, None]
"""
_CAUSAL = """\
        if self.causal:
            size = q.shape[2], k.shape[2]
            before = torch.ones(size, dtype=torch.bool, device=k.device).tril()
            {mask} = {masked}
"""
_CALL = """\
        x = nn.functional.scaled_dot_product_attention(
            q, k, v, {options}
        )
        return {result}
"""


@dataclass(frozen=True, slots=True)
class Source:
    """What differs between the kinds.

    `split`: the channels are divided into heads. `mask`: there is none, it is added to the scores, or it says which
    keys are seen. `axes`: the number of its axes. `batched`: the first of them is the batch. `lengths`: the lengths
    are an input.
    """

    split: bool
    mask: Literal["none", "added", "seen"]
    axes: int
    batched: bool
    lengths: bool

    @property
    def name(self) -> str:
        """The name of the class, which shows the kind."""
        masked = {"none": "", "added": "Biased", "seen": "Masked"}[self.mask]
        per_image = "Image" if masked and self.batched else ""
        rank = str(self.axes) if masked else ""
        padded, heads = "Padded" if self.lengths else "", "Heads" if self.split else ""
        return f"{padded}{per_image}{masked}{rank}{heads}Attention"


def source_of(kind: Source) -> str:
    """Return the text of the class."""
    stored = "self.causal, self.dropout, self.scale = causal, dropout, scale"
    if kind.split:
        stored = f"self.heads = heads, kv_heads or heads, kv_heads or heads\n        {stored}"
    parameters = "heads=1, kv_heads=None, causal=False, dropout=0.0, scale=None"
    if not kind.split:
        parameters = "causal=False, dropout=0.0, scale=None"
    names = ["q", "k", "v", *["mask"] * (kind.mask != "none"), *["lengths"] * kind.lengths]
    head = _HEAD.format(name=kind.name, parameters=parameters, stored=stored, inputs=", ".join(names))
    options = [*_mask_options(kind), "dropout_p=self.dropout if self.training else 0.0", "scale=self.scale"]
    # in a trace of torch.jit, sizes are tensors
    options.append(f"enable_gqa={'self.heads[0] != self.heads[1]' if kind.split else 'bool(q.shape[1] != k.shape[1])'}")
    result = "x.transpose(1, 2).flatten(2)" if kind.split else "x"
    call = _CALL.format(options=",\n            ".join(options), result=result)
    return "".join([head, _SPLIT if kind.split else "", _mask(kind), call])


def _mask_options(kind: Source) -> list[str]:
    if kind.mask != "none":
        return ["attn_mask=mask"]
    return ["attn_mask=seen"] if kind.lengths else ["is_causal=self.causal"]


def _mask(kind: Source) -> str:
    """Return the lines that combine all that hides keys into one mask. torch's fused kernel takes two or four axes."""
    lines = _PADDED if kind.lengths else ""
    if kind.mask == "none":
        return lines + (_CAUSAL.format(mask="seen", masked="seen & before") if kind.lengths else "")
    if kind.axes == 3:
        lines += f"        mask = mask.unsqueeze({int(kind.batched)})\n"
    elif kind.axes == 2 and kind.batched:
        lines += "        mask = mask[:, None, None]\n"
    joined = "mask & {0}" if kind.mask == "seen" else 'mask.masked_fill(~{0}, float("-inf"))'
    if kind.lengths:
        lines += f"        mask = {joined.format('seen')}\n"
    return lines + _CAUSAL.format(mask="mask", masked=joined.format("before"))
