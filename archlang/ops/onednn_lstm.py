"""What oneDNN allocates for a layer of LSTM over t n c, in float32 on a processor with AVX-512.

One call computes all steps of one layer in one direction. Rows of matrices begin at multiples of 64 bytes, but not of
256 values. Sizes were measured with torch 2.13. The end of the scratchpad depends on the number of threads, and is told
for two.
"""

from __future__ import annotations

from dataclasses import dataclass

PAGE, LINE = 4096, 16  # bytes of a page, and values of a line of the cache
REST = 5_112  # bytes of the scratchpad behind its matrices, at most
REST_IN_TRAINING = 4_664
VECTOR = 32  # outputs side by side in the packed weights of an inference


@dataclass(frozen=True, slots=True)
class Sizes:
    """One layer in one direction: steps, images, channels of its input, width of its state. Results are bytes."""

    t: int
    n: int
    c: int
    width: int

    @property
    def gates(self) -> int:
        return 4 * self.width

    @property
    def state(self) -> int:
        """Return the bytes of the state of one step."""
        return 4 * self.n * self.width

    @property
    def workspace(self) -> int:
        """What training saves: the gates, the states of all steps, and places for their gradients."""
        wide, steps = _row(max(self.c, self.width)), 2 * (self.t + 1) * self.n
        sizes = (self.t * self.n * _row(self.gates), self.t * self.n * _row(self.width))
        return sum(map(_pages, sizes)) + 3 * _pages(steps * wide) + 2 * _pages(steps * self.width)

    @property
    def forward(self) -> int:
        """What an inference takes for a moment: the sum of both biases, packed weights, and a scratchpad."""
        packed = 4 * (self.c + self.width) * 4 * _up(self.width, VECTOR)
        steps = 2 * (self.t + 1) * self.n
        sizes = (steps * _row(max(self.c, self.width)), steps * self.width)
        once = (self.n * _row(self.gates), self.n * _row(self.width))
        return 4 * self.gates + packed + sum(map(_pages, (*sizes, *once))) + REST

    @property
    def training(self) -> int:
        """The same of the forward pass in training."""
        return 4 * self.gates + self._rows + self._scratchpad

    @property
    def backward(self) -> int:
        """What the backward pass takes beside its gradients.

        These are copies of the gradients that enter and of weights, gradients of the first states, and gradients of the
        weights in rows of whole lines.
        """
        copies = sum(4 * self.gates * _row(side) for side in (self.c, self.width) if _row(side) != side)
        result = 4 * self.t * self.n * self.width + 4 * self.state
        return result + 2 * 4 * self.gates + copies + self._rows + self._scratchpad

    @property
    def _rows(self) -> int:
        return 4 * (self.c + self.width) * _row(self.gates)

    @property
    def _scratchpad(self) -> int:
        return _pages(self.t * self.n * _row(self.gates)) + 2 * _pages(self.n * _row(self.width)) + REST_IN_TRAINING


def _up(values: int, multiple: int) -> int:
    return -(-values // multiple) * multiple


def _row(values: int) -> int:
    """Return the values of a row in memory."""
    whole = _up(values, LINE)
    return whole if whole % 256 else whole + LINE


def _pages(values: int) -> int:
    """Return the bytes of whole pages that hold these values."""
    return _up(4 * values, PAGE)
