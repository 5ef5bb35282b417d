"""What convolutions allocate and free by themselves, eager on the CPU.

oneDNN computes with copies in which channels lie in blocks of 16, and its result is such a copy before it becomes a
plain tensor. Three kernels do that: forward, of the gradient of its source, and of the weights. A transposed
convolution is the second forward. torch computes a small map of a single image by itself, with a matrix of all patches.
Read from oneDNN's log of one thread, AVX-512; where torch convolves few images by a 1x1 window without copies, as it
does with one thread alone, these are upper bounds.
"""

from __future__ import annotations

from math import prod

from archlang.ops.answers import Wanted
from archlang.ops.convolving_sizes import DOUBLE, Convolving, convolving, up
from archlang.ops.kernel_gradients import weights_beside, weights_within
from archlang.ops.running import Scratch
from archlang.shapes import param_type

__all__ = ["Convolving", "backward", "convolving", "forward", "up"]

PRODUCTS = 2**16  # bytes, about, in which a kernel of products keeps sums and addresses


def forward(of: Convolving) -> Scratch:
    """Return what the forward pass takes: copies of map and weight beside the result's, or the result's beside it."""
    if of.is_plain:
        return _taken(of, of.patches * of.size)
    y = prod(of.y.shape) * of.size
    within, beside = _source(of) if of.transposed else _target(of)
    return _taken(of, max(within - y, beside, 0))


def backward(of: Convolving, wanted: Wanted) -> Scratch:
    """Return what the backward pass takes: first for the gradient of the input, then for that of the weights."""
    if of.is_plain:
        return _taken(of, of.patches * of.size)
    x, weight, most = prod(of.x.shape) * of.size, prod(of.weight) * of.size, 0
    made = (x if wanted.inputs[0] else 0) + (weight if wanted.weights else 0)
    if wanted.inputs[0]:
        within, beside = _target(of) if of.transposed else _source(of)
        most = max(within, beside + x) - made
    if wanted.weights:
        most = max(most, weights_within(of) + (x if wanted.inputs[0] else 0) - made, weights_beside(of))
    return _taken(of, max(most, 0))


def _target(of: Convolving) -> tuple[int, int]:
    """Return the bytes within the forward kernel, with its result, and those beside the plain result."""
    target, image = of.target, prod(of.target.shape[2:])
    if of.is_odd:
        sums = DOUBLE * prod(target.shape[1:]) // of.groups * (of.size < DOUBLE)
        return of.column * of.size + sums + prod(target.shape) * of.size, prod(target.shape) * of.size
    result = of.blocked(target)
    buffers = 0
    if of.is_one:  # each thread's part of an image, if it is summed in more digits or read with a stride
        buffers = DOUBLE * up(target["c"]) * image * (of.size < DOUBLE)
        buffers += of.source["c"] * image * of.size * of.strided
    return (of.read + of.weights + result) * of.size + buffers, result * of.size


def _source(of: Convolving) -> tuple[int, int]:
    """Return the same of the kernel that computes the gradient of the source."""
    source, target = of.source, of.target
    plain = prod(source.shape) * of.size
    if of.is_odd or of.is_spread:
        return of.column * of.size + plain, plain
    if of.is_strided_product:  # channels innermost, without blocks; its result is copied twice
        wide = 2 * prod(of.weight) * 16 if of.is_depthwise else of.all_weights
        return (prod(target.shape) + wide) * of.size + plain + PRODUCTS, 2 * plain
    result = of.blocked(source)
    buffers = DOUBLE * up(source["c"]) * prod(source.shape[2:]) * (of.is_one and of.size < DOUBLE)
    buffers += DOUBLE * result * (of.transposed and of.bias)  # the bias is added to sums
    return (of.blocked(target) + of.all_weights + result) * of.size + buffers, result * of.size


def _taken(of: Convolving, taken: int) -> Scratch:
    return (param_type((taken + of.copied * of.size,), "uint8"),)
