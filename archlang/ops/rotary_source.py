"""The class for rotary positions in the emitted source. It holds only the lines that its kind needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """What differs between the kinds.

    `split`: the channels are divided into heads. `partial`: some channels of a head stay unchanged. `positions`: the
    positions are an input, and if `batched`, each image has its own. `between`: the number of axes between the batch
    and the positions.
    """

    split: bool
    partial: bool
    positions: bool
    batched: bool
    between: int

    @property
    def name(self) -> str:
        """Return the name of the class, which shows the kind."""
        batched = f"Image{self.between or ''}" if self.batched else ""
        parts = ("Partial" * self.partial, "Heads" * self.split)
        return f"{batched}{'Positioned' * self.positions}{''.join(parts)}RotaryEmbedding"


def source_of(kind: Source) -> str:
    """Return the text of the class."""
    options = {"base": "10000.0", "interleaved": "False", **_if(kind.split, heads="1"), **_if(kind.partial, dim="None")}
    options |= _if(not kind.positions, offset="0")
    lines = [
        "", f"class {kind.name}(nn.Module):",
        '    """Turns pairs of channels, by angles that grow with the position."""', "",
        f"    def __init__(self, {', '.join(f'{name}={value}' for name, value in options.items())}):",
        "        super().__init__()", *(f"        self.{name} = {name}" for name in options), "",
        f"    def forward(self, x{', positions' * kind.positions}):",
        *(f"        {line}" for line in _forward(kind)), "",
    ]  # fmt: skip
    return "\n".join(lines)


def _if(wanted: bool, **options: str) -> dict[str, str]:
    return options if wanted else {}


def _forward(kind: Source) -> list[str]:
    """Return the lines of the forward pass."""
    length = "x.shape[1]" if kind.split else "x.shape[-2]"
    lines = ["x = x.unflatten(2, (self.heads, -1))"] * kind.split
    if kind.partial:
        lines += ["x, rest = x[..., : self.dim], x[..., self.dim :]"]
    if not kind.positions:
        lines += [f"positions = torch.arange(self.offset, self.offset + {length}, device=x.device)"]
    lines += [
        "pairs = torch.arange(0, x.shape[-1], 2, device=x.device) / x.shape[-1]",
        "angles = positions[..., None] / self.base**pairs",
    ]
    if kind.split:
        lines += ["angles = angles.unsqueeze(-2)"]
    elif kind.batched and kind.between:
        lines += [f"angles = angles[:, {', '.join(['None'] * kind.between)}]"]
    lines += ["cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)"]
    halves = "a * cos - b * sin, b * cos + a * sin"
    rest, flat = ", rest" * kind.partial, ".flatten(2)" * kind.split
    return [
        *lines,
        "if self.interleaved:",
        "    a, b = x[..., 0::2], x[..., 1::2]",
        f"    x = torch.stack([{halves}], -1).flatten(-2)",
        f"    return {'torch.cat([x, rest], -1)' if kind.partial else 'x'}{flat}",
        "a, b = x.chunk(2, -1)",
        f"return torch.cat([{halves}{rest}], -1){flat}",
    ]
