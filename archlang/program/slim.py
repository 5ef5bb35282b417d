"""Modules that keep less for the backward pass: a normalised value is computed again where a convolution reads it.

A normalisation keeps its input, from which its result can be made again; so neither its result, nor that of the
activation after it, has to be kept. Torch's own functions do both again, so that the gradients are the same bit by bit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from archlang.ops.base import Module

NORMS = frozenset({"torch.nn.BatchNorm1d", "torch.nn.BatchNorm2d", "torch.nn.BatchNorm3d"})
CONVOLUTIONS = frozenset({"torch.nn.Conv1d", "torch.nn.Conv2d", "torch.nn.Conv3d"})


@dataclass(frozen=True, slots=True)
class Again:
    """How an activation is applied again: torch's function, and whether its gradient can be taken of its result."""

    function: str
    by_result: bool


ACTIVATIONS = {
    "torch.nn.ReLU": Again("relu", by_result=True),
    "torch.nn.ReLU6": Again("relu6", by_result=True),  # zero or six where the gradient is zero, and only there
    "torch.nn.SiLU": Again("silu", by_result=False),
    "torch.nn.Hardswish": Again("hardswish", by_result=False),
}


@dataclass(frozen=True, slots=True)
class Slim:
    """The part of a call: of a normalisation, of an activation (`again`), or else of a convolution; and its source."""

    target: str
    source: str
    again: Again | None = None

    @property
    def is_norm(self) -> bool:
        """Whether it is a normalisation."""
        return self.target in NORMS

    def module(self, plain: Module) -> Module:
        """Return torch's module as the class of the source that stands for it."""
        return replace(plain, target=_name(self.target), source=self.source)


def slims(targets: Collection[str]) -> dict[str, Slim]:
    """Return the part of each of these modules of torch, with one source for all of them."""
    source = "\n\n\n".join([_HELPERS.strip("\n"), *(_class(target) for target in sorted(targets))]) + "\n"
    return {target: Slim(target, source, ACTIVATIONS.get(target)) for target in targets}


def _name(target: str) -> str:
    return f"Slim{target.rpartition('.')[2]}"


def _class(target: str) -> str:
    base = "SlimNorm" if target in NORMS else "SlimActivation" if target in ACTIVATIONS else "SlimConvolution"
    lines = [f"class {_name(target)}({base}, {target.removeprefix('torch.')}):"]
    again = ACTIVATIONS.get(target)
    if again is None:
        return f"{lines[0]}\n    pass"
    lines += [f"    again = staticmethod(nn.functional.{again.function})", f"    by_result = {again.by_result}"]
    return "\n".join(lines)


_HELPERS = '''
class Normalised:
    """A normalised value, perhaps activated, that is not kept: the backward pass makes it again."""

    def __init__(self, norm, x, y):
        self.kept, self.eps = (x.detach(), x._version), norm.eps
        self.activation, self.known = None, None
        parts = (norm.weight, norm.bias)
        self.parts = [None if part is None else part.detach().clone() for part in parts]
        self.mean = None
        if is_linear(x, y, norm.weight):
            # x * (inverse * weight) + ..., as the kernel does: with a variance of 1 in evaluation
            self.mean, inverse = y.grad_fn._saved_result1.detach(), y.grad_fn._saved_result2
            weight = self.parts[0]
            self.parts[0] = inverse.detach() if weight is None else weight.mul_(inverse.detach())

    def before(self):
        """Return what the gradient of the activation takes: its result, or else the normalised value."""
        if self.known is None:
            x, mean, again = unchanged(self.kept), self.mean, self.activation
            norm = nn.functional.batch_norm
            if mean is None:
                y = norm(x, None, None, *self.parts, True, 0.0, self.eps)
            else:
                y = norm(x, mean, torch.ones_like(mean), *self.parts, False, 0.0, 0.0)
            by_result = again is not None and again.by_result
            self.known = again.again(y, inplace=True) if by_result else y
        return self.known

    @torch.no_grad()
    def taken(self):
        """Return what the gradient of the activation takes, which nothing needs after it."""
        known, self.known = self.before(), None
        return known

    @torch.no_grad()
    def value(self):
        """Return the value. The activation before it needs it next."""
        if self.activation is None:
            return self.taken()
        known = self.before()
        return known if self.activation.by_result else self.activation.again(known)


def unchanged(kept):
    """Return a saved tensor, which must be as it was."""
    tensor, version = kept
    if tensor._version != version:
        raise RuntimeError("a tensor needed for gradients was changed in place")
    return tensor


def made_of(x):
    """Return how a tensor is made again; None if it is not known, or it was changed."""
    made, version = getattr(x, "made_of", (None, None))
    return made if made is not None and x._version == version else None


def is_linear(x, y, weight):
    """Return whether a kernel of the CPU has applied each channel as a product and a sum."""
    last = torch.channels_last if x.dim() == 4 else torch.contiguous_format
    is_plain = x.is_contiguous() or x.is_contiguous(memory_format=last)
    is_alike = x.dtype in (torch.float32, torch.float64)
    is_alike = is_alike and (weight is None or weight.dtype == x.dtype)
    name = type(y.grad_fn).__name__
    return x.is_cpu and is_plain and is_alike and name == "NativeBatchNormBackward0"


class SlimNorm:
    """A normalisation that tells the next module how its result is made again, in training."""

    def forward(self, x):
        y = super().forward(x)
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
        cast = torch.is_autocast_enabled(x.device.type)
        if self.training and y.requires_grad and not traced and not cast:
            y.made_of = Normalised(self, x, y), y._version
        return y


class SlimActivation:
    """An activation that keeps nothing for the backward pass, where its input can be made again."""

    def forward(self, x):
        made = made_of(x)
        if made is None:
            return super().forward(x)
        made.activation = self
        hooks = torch.autograd.graph.saved_tensors_hooks
        with hooks(lambda _: made, Normalised.taken):
            y = super().forward(x)
        y.made_of = made, y._version
        return y


class SlimConvolution:
    """A convolution that does not keep its input, where that can be made again."""

    def forward(self, x):
        made, given = made_of(x), [x]
        if made is None:
            return super().forward(x)

        def pack(saved):
            return made if saved is given[0] else (saved, saved._version)

        def unpack(kept):
            return kept.value() if kept is made else unchanged(kept)

        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = super().forward(x)
        given.clear()  # torch holds on to `pack`, which must not keep the input
        return y
'''
