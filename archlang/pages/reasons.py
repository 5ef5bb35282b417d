"""Why a name of PyTorch's is no operator here: one table, written by hand and checked by the tests.

A name must be removed as soon as an operator has it; until then the page of names cannot be made.
"""

from __future__ import annotations

from collections.abc import Mapping

_LOSS = "a loss, which compares a net's output with a target: a matter of training, not of the net"
_CONTAINER = "a container: braces, blocks, `repeat` and labels say the same"
_STORED = "a container of weights: `param` and `buffer` declare them one by one"
_LAZY = "a twin that waits for its input's size, which is always known here"
_BASE = "a base class of others"
_RANDOM_WINDOWS = "not built: its windows are drawn anew in each call"
_WHOLE = "a whole part of a net: a block of `attention`, `layernorm`, `linear` and `residual`"
_DISTANCE = "not built: it compares two batches, which losses do and nets seldom"
_PATCHES = "not built: sums of overlapping patches; `rearrange` puts patches together that do not overlap"
_HELPER = "a helper of PyTorch's own code"
_INDICES = "what the pool of that name calls where positions are asked for as well"
_SAMPLING = "not built: it samples at positions that the net computes"
_KERNEL = "a matrix product of low precision or uneven groups for one kind of hardware; `matmul` is the operator"

_MODULES = {
    _LOSS: """
        AdaptiveLogSoftmaxWithLoss BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss
        GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss
        MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss
        SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss
    """,
    _CONTAINER: "Container ModuleDict ModuleList Sequential",
    _STORED: "ParameterDict ParameterList",
    _LAZY: """
        LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d
        LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear
    """,
    _BASE: "Module RNNBase RNNCellBase",
    _WHOLE: "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer",
    _RANDOM_WINDOWS: "FractionalMaxPool2d FractionalMaxPool3d",
    _DISTANCE: "PairwiseDistance",
    _PATCHES: "Fold",
    "an older name of `LocalResponseNorm`": "CrossMapLRN2d",
    "how a batch is spread over devices, which a net does not say": "DataParallel",
    "`batchnorm` whose statistics are those of several processes; a net does not say how it is run": "SyncBatchNorm",
    "`softmax`, over the channels of a map": "Softmax2d",
}

_FUNCTIONS = {
    _LOSS: """
        binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy ctc_loss
        gaussian_nll_loss hinge_embedding_loss huber_loss kl_div l1_loss linear_cross_entropy margin_ranking_loss
        mse_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss poisson_nll_loss
        smooth_l1_loss soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss
    """,
    _HELPER: """
        Optional assert_int_or_pair boolean_dispatch handle_torch_function has_torch_function has_torch_function_unary
        has_torch_function_variadic
    """,
    _INDICES: """
        adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices
        fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices max_pool1d_with_indices
        max_pool2d_with_indices max_pool3d_with_indices
    """,
    _RANDOM_WINDOWS: "fractional_max_pool2d fractional_max_pool3d",
    _DISTANCE: "pairwise_distance pdist",
    _PATCHES: "fold",
    _SAMPLING: "affine_grid grid_sample",
    _KERNEL: "grouped_mm scaled_grouped_mm scaled_mm",
    "a convolution with its axes in another order: `permute`, then `conv`": "conv_tbc",
    "what `attention` computes, with its weights given as arguments": "multi_head_attention_forward",
    "a twin of `channel_shuffle`": "native_channel_shuffle",
    "an older name of `interpolate`": "upsample_bilinear upsample_nearest",
}


def _by_name(reasons: Mapping[str, str]) -> dict[str, str]:
    return {name: reason for reason, names in reasons.items() for name in names.split()}


MODULES = _by_name(_MODULES)
FUNCTIONS = _by_name(_FUNCTIONS)
