"""Modules that keep less for the backward pass: a normalised value is computed again where a convolution reads it.

A normalisation keeps its input, from which its result can be made again; so neither its result, nor that of the
activation after it, has to be kept, nor a product with it. Torch's own functions do them again, so that the gradients
are the same bit by bit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from archlang.ops.base import Expression, Module, Stored

NORMS = frozenset({"torch.nn.BatchNorm1d", "torch.nn.BatchNorm2d", "torch.nn.BatchNorm3d"})
CONVOLUTIONS = frozenset({"torch.nn.Conv1d", "torch.nn.Conv2d", "torch.nn.Conv3d"})
PRODUCTS = {"product(0)": 0, "product(1)": 1}  # a product by the input that is made again


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
    """The part of a call: of a normalisation, an activation (`again`), a product or a convolution; and its source.

    `at` is the input that need not be kept.
    """

    target: str
    source: str
    again: Again | None = None
    at: int = 0

    @property
    def is_norm(self) -> bool:
        """Whether it is a normalisation."""
        return self.target in NORMS

    @property
    def is_product(self) -> bool:
        """Whether it is a product of two values."""
        return self.target in PRODUCTS

    def applied(self, plain: Module | Expression | Stored) -> Module | Expression:
        """Return torch's module as the class of the source that stands for it, and a product as a call."""
        if isinstance(plain, Module):
            return replace(plain, target=_name(self.target), source=self.source)
        return Expression(f"product({{0}}, {{1}}, {self.at})")


def slims(targets: Collection[str]) -> dict[str, Slim]:
    """Return the part of each of these modules of torch, with one source for all of them."""
    classes = [_class(target) for target in sorted(targets) if target not in PRODUCTS]
    helpers = [_HELPERS, *([_PRODUCT] if len(classes) < len(targets) else [])]
    source = "\n\n\n".join([*(text.strip("\n") for text in helpers), *classes]) + "\n"
    return {one: Slim(one, source, ACTIVATIONS.get(one), PRODUCTS.get(one, 0)) for one in targets}


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
    """A normalised value that is not kept: the backward pass makes it again."""

    def __init__(self, norm, x, y):
        self.kept, self.eps, self.known = (x.detach(), x._version), norm.eps, None
        parts = (norm.weight, norm.bias)
        self.parts = [None if part is None else part.detach().clone() for part in parts]
        self.mean = None
        if is_linear(x, y, norm.weight):
            # x * (inverse * weight) + ..., as the kernel does: with a variance of 1 in evaluation
            self.mean, inverse = y.grad_fn._saved_result1.detach(), y.grad_fn._saved_result2
            weight = self.parts[0]
            self.parts[0] = inverse.detach() if weight is None else weight.mul_(inverse.detach())

    def again(self):
        """Return the value, made again."""
        x, mean, norm = unchanged(self.kept), self.mean, nn.functional.batch_norm
        if mean is None:
            return norm(x, None, None, *self.parts, True, 0.0, self.eps)
        return norm(x, mean, torch.ones_like(mean), *self.parts, False, 0.0, 0.0)

    @torch.no_grad()
    def operand(self):
        """Return the value for a product, whose gradient takes it next."""
        if self.known is None:
            self.known = self.again()
        return self.known

    @torch.no_grad()
    def value(self):
        """Return the value."""
        known, self.known = self.operand(), None
        return known


class Activated:
    """A normalised value that is activated, and not kept either."""

    def __init__(self, norm, activation):
        self.norm, self.activation = norm, activation
        self.known, self.result = None, None

    def before(self):
        """Return what the gradient of the activation takes: its result, or else the normalised value."""
        if self.known is None:
            y, activation = self.norm.again(), self.activation
            self.known = activation.again(y, inplace=True) if activation.by_result else y
        return self.known

    @torch.no_grad()
    def taken(self):
        """Return what the gradient of the activation takes, which nothing needs after it."""
        known, self.known = self.before(), None
        return known

    @torch.no_grad()
    def operand(self):
        """Return the value for a product, whose gradient takes it next."""
        if self.activation.by_result:
            return self.before()
        if self.result is None:
            self.result = self.activation.again(self.before())
        return self.result

    @torch.no_grad()
    def value(self):
        """Return the value. The activation before it needs it next."""
        value, self.result = self.operand(), None
        return value


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
        norm = made_of(x)
        if not isinstance(norm, Normalised):
            return super().forward(x)
        made, hooks = Activated(norm, self), torch.autograd.graph.saved_tensors_hooks
        with hooks(lambda _: made, Activated.taken):
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

_PRODUCT = '''
class Product:
    """A product with a normalised value, which is not kept either."""

    def __init__(self, made, factors, at):
        self.made, self.at = made, at
        self.other = factors[1 - at].detach(), factors[1 - at]._version

    @torch.no_grad()
    def value(self):
        """Return the product. Its own gradient needs the normalised value next."""
        x, other = self.made.operand(), unchanged(self.other)
        return other * x if self.at else x * other


def product(first, second, at):
    """Multiply two values. The one at this place is not kept, where it can be made again."""
    x = (first, second)[at]
    made, given = made_of(x), [x]
    if not isinstance(made, (Normalised, Activated)):
        return first * second

    def pack(saved):
        return made if saved is given[0] else (saved, saved._version)

    def unpack(kept):
        return kept.value() if kept is made else unchanged(kept)

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = first * second
    given.clear()  # as a convolution does
    y.made_of = Product(made, (first, second), at), y._version
    return y
'''
