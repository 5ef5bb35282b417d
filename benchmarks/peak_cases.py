"""The nets of `benchmarks.peak`: each operator alone at the sizes of real nets, and nets that were once told wrong.

A case is a name, the inputs of the net, and its body. The first input of a group of operators is multiplied by a
parameter, so that every operator has a gradient to compute. `NETS` are whole nets, some of them shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAPS, TOKENS, WINDOWED, VECTORS = "64x56x56", "196x256 n t c", "56x56x96 n h w c", "2048"
_SCALES = {MAPS: "[64, 1, 1]", TOKENS: "[256]", WINDOWED: "[96]", VECTORS: "[2048]"}

OPERATORS: dict[str, tuple[str, ...]] = {
    MAPS: (
        "relu", "tanh", "sigmoid", "softmax axis=1", "adaptive_avgpool 7x7", "globalavgpool", "softmin axis=1",
        "glu", "maxout 2", "lcn 5", "conv 1x1 128", "conv 3x3 64 pad=1", "conv 3x3/2 128 pad=1 bias=false",
        "conv 3x3 64 pad=1 groups=64", "conv 5x5 64 pad=2 groups=4", "conv 3x3 64 pad=1 padding_mode=reflect",
        "conv 7x7/2 64 pad=3", "conv 3x3 64 pad=2 dilation=2", "crop 28x28", "deconv 2x2/2 64", "deconv 4x4/2 32 pad=1",
        "abs", "sqrt", "rsqrt", "reciprocal", "pow 3", "log", "sin", "cos", "sign", "clamp low=0.25 high=0.75", "exp",
        "softplus", "log_softmax axis=1", "max axis=1", "min axis=1", "frozen_batchnorm", "groupnorm 8", "instancenorm",
        "gumbel_softmax axis=1", "flatten", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "hardswish",
        "hardsigmoid", "locally_connected 3x3 8", "adaptive_maxpool 7x7", "globalmaxpool", "prod axis=2 keep=true",
        "var axis=1", "std axis=1", "vector_norm axis=1", "logsumexp axis=1", "cumsum axis=1", "roll 1 axis=2",
        "flip axis=2", "tile 2 axis=1", "lppool 2x2/2 p=2", "batchnorm", "lrn 5", "pad 1",
        "pad 3 mode=reflect", "split 2",
        "select 0", "slice 1 33", "unfold 2x2/2", "unfold 3x3", "maxpool 2x2/2", "maxpool 3x3/2 pad=1", "avgpool 2x2/2",
        'permute "n h w c" -> gelu', 'rearrange "n (c p=2) h w -> n c (p h) w"', "celu", "mish", "hardtanh",
        "threshold 0.5", "step", "rrelu", "mean [2, 3] keep=true", "sum [2, 3] keep=true", "dropout 0.5",
        "alpha_dropout 0.1", "spatial_dropout 0.2", "feature_alpha_dropout 0.1", "upsample 2",
        "upsample 2 mode=bilinear", "resize 112x112 mode=bilinear", "neg", "scale 0.1", "shift 1", "square",
        "hardshrink 0.5", "softshrink 0.25", "tanhshrink", "pixel_shuffle 2", "pixel_unshuffle 2", "channel_shuffle 2",
        "softsign", "logsigmoid", "scaled_tanh", "normalize", "std_conv 3x3 64 pad=1", "stochastic_depth 0.2",
        "dropblock 0.1 block_size=7", "subsampling 2x2", "tiled_conv 3x3 16 tile=2", "take [0, 2, 5]",
        "bed_of_nails 2", "argmax axis=1", "less 0.5", "average { | it | it }", "maximum { | it | it }",
        "mul { | it | globalavgpool }", "concat { | it | it }", "stack { | it | it }", "detach",
    ),
    TOKENS: (
        "attention 8", "attention 8 causal=true", "grouped_query_attention 8 kv_heads=2",
        "grouped_query_attention 8 kv_heads=2 causal=true", "relative_attention 14x14 8", "rotary_embedding",
        "rotary_embedding interleaved=true", "layernorm", "rmsnorm", "linear 1024", "linear 1024 bias=false",
        "positional_encoding", "positional_embedding 196", "lstm 256", "gru 256", "rnn 256",
        "lstm 128 bidirectional=true", "lstm 256 layers=2", "q: it\n (q, q, q) -> sdpa 8",
        "q: it\n (q, q, q) -> sdpa 8 causal=true", "causal_mask -> m: it\n (x, x, x, m) -> sdpa 8",
        'a: it\n (a, a) -> einsum "n t c, n s c -> n t s"', "a: it\n (a, a) -> cosine_similarity axis=-1",
        "a: it\n permute \"n c t\" -> b: it\n (a, b) -> matmul", "normalize axis=-1", "glu axis=-1", "gelu",
    ),
    WINDOWED: (
        "window_attention 3 window=7x7", "window_attention 3 window=7x7 shift=3",
        "cosine_window_attention 3 window=8x8 shift=4",
    ),
    VECTORS: (
        "linear 1000", "batchnorm", "radial_basis 256", "rnn_cell 512", "gru_cell 512",
        "lstm_cell 512 -> (h, c): it\n h",
        "a: it\n (a, a) -> bilinear 16",
    ),
}  # fmt: skip
IDS = ("embedding 8192 256", "embedding_bag 8192 256", "one_hot 1000", "embedding 8192 256 -> layernorm")


# of each group: three batches, and what is written instead for the sizes of that batch
SIZES: dict[str, tuple[tuple[int, dict[str, str]], ...]] = {
    MAPS: ((8, {}), (16, {"64x56x56": "64x28x28"}), (4, {"64x56x56": "64x72x48"})),
    TOKENS: (
        (8, {}),
        (32, {"196x256": "49x256", "14x14": "7x7", "positional_embedding 196": "positional_embedding 49"}),
        (2, {"196x256": "576x256", "14x14": "24x24", "positional_embedding 196": "positional_embedding 576"}),
    ),
    WINDOWED: ((8, {}), (16, {"56x56x96": "28x28x96"}), (32, {"56x56x96": "14x14x96"})),
    VECTORS: ((8, {}), (64, {}), (256, {})),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A net of one operator, its text, and how many images run through it at once."""

    name: str
    text: str
    batch: int


def operator_cases(size: int = 0) -> Iterator[Case]:
    """Yield a net for each operator, in the order of the table, at one of the three `SIZES`."""
    for shape, steps in OPERATORS.items():
        _, _, axes = shape.partition(" ")
        batch, replaced = SIZES[shape][size]
        start = f'axes "{axes}" -> ' if axes else ""
        for step in steps:
            given = shape.partition(" ")[0] if "x" in shape else f"[{shape}]"
            body = f"param s: {_SCALES[shape]} init=ones\n {start}x0: it\n (x0, s) -> mul -> x: it\n x -> {step}"
            text = f"net n {{\n input image: {given}\n {body}\n output\n}}"
            for before, after in replaced.items():
                text = text.replace(before, after)
            yield Case(step, text, batch)
    for step in IDS:
        yield Case(step, f"net n {{\n input ids: [512] dtype=int64\n {step}\n output\n}}", (8, 2, 32)[size])


GPT = """net gpt(n=1024, depth=2) {
  input ids: [n] dtype=int64
  embedding 8192 256 -> positional_embedding n
  repeat depth {
    residual { layernorm -> attention 8 causal=true }
    residual { layernorm -> linear 1024 -> gelu -> linear 256 }
  }
  layernorm -> linear 8192 bias=false
  output
}"""
RECURRENT = """net recurrent {
  input ids: [200] dtype=int64
  embedding 5000 128 -> WORD 256 -> select -1 -> linear 2
  output
}"""
DQN = """net dqn {
  input frames: 4x84x84
  conv 8x8/4 32 -> relu -> conv 4x4/2 64 -> relu -> conv 3x3 64 -> relu -> flatten -> linear 512 -> relu -> linear 18
  output
}"""
NETS: dict[str, tuple[str, int]] = {
    "gpt, 1,024 tokens": (GPT, 1),
    "gru": (RECURRENT.replace("WORD", "gru"), 32),
    "lstm": (RECURRENT.replace("WORD", "lstm"), 32),
    "dqn": (DQN, 32),
    "lenet5_1998": ("lenet5_1998", 64),
    "resnet18": ("resnet18", 4),
    "mobilenet_v2": ("mobilenet_v2", 4),
    "vit_b_32": ("vit_b_32", 2),
    "swin_t": ("swin_t", 1),
    "convnext_tiny": ("convnext_tiny", 1),
}
