"""The input positions that one output position sees, compared with torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import torch

from archlang.laws.agreeing import Broken, Undeclared
from archlang.laws.calling import called, inputs_of
from archlang.laws.cases import Case
from archlang.ops.base import Slide
from archlang.shapes import TensorType


def reach_is_torchs(case: Case) -> None:
    """Check that an output position sees no more than the operator says, and that a window touches both ends of it."""
    for output in range(len(case.op.outputs(*case.types))):
        for at, x in enumerate(case.types):
            slides = _between(case, at, output)
            if "n" in x.axes and (x.is_float or not case.are_places):  # a parameter has no positions
                for axis in {*x.axes, *slides} - {"n", *({"c"} - {*slides})}:
                    reach_along(case, at, output, axis)


def reach_along(case: Case, at: int, output: int, axis: str) -> None:
    x, y = case.types[at], case.op.outputs(*case.types)[output]
    slides = _between(case, at, output)
    slide = slides.get(axis, Slide())
    moved = slide.axis or axis
    if axis not in slides and x[axis] == 1:
        slide = Slide(1, 0)  # it may be broadcast along this axis
    if slide.step != 0 and moved not in y.axes:
        raise Broken(f"the output has no axis {axis}, and the reach has no step of 0 along it")
    border = getattr(case.op, "padding_mode", getattr(case.op, "mode", "zeros"))
    copies = border in ("reflect", "replicate", "circular")
    others = [other for other in slides if other != axis]
    # a window that sees padding alone, or whose holes cover the input, sees nothing along any axis
    tight = axis in slides and axis != "c" and all(inside(slides[other], x, y, other) for other in others)
    # an index stays the same if all values that it chooses among grow alike
    is_exact = slide.phases or all(isinstance(n, int) for n in (slide.extent, slide.step, slide.before))
    tight = tight and y.is_float and bool(is_exact)
    # where several axes became one, a position that sees padding alone along another sees nothing
    along = {name: slides[name] for name in others if slide.axis and slides[name].axis == slide.axis and name in x.axes}
    of_each = influence(case, at, axis, output, moved)
    if slide.step == 0:  # what is constant, as a softmax of one value is, sees nothing
        tight = tight and x.is_float and x[axis] > 1 and any(of_each)
    tight = tight and not slide.at_most
    for position, seen in enumerate(of_each):
        window = slide.seen(position)
        if copies and not (0 <= window[0] and window[-1] < x[axis]):
            continue  # the border consists of values further in
        if not seen <= set(window):
            raise Broken(
                f"position {position} along {axis} is said to see {_listed(window)} of input {at}, and depends on "
                f"{_listed(seen)}"
            )
        visible = set(window) & set(range(x[axis]))
        # a key that is alone in its softmax has weight 1, whatever its value
        alone = len(visible) == 1 and len(case.types) > 1 and not case.op.join
        ends = {*window[:1], *window[-1:]} & visible
        hidden = any(not set(other.seen(position)) & set(range(x[name])) for name, other in along.items())
        if not tight or alone or hidden or ends <= seen:
            continue
        if not ends <= seen | _seen_otherwise(case, at, axis, output, moved, position, slide):
            raise Broken(
                f"position {position} along {axis} is said to see {_listed(window)} of input {at}, and depends on "
                f"{_listed(seen)} alone"
            )


def _listed(positions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(positions))) or "nothing"


def _between(case: Case, at: int, output: int) -> Mapping[str, Slide]:
    reach = case.op.reach(*case.types)
    if reach is None:
        raise Undeclared("reach")
    return reach.between(at, output)


def opened(case: Case) -> Callable[..., Any]:
    """Return what is called, in double precision, with rectifiers open and tanh not saturated."""
    module = called(case)
    if isinstance(module, torch.nn.Module):
        module.double().eval()
        for weight in module.parameters():
            weight.data.abs_().mul_(0.5)
    return module


def sloped(case: Case, at: int, axis: str, output: int, moved: str, position: int) -> set[int]:
    """Return where a value along an axis has a gradient. Gradients that fade from step to step are ignored."""
    module = opened(case)
    inputs = [x.detach().double().requires_grad_(x.is_floating_point()) for x in inputs_of(case)]
    axes, y = case.op.outputs(*case.types)[output].axes, _at(module(*inputs), output)
    seeing = y.select(axes.index(moved), position) if moved in axes else y
    grad: Any = torch.autograd.grad  # torch's annotation omits that the gradient of an unused input is None
    (slope,) = grad(seeing.sum(), inputs[at], allow_unused=True)
    if slope is None:
        return set()
    return _true(slope.movedim(case.types[at].axes.index(axis), 0).flatten(1).any(1))


def _seen_otherwise(
    case: Case, at: int, axis: str, output: int, moved: str, position: int, slide: Slide
) -> set[int]:  # fmt: skip
    """Return the positions that a value sees by its gradient, or by changes other than an increase: a least value."""
    found = sloped(case, at, axis, output, moved, position) if case.types[at].is_float else set[int]()
    if slide.step == 0:
        of_each = influence(case, at, axis, output, moved, grows=False)
        found |= of_each[position]
    return found


def inside(slide: Slide, x: TensorType, y: TensorType, axis: str) -> bool:
    """Return whether some window is wholly inside the input."""
    positions = y[slide.axis or axis] if (slide.axis or axis) in y.axes else 1
    windows = map(slide.seen, range(positions))
    return any(window and window[0] >= 0 and window[-1] < x[axis] for window in windows)


def influence(
    case: Case, at: int, axis: str, output: int = 0, moved: str = "", *, grows: bool = True
) -> list[set[int]]:
    """Return, for each position of an output along an axis, the positions of input `at` that change it.

    The output's axis is `moved` if it has another name. An output without that axis counts as one position. Values
    change by 10; they become greater where it `grows`.
    """
    module = opened(case)
    table = getattr(case.op, "count", None)  # integers that choose a row stay unchanged
    kept = [table or x.dtype == "bool" or (case.are_places and not x.is_float) for x in case.types]
    inputs = [x.detach() if whole else x.detach().double() for whole, x in zip(kept, inputs_of(case), strict=True)]
    along, y = case.types[at].axes.index(axis), case.op.outputs(*case.types)[output]
    made = moved or axis
    change = 10 if grows else -10
    seen = [set[int]() for _ in range(y[made] if made in y.axes else 1)]
    before = _drawn_alike(module, inputs, output)
    for position in range(case.types[at][axis]):
        changed = inputs[at].clone()
        place = changed.select(along, position)
        place.copy_((place + 1) % table if table else ~place if place.dtype == torch.bool else place + change)
        after = _drawn_alike(module, [*inputs[:at], changed, *inputs[at + 1 :]], output)
        # a weight of 0 may come out as a rounding error
        differs = ~before.isclose(after, rtol=0, atol=1e-9, equal_nan=True)
        rows = differs.movedim(y.axes.index(made), 0) if made in y.axes else differs[None]
        for index in _true(rows.flatten(1).any(1)):
            seen[index].add(position)
    return seen


def _true(x: torch.Tensor) -> set[int]:
    """Return the positions of a vector that are not zero."""
    places: list[int] = cast(Any, x.nonzero().flatten()).tolist()
    return set(places)


def _drawn_alike(module: Callable[..., Any], inputs: Sequence[torch.Tensor], output: int) -> torch.Tensor:
    """Return an output, drawn with the same noise in each call if noise is drawn."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed also records the stack, which takes milliseconds
    return _at(module(*inputs), output)


def _at(given: torch.Tensor | Sequence[torch.Tensor], output: int) -> torch.Tensor:
    return given if isinstance(given, torch.Tensor) else given[output]
