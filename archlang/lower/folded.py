"""The helper function of a source whose normalisations are folded into convolutions."""

from __future__ import annotations

from archlang.program import Program

FUNCTION = "folded"  # the function that applies both: `x = folded(self.conv1, self.bn1, x)`
IMPORTS = ("from weakref import WeakKeyDictionary",)
TORCH_IMPORTS = ("from torch.nn.utils.fusion import fuse_conv_bn_weights",)
NAMES = frozenset({FUNCTION, "folded_weights", "FOLDED", "WeakKeyDictionary", "fuse_conv_bn_weights"})

SOURCE = '''
FOLDED = WeakKeyDictionary()  # by convolution: the state of what was folded, and the weights


def folded_weights(conv, norm):
    """Return the weight and bias of a convolution with the norm after it, computed again where one has changed."""
    parts = (conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    told = (*parts, norm.num_batches_tracked)  # training counts a batch where it moves the statistics
    state = [x if x is None else (x.data_ptr(), x.dtype, 0 if x.is_inference() else x._version) for x in told]
    if conv not in FOLDED or FOLDED[conv][0] != state:
        weight, bias, mean, var, scale, shift = parts
        with torch.inference_mode(False), torch.no_grad():
            FOLDED[conv] = state, fuse_conv_bn_weights(weight, bias, mean, var, norm.eps, scale, shift)
    return FOLDED[conv][1]


def folded(conv, norm, x):
    """Apply a convolution and the norm after it; as one convolution in evaluation without gradients."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if norm.training or torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type) or traced:
        return norm(conv(x))
    weight, bias = folded_weights(conv, norm)
    return torch.nn.functional.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
'''


def folds(program: Program) -> bool:
    """Return whether any normalisation of a Program is folded."""
    return any(call.convolution is not None for call in program.walk())
