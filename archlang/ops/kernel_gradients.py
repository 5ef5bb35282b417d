"""What the gradient of a convolution's weights takes: oneDNN's copies, and its sums of more digits.

Sums of values in half precision have 4 bytes, and maps are turned first. What no kernel takes is a product of matrices,
with 4 weights' worth of sums. That is one thread's; each further thread may have sums of its own.
"""

from __future__ import annotations

from math import prod

from archlang.ops.convolving_sizes import BLOCK, DOUBLE, Convolving, up
from archlang.shapes import TensorType

SHARED = 8_580  # bytes of a kernel's own tables, in half precision
ALIGNED = 512  # bytes, at most, between the parts of a buffer


def weights_within(of: Convolving) -> int:
    """Return the bytes within the kernel: copies of both maps, its result, and its sums."""
    if _is_product(of):
        sums = DOUBLE * (4 * prod(of.weight) + BLOCK)
        return (_copied(of) + of.column) * of.size + sums + _few_bytes(of)
    maps = of.blocked(of.target) + _read_again(of)
    return (maps + _copied(of)) * of.size + _sums(of)


def weights_beside(of: Convolving) -> int:
    """Return the bytes of the kernel's result, which is alive beside the plain one, with that of the bias."""
    plain = prod(of.weight) if of.is_last else 0  # turned, then contiguous
    return (_copied(of) + plain + of.weight[0] * of.bias) * of.size


def _is_product(of: Convolving) -> bool:
    """Return whether no kernel takes it, as the window or the channels of a group do not suit."""
    halves = of.size < DOUBLE
    if of.is_depthwise:
        return max(of.kernel) > 3 and not of.is_last
    if of.groups > 1:
        return any(side % (BLOCK if halves else BLOCK // 2) for side in of.sides)
    if of.is_spread or (halves and of.is_few and of.weight[0] % BLOCK):
        return True
    return of.kernel[-1] > 14 and not (halves and of.is_few)


def _is_padded(of: Convolving) -> bool:
    """Return whether each channel of a window over single channels is computed as a block of them."""
    return of.is_depthwise and max(of.kernel) > 3 and of.is_last


def _copied(of: Convolving) -> int:
    """Return the values of the kernel's result."""
    if _is_padded(of):
        return prod(of.weight) * BLOCK**2
    if _is_product(of):
        return prod(of.weight)
    return of.widened(_inner(of) if of.is_few else up(of.weight[1]))


def _inner(of: Convolving) -> int:
    """Return the inner channels where they are few: 3 and fewer stay as they are, as all do in half precision."""
    few = of.weight[1]
    if few <= 3 or of.size < DOUBLE:
        return few
    return BLOCK // 2 if few <= BLOCK // 2 else BLOCK


def _read_again(of: Convolving) -> int:
    """Return the values of the copy of the source: 3 channels as they are, 8 as half a block."""
    if not of.is_few:
        return of.read
    source = of.source
    return prod(source.shape) // source["c"] * _inner(of) * (_inner(of) > 3 and of.size >= DOUBLE)


def _sums(of: Convolving) -> int:
    """Return the bytes of a kernel's sums, and in half precision of the turned maps of an image."""
    image = prod(of.target.shape[2:])
    if of.size >= DOUBLE:
        return of.source["c"] * image * of.size * (of.is_one and of.strided)
    sums = DOUBLE * (_copied(of) + up(of.weight[0]))
    if of.is_depthwise and not _is_padded(of):
        return sums
    if of.is_one:
        return sums + sum(up(x["c"]) * prod(x.shape[2:]) for x in (of.source, of.target)) * of.size + ALIGNED
    maps = _turned(of.target, _even(of.target.shape[-1])) + _turned_source(of)
    return sums + SHARED + maps * (BLOCK if _is_padded(of) else 1) * of.size


def _turned_source(of: Convolving) -> int:
    """Return the values of the turned source, each of whose rows has what the windows of a row see."""
    if of.is_few:
        return 0
    step, gap = of.stride[-1], (*(1,), *of.dilation)[-1]
    width = _even(of.target.shape[-1])
    return _turned(of.source, step * _even(width - (-(of.kernel[-1] - 1) * gap // step)))


def _turned(x: TensorType, width: int) -> int:
    return up(x["c"]) * prod(x.shape[2:-1]) * width


def _even(size: int) -> int:
    return size + size % 2


def _few_bytes(of: Convolving) -> int:
    """Return the bytes beside the sums of a product, in half precision."""
    return (DOUBLE * of.weight[0] + ALIGNED) * (of.size < DOUBLE)
