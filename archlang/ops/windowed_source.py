"""The class for attention within windows in the emitted source; torch has none."""

from __future__ import annotations

_WINDOW_ATTENTION = '''
class {name}(nn.Module):
    """{what}"""

    def __init__(
        self,
        embed_dim,
        num_heads,
        window,
        shift=(0, 0),
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.window, self.shift = window, shift
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=qkv_bias)
        self.proj = nn.Linear(embed_dim, embed_dim, bias=proj_bias)
        a, b = window
{weights}
        y = torch.arange(a).repeat_interleave(b)
        x = torch.arange(b).repeat(a)
        rows, columns = y[:, None] - y + a - 1, x[:, None] - x + b - 1
        index = (rows * (2 * b - 1) + columns).flatten()
        self.register_buffer("relative_position_index", index)

{methods}

    def bias(self):
        """Of each head, for each pair of positions in a window."""
        tokens = self.window[0] * self.window[1]
        bias = self.table()[self.relative_position_index].unflatten(0, (tokens, -1))
        return {bias}

    def cut(self, x):
        """The windows one after the other, each with its positions in a row."""
        a, b = self.window
        x = x.unflatten(2, (-1, b)).unflatten(1, (-1, a)).transpose(2, 3)
        return x.reshape(-1, a * b, x.shape[-1])

    def mask(self, x, shift):
        """-100 between what the shift brought together from two sides of the map."""
        (h, w), device = x.shape[1:3], x.device
        below = torch.arange(h, device=device) >= h - shift[0]
        right = torch.arange(w, device=device) >= w - shift[1]
        side = self.cut((2 * below[:, None] + 1 * right)[None, ..., None])
        return torch.where(side != side.transpose(1, 2), -100.0, 0.0).to(x.dtype)

    def forward(self, x):
        _, h, w, _ = x.shape
        a, b = self.window
        if h % a or w % b:
            x = nn.functional.pad(x, (0, 0, 0, -w % b, 0, -h % a))
        n, rows, columns, c = x.shape
        # along an axis that one window covers, nothing is shifted
        shift = self.shift[0] * (rows > a), self.shift[1] * (columns > b)
        mask = self.mask(x, shift) if any(shift) else None
        if any(shift):
            x = x.roll((-shift[0], -shift[1]), (1, 2))
        qkv = self.project(self.cut(x)).unflatten(2, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        scores = self.scores(q, k) + self.bias()
        if mask is not None:
            scores = (scores.unflatten(0, (n, -1)) + mask[:, None]).flatten(0, 1)
        weights = scores.softmax(-1)
        weights = nn.functional.dropout(weights, self.attention_dropout, self.training)
        x = self.proj((weights @ v).transpose(1, 2).flatten(2))
        x = nn.functional.dropout(x, self.dropout, self.training)
        x = x.view(n, rows // a, columns // b, a, b, c).transpose(2, 3)
        x = x.reshape(n, rows, columns, c)
        if any(shift):
            x = x.roll(shift, (1, 2))
        return x[:, :h, :w].contiguous()
'''


def written(name: str, what: str, weights: str, methods: str, bias: str) -> str:
    """Return the text of a class for attention within windows.

    `weights` are the constructor's lines that make the position bias. `methods` are `project`, `scores` and `table`.
    `bias` is the expression that turns the table's rows, one for each pair of positions, into the bias.
    """
    parts = {"name": name, "what": what, "weights": weights.strip("\n"), "methods": methods.strip("\n"), "bias": bias}
    text = _WINDOW_ATTENTION
    for part, own in parts.items():
        text = text.replace(f"{{{part}}}", own)
    return text
